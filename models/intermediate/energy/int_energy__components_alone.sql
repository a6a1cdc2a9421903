{{ config(materialized="view") }}
-- What the power model says each component used, were there no meter and nothing
-- else on its host. Rungs `utilization`, `allocation` and `missing`. One row per run,
-- attempt and component.
with
    processors as (select * from {{ ref("int_energy__cpu_load") }}),
    memories as (select * from {{ ref("int_energy__memory_load") }}),
    accelerators as (select * from {{ ref("int_energy__accelerator_load") }}),

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

    components_powered as (
        select
            *,
            case
                when missing_reason is null
                then
                    coalesce(
                        fixed_w_per_unit,
                        {{
                            at_load(
                                "utilization_ratio",
                                "at_0",
                                "at_10",
                                "at_50",
                                "at_100",
                            )
                        }}
                    )
            end as power_w_per_unit
        from components
    ),

    components_explained as (
        select
            components_powered.*,
            coalesce(
                missing_reason,
                case when power_w_per_unit is null then 'no_power_factor' end
            ) as power_missing_reason
        from components_powered
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

            quantity,
            duration_hours,
            utilization_ratio,
            at_0 as idle_w_per_unit,
            at_100 as max_w_per_unit,
            power_w_per_unit,
            case
                when power_w_per_unit is null
                then null
                when fixed_w_per_unit is not null
                then fixed_w_arithmetic
                else
                    {{
                        at_load_text(
                            "utilization_ratio", "at_0", "at_10", "at_50", "at_100"
                        )
                    }}
            end as power_arithmetic,
            quantity * power_w_per_unit * duration_hours / 1000 as it_energy_kwh,

            power_factor_key,
            power_source_id,
            hardware_origin,
            is_hardware_known,
            power_missing_reason as missing_reason
        from components_explained
    )

select *
from final
