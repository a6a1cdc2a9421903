-- Attempts on rented machines that the bill does not name, with the instance-hours they
-- held in each month: hours × machines × the part of one that they hold. One row per
-- run, attempt and month.
with
    resources as (select * from {{ ref("int_runs__resources") }}),
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    attempts_billed as (select * from {{ ref("int_cost__attempts_billed") }}),
    hours as (select * from {{ ref("int_runs__hours") }}),
    hardware as (select * from {{ ref("int_energy__hardware") }}),

    attempts_held as (
        select
            resources.run_id,
            resources.attempt,
            resources.provider_code,
            coalesce(resources.region, '') as region,
            resources.instance_type,
            resources.hardware_key,
            attempts.project,
            attempts.resource_id,
            resources.duration_hours,
            resources.instance_count,
            least(
                coalesce(
                    case
                        when
                            hardware.accelerator_count > 0
                            and resources.accelerators_per_instance > 0
                        then
                            resources.accelerators_per_instance
                            * resources.accelerator_share
                            / hardware.accelerator_count
                        else resources.vcpus_per_instance / nullif(hardware.vcpus, 0)
                    end,
                    1.0
                ),
                1.0
            ) as held_ratio
        from resources
        inner join attempts using (run_id, attempt)
        left join attempts_billed using (run_id, attempt)
        left join
            hardware
            on resources.provider_code = hardware.provider_code
            and resources.site_name = hardware.site_name
            and resources.hardware_key = hardware.hardware_key
        where
            attempts_billed.run_id is null
            and resources.site_name = ''
            and resources.duration_hours is not null
    ),

    months as (
        select
            run_id,
            attempt,
            cast(date_trunc('month', hour_start_utc) as date) as billing_period_date,
            cast(min(hour_start_utc) as date) as first_date,
            {{ exact_sum("fraction_of_attempt") }} as fraction_of_attempt
        from hours
        group by run_id, attempt, cast(date_trunc('month', hour_start_utc) as date)
    ),

    final as (
        select
            attempts_held.run_id,
            attempts_held.attempt,
            months.billing_period_date,
            months.first_date,

            attempts_held.provider_code,
            attempts_held.region,
            attempts_held.instance_type,
            attempts_held.hardware_key,
            attempts_held.project,
            attempts_held.resource_id,

            attempts_held.instance_count,
            attempts_held.held_ratio,
            attempts_held.duration_hours * months.fraction_of_attempt as hours,
            attempts_held.duration_hours
            * months.fraction_of_attempt
            * attempts_held.instance_count
            * attempts_held.held_ratio as instance_hours
        from attempts_held
        inner join months using (run_id, attempt)
    )

select *
from final
