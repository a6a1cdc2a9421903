-- What the power model says each component used, were there no meter: on a known host
-- its part of the idle power and of what work adds, else as if it were alone. Rungs
-- `utilization`, `allocation` and `missing`. One row per run, attempt and component.
with
    components as (select * from {{ ref("int_energy__components_alone") }}),
    shares as (select * from {{ ref("int_energy__host_shares") }}),

    components_shared as (
        select
            components.*,
            case
                when shares.run_id is not null
                then 'known_host'
                when components.is_hardware_known
                then 'unknown_host'
                else 'unknown_hardware'
            end as host_basis,
            coalesce(shares.idle_factor, 1.0) as idle_factor,
            coalesce(shares.dynamic_factor, 1.0) as dynamic_factor,
            coalesce(shares.idle_factor, 1.0) = 1
            and coalesce(shares.dynamic_factor, 1.0) = 1 as is_as_alone,
            -- Memory draws the same whatever is done with it: none of it is idle power.
            coalesce(components.idle_w_per_unit, 0.0) as idle_w
        from components
        left join shares using (run_id, attempt, component)
    ),

    components_powered as (
        select
            *,
            case
                when is_as_alone
                then power_w_per_unit
                else idle_w * idle_factor + (power_w_per_unit - idle_w) * dynamic_factor
            end as shared_w_per_unit,
            case
                when is_as_alone or power_w_per_unit is null
                then power_arithmetic
                else
                    concat(
                        idle_w,
                        ' * ',
                        idle_factor,
                        ' + (',
                        power_arithmetic,
                        ' - ',
                        idle_w,
                        ') * ',
                        dynamic_factor
                    )
            end as shared_arithmetic
        from components_shared
    ),

    final as (
        select
            run_id,
            attempt,
            component,

            energy_method,
            quantity_unit,
            quantity_arithmetic,
            power_basis,
            utilization_origin,
            host_basis,

            quantity,
            duration_hours,
            utilization_ratio,
            idle_w_per_unit,
            max_w_per_unit,
            power_w_per_unit as power_w_per_unit_alone,
            idle_factor,
            dynamic_factor,
            shared_w_per_unit as power_w_per_unit,
            shared_arithmetic as power_arithmetic,
            quantity * shared_w_per_unit * duration_hours / 1000 as it_energy_kwh,

            power_factor_key,
            power_source_id,
            hardware_origin,
            missing_reason
        from components_powered
    )

select *
from final
