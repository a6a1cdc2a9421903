-- The bill by day, with the energy and emissions of its lines and to whom they belong.
-- In the billing currency. One row per day, provider, accounts, service, region, charge
-- category, allocation, resource class, instance type, energy method, missing reasons,
-- billing period, currency, team and project.
{{ config(materialized="view") }}
with
    published as (select * from {{ ref("int_billing__lines_published") }}),

    final as (
        select
            usage_date,
            provider,
            billing_account_id,
            sub_account_id,
            service_name,
            service_category,
            region,
            charge_category,
            allocation,
            x_energy_kwh,
            x_emissions_location_g_co2e,
            x_emissions_market_g_co2e,
            x_emissions_embodied_g_co2e,
            effective_cost,
            billed_cost,
            list_cost,
            cost_currency,
            energy_method,
            missing_reason,
            resource_class,
            instance_type,
            factor_resolution,
            billing_period_date,
            missing_embodied_reason,
            is_energy_imputed,
            team,
            project,
            line_rows
        from published
    )

select *
from final
