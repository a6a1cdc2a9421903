-- What the power model says each component used, were there no meter: the power at its
-- load, on a known host its part of the idle and of the added power. Rungs
-- `utilization`, `allocation` and `missing`. One row per run, attempt and component.
with
    processors as (select * from {{ ref("int_energy__cpu_load") }}),
    memories as (select * from {{ ref("int_energy__memory_load") }}),
    accelerators as (select * from {{ ref("int_energy__accelerator_load") }}),
    shares as (select * from {{ ref("int_energy__host_shares") }}),

    components as (
        select *
        from processors
        union all
        select *
        from memories
        union all
        select *
        from accelerators
    ),

    components_loaded as (
        select
            *,
            coalesce(
                fixed_w_per_unit,
                {{ at_load("utilization_ratio", "at_0", "at_10", "at_50", "at_100") }}
            ) as loaded_w,
            coalesce(
                case when fixed_w_per_unit is not null then fixed_w_arithmetic end,
                {{
                    at_load_text(
                        "utilization_ratio", "at_0", "at_10", "at_50", "at_100"
                    )
                }}
            ) as loaded_arithmetic
        from components
    ),

    components_shared as (
        select
            components_loaded.*,
            coalesce(
                missing_reason, case when loaded_w is null then 'no_power_factor' end
            ) as power_missing_reason,
            case
                when shares.run_id is not null
                then 'known_host'
                when is_hardware_known
                then 'unknown_host'
                else 'unknown_hardware'
            end as host_basis,
            coalesce(shares.idle_factor, 1.0) as idle_factor,
            coalesce(shares.dynamic_factor, 1.0) as dynamic_factor,
            coalesce(
                shares.idle_factor = 1 and shares.dynamic_factor = 1, true
            ) as is_whole,
            -- Memory draws the same whatever is done with it.
            coalesce(at_0, 0.0) as idle_w
        from components_loaded
        left join shares using (run_id, attempt, component)
    ),

    components_powered as (
        select
            *,
            case
                when power_missing_reason is not null
                then null
                when is_whole
                then loaded_w
                else idle_w * idle_factor + (loaded_w - idle_w) * dynamic_factor
            end as power_w_per_unit,
            case
                when power_missing_reason is not null
                then null
                when is_whole
                then loaded_arithmetic
                else
                    concat(
                        idle_w,
                        ' * ',
                        idle_factor,
                        ' + (',
                        loaded_arithmetic,
                        ' - ',
                        idle_w,
                        ') * ',
                        dynamic_factor
                    )
            end as power_arithmetic
        from components_shared
    ),

    final as (
        select
            run_id,
            attempt,
            component,

            case
                when power_missing_reason is not null
                then 'missing'
                when is_utilization_known
                then 'utilization'
                else 'allocation'
            end as energy_method,
            quantity_unit,
            quantity_arithmetic,
            power_basis,
            utilization_origin,
            host_basis,

            quantity,
            duration_hours,
            utilization_ratio,
            at_0 as idle_w_per_unit,
            at_100 as max_w_per_unit,
            loaded_w as loaded_w_per_unit,
            idle_factor,
            dynamic_factor,
            power_w_per_unit,
            power_arithmetic,
            quantity * power_w_per_unit * duration_hours / 1000 as it_energy_kwh,

            power_factor_key,
            power_source_id,
            hardware_origin,
            power_missing_reason as missing_reason
        from components_powered
    )

select *
from final
