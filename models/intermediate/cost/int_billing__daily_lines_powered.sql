-- The bill with the IT energy that each kind of line is worth by its quantity, by the
-- rule that its SKU falls under. A unit per month lasts the hours of its own month. One
-- row per row of int_billing__daily_lines.
{{ config(materialized="view") }}
with
    daily_lines as (select * from {{ ref("int_billing__daily_lines") }}),
    sku_energy as (select * from {{ ref("int_billing__sku_energy") }}),

    lines_counted as (
        select
            daily_lines.*,
            sku_energy.rule_id,
            sku_energy.resource_class,
            sku_energy.allocation_hint,
            sku_energy.energy_rule,
            sku_energy.instance_type,
            sku_energy.kwh_per_consumed_unit,
            sku_energy.embodied_g_co2e_per_consumed_unit,
            coalesce(
                sku_energy.energy_gap_reason,
                case when daily_lines.consumed_quantity is null then 'no_quantity' end
            ) as energy_gap_reason,
            coalesce(
                sku_energy.missing_embodied_reason,
                case when daily_lines.consumed_quantity is null then 'no_quantity' end
            ) as missing_embodied_reason,
            daily_lines.consumed_quantity * case
                when sku_energy.is_per_month
                then 24.0 * day(last_day(daily_lines.billing_period_date))
                else 1.0
            end as quantity
        from daily_lines
        inner join sku_energy on daily_lines.sku_key = sku_energy.sku_key
    ),

    final as (
        select
            *,
            quantity * kwh_per_consumed_unit as quantity_it_energy_kwh,
            quantity * embodied_g_co2e_per_consumed_unit as emissions_embodied_g_co2e
        from lines_counted
    )

select *
from final
