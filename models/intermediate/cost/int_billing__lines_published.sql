-- The bill by day, with the energy and emissions of its lines and to whom they belong.
-- A billing month of which nothing changed is not worked out again. In the billing
-- currency. One row per day, provider, accounts, service, region, charge category,
-- allocation, resource class, instance type, energy method, missing reasons, billing
-- period, currency, team and project.
{{
    config(
        materialized="incremental" if target.type == "duckdb" else "table",
        incremental_strategy="append",
        pre_hook="{{ forget_old_parts(this, ref('int_billing__months_published'), ['billing_period_date', 'published_key']) }}",
    )
}}
{% set months = ref("int_billing__months_published") %}
{% set month_key = ["billing_period_date", "published_key"] %}
with
    daily_lines as (
        select *
        from {{ ref("int_billing__daily_lines_priced") }}
        where {{ is_new_part(part_text(month_key[:1]), this, months, month_key) }}
    ),
    months as (select * from {{ months }}),

    final as (
        select
            usage_date,
            provider_code as provider,
            billing_account_id,
            sub_account_id,
            service_name,
            service_category,
            region,
            charge_category,
            coalesce(
                claimed_for,
                {{
                    unclaimed_allocation(
                        "allocation_hint", "is_unused_commitment", "charge_class"
                    )
                }}
            ) as allocation,

            {{ exact_sum("facility_energy_kwh", 12) }} as x_energy_kwh,
            {{ exact_sum("emissions_location_g_co2e", 12) }}
            as x_emissions_location_g_co2e,
            {{ exact_sum("emissions_market_g_co2e", 12) }} as x_emissions_market_g_co2e,
            {{ exact_sum("emissions_embodied_g_co2e", 12) }}
            as x_emissions_embodied_g_co2e,
            cast(sum(effective_cost_exact) as double) as effective_cost,
            cast(sum(billed_cost_exact) as double) as billed_cost,
            cast(sum(list_cost_exact) as double) as list_cost,
            billing_currency as cost_currency,
            case
                when facility_energy_kwh is null then 'missing' else line_energy_method
            end as energy_method,
            missing_reason,

            resource_class,
            instance_type,
            coalesce(factor_resolution, 'missing') as factor_resolution,
            daily_lines.billing_period_date,
            missing_embodied_reason,
            facility_energy_kwh is not null
            and line_energy_method = 'spend' as is_energy_imputed,
            team,
            project,
            cast(sum(line_rows) as bigint) as line_rows,
            months.published_key
        from daily_lines
        inner join
            months
            on {{ part_text(["daily_lines.billing_period_date"]) }}
            = {{ part_text(["months.billing_period_date"]) }}
        group by all
    )

select *
from final
