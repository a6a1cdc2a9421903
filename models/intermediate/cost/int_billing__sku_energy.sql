-- What a consumed unit of each SKU is worth in IT energy and in manufacture, or why it
-- is not known; of a unit per month, for each hour of that month. One row per SKU key.
with
    rates as (select * from {{ ref("int_billing__sku_rates") }}),

    skus_counted as (
        select
            *,
            -- How much of what the rule counts a consumed unit is.
            case
                when rule_dimension = 'memory'
                then memory_gib_factor
                when rule_dimension = dimension and dimension = 'disk_hours'
                then unit_factor * disk_gb * copies
                when rule_dimension = dimension
                then unit_factor * copies
            end as rule_units
        from rates
    ),

    final as (
        select
            sku_key,

            rule_id,
            case
                when energy_rule = 'instance_hours' and has_accelerators
                then 'accelerator'
                else resource_class
            end as resource_class,
            allocation_hint,
            energy_rule,
            case
                when energy_rule = 'instance_hours' then instance_type
            end as instance_type,
            is_per_month,

            rule_units * rule_kwh as kwh_per_consumed_unit,
            rule_units * rule_embodied_g_co2e as embodied_g_co2e_per_consumed_unit,

            case
                when energy_rule like 'none:%'
                then substr(energy_rule, 6)
                when energy_rule = 'instance_hours' and instance_type is null
                then 'unknown_instance_type'
                when energy_rule = 'accelerator_hours' and accelerator_model is null
                then 'unknown_accelerator'
                when rule_kwh is null
                then coalesce(hardware_missing_reason, 'no_power_factor')
                when rule_dimension = 'disk_hours' and disk_gb is null
                then 'disk_size_not_in_line'
                when rule_units is null
                then 'unknown_unit'
            end as energy_gap_reason,
            case
                when energy_rule like 'none:%'
                then substr(energy_rule, 6)
                when rule_dimension = 'memory' and rule_embodied_g_co2e is null
                then 'counted_with_the_vcpus'
                when energy_rule = 'instance_hours' and instance_type is null
                then 'unknown_instance_type'
                when energy_rule = 'accelerator_hours' and accelerator_model is null
                then 'unknown_accelerator'
                when rule_embodied_g_co2e is null
                then 'no_embodied_factor'
                when rule_units is null
                then 'unknown_unit'
            end as missing_embodied_reason
        from skus_counted
    )

select *
from final
