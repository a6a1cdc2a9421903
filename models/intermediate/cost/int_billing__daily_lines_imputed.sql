-- The bill with the energy of each kind of line: by its quantity, else of a line that
-- pays for machines what its cost is worth at the organisation's own kWh per currency
-- unit. One row per row of int_billing__daily_lines.
{{ config(materialized="view") }}
with
    lines_powered as (select * from {{ ref("int_billing__daily_lines_powered") }}),
    gaps as (select * from {{ ref("line_energy_gaps") }}),
    rates as (select * from {{ ref("int_energy__spend_rates") }}),

    lines_rated as (
        select
            lines_powered.*,
            case
                when
                    gaps.is_energy_used
                    and lines_powered.charge_category = 'Usage'
                    and not lines_powered.is_unused_commitment
                    and lines_powered.effective_cost_exact > 0
                then
                    cast(lines_powered.effective_cost_exact as double)
                    * rates.kwh_per_currency_unit
            end as spend_it_energy_kwh
        from lines_powered
        left join gaps on lines_powered.energy_gap_reason = gaps.missing_reason
        left join
            rates
            on lines_powered.billing_period_date = rates.billing_period_date
            and lines_powered.provider_code = rates.provider_code
            and coalesce(lines_powered.service_name, '') = rates.service_name
            and coalesce(lines_powered.region, '') = rates.region
            and lines_powered.billing_currency = rates.billing_currency
            and {{ spend_kind("lines_powered.resource_class") }} = rates.kind
    ),

    final as (
        select
            *,
            coalesce(quantity_it_energy_kwh, spend_it_energy_kwh) as it_energy_kwh,
            case
                when quantity_it_energy_kwh is not null
                then 'allocation'
                when spend_it_energy_kwh is not null
                then 'spend'
                else 'missing'
            end as line_energy_method
        from lines_rated
    )

select *
from final
