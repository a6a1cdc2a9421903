-- The organisation's own kWh per currency unit: IT energy over cost of what is known by
-- better rungs. From lines of the bill, for machines, storage and network apart and
-- together; where no line has an energy, from runs with their own resources. One row
-- per billing period, provider, service, region, currency and kind of resource.
with
    daily_lines as (select * from {{ ref("int_billing__daily_lines_powered") }}),
    run_services as (select * from {{ ref("int_cost__run_services") }}),
    components as (select * from {{ ref("int_energy__components_known") }}),

    -- What a facility meter saw is not IT energy alone.
    runs_known as (
        select run_id, {{ exact_sum("energy_kwh") }} as it_energy_kwh
        from components
        group by run_id
        having
            max(missing_reason) is null
            and max(case when boundary = 'facility' then 1 else 0 end) = 0
    ),

    runs_billed as (
        select run_id, {{ exact_sum("effective_cost") }} as effective_cost
        from run_services
        group by run_id
        having min(billing_currency) = max(billing_currency) and min(effective_cost) > 0
    ),

    line_parts as (
        select
            billing_period_date,
            provider_code,
            coalesce(service_name, '') as service_name,
            coalesce(region, '') as region,
            billing_currency,
            {{ spend_kind("resource_class") }} as kind,
            'lines of the bill' as origin,
            quantity_it_energy_kwh as it_energy_kwh,
            cast(effective_cost_exact as double) as effective_cost
        from daily_lines
        where
            quantity_it_energy_kwh is not null
            and effective_cost_exact > 0
            and charge_category = 'Usage'
            and not is_unused_commitment
    ),

    parts as (
        select *
        from line_parts
        union all
        select
            billing_period_date,
            provider_code,
            service_name,
            region,
            billing_currency,
            'all' as kind,
            origin,
            it_energy_kwh,
            effective_cost
        from line_parts
        union all
        -- A run's energy lies on its services by their cost.
        select
            run_services.billing_period_date,
            run_services.provider_code,
            run_services.service_name,
            run_services.region,
            run_services.billing_currency,
            kinds.kind,
            'runs' as origin,
            runs_known.it_energy_kwh
            * run_services.effective_cost
            / runs_billed.effective_cost as it_energy_kwh,
            run_services.effective_cost
        from run_services
        inner join runs_billed on run_services.run_id = runs_billed.run_id
        inner join runs_known on run_services.run_id = runs_known.run_id
        cross join
            (
                select 'all' as kind
                union all
                select 'machines' as kind
            ) as kinds
    ),

    rates as (
        select
            billing_period_date,
            provider_code,
            service_name,
            region,
            billing_currency,
            kind,
            origin,
            {{ exact_sum("it_energy_kwh", 12) }} as it_energy_kwh,
            {{ exact_sum("effective_cost", 12) }} as effective_cost
        from parts
        group by all
    ),

    rates_ranked as (
        select
            *,
            row_number() over (
                partition by
                    billing_period_date,
                    provider_code,
                    service_name,
                    region,
                    billing_currency,
                    kind
                -- Lines of the bill before runs.
                order by origin
            ) as preference
        from rates
    ),

    final as (
        select
            billing_period_date,
            provider_code,
            service_name,
            region,
            billing_currency,
            kind,

            it_energy_kwh / effective_cost as kwh_per_currency_unit,
            origin
        from rates_ranked
        where preference = 1 and effective_cost > 0
    )

select *
from final
