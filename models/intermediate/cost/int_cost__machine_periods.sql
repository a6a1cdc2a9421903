-- Periods that the bill charges machines for which several runs shared, or one in part,
-- and how long the machine was on in each: by the line's own hours, as long as runs
-- were on it at least. One row per resource and period.
with
    charges as (select * from {{ ref("int_cost__charges_wanted") }}),
    resource_attempts as (select * from {{ ref("int_cost__resource_attempts") }}),
    run_resources as (select * from {{ ref("int_cost__run_resources") }}),
    units as (select * from {{ ref("int_billing__units") }} where dimension = 'hours'),
    hour_lines as (select * from {{ ref("machine_hour_lines") }}),

    machines as (
        select
            resource_attempts.resource_text,
            min(resource_attempts.started_at_utc) as first_start_at_utc,
            max(resource_attempts.stopped_at_utc) as last_stop_at_utc,
            max(resource_attempts.machine_vcpus) as machine_vcpus,
            max(resource_attempts.machine_accelerators) as machine_accelerators
        from resource_attempts
        left join
            (select resource_text from run_resources group by resource_text) as owned
            on resource_attempts.resource_text = owned.resource_text
        where owned.resource_text is null
        group by resource_attempts.resource_text
    ),

    charges_counted as (
        select
            charges.resource_text,
            charges.charge_start_at_utc,
            charges.period_end_at_utc,
            {{ epoch_s("charges.period_end_at_utc") }}
            - {{ epoch_s("charges.charge_start_at_utc") }} as period_s,
            charges.consumed_quantity
            * units.factor
            * 3600
            / case
                max(hour_lines.counted_by)
                when 'vcpus'
                then max(machines.machine_vcpus)
                when 'accelerators'
                then max(nullif(machines.machine_accelerators, 0))
                else 1.0
            end as told_on_s
        from charges
        inner join machines on charges.resource_text = machines.resource_text
        left join
            units on lower(trim(coalesce(charges.consumed_unit, ''))) = units.unit_text
        left join
            hour_lines
            on charges.provider_code = hour_lines.provider_code
            and lower(
                concat(
                    coalesce(charges.sku_meter, ''),
                    ' ',
                    coalesce(charges.charge_description, '')
                )
            )
            like hour_lines.text_like
        where
            charges.charge_start_at_utc < machines.last_stop_at_utc
            and charges.period_end_at_utc > machines.first_start_at_utc
        group by
            charges.charge_number,
            charges.resource_text,
            charges.charge_start_at_utc,
            charges.period_end_at_utc,
            charges.consumed_quantity,
            units.factor
    ),

    final as (
        select
            resource_text,
            charge_start_at_utc,
            period_end_at_utc,
            -- A line without hours tells no less than the whole period.
            least(
                coalesce(
                    max(case when told_on_s > 0 then told_on_s end), max(period_s)
                ),
                max(period_s)
            ) as told_on_s
        from charges_counted
        group by resource_text, charge_start_at_utc, period_end_at_utc
    )

select *
from final
