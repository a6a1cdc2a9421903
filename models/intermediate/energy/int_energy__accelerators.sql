-- Accelerators with the power their curve runs between. One row per accelerator model.
with
    accelerators as (select * from {{ ref("accelerators") }}),
    constants as (select * from {{ ref("int_energy__power_constants") }}),

    final as (
        select
            accelerators.accelerator_model,

            coalesce(
                accelerators.idle_w,
                accelerators.max_w * constants.accelerator_idle_ratio_default
            ) as idle_w,
            accelerators.max_w,
            accelerators.training_power_fraction,

            case
                when accelerators.idle_w is null and accelerators.max_w is not null
                then 'no published idle power: default share of the maximum'
            end as idle_note,
            concat('accelerators: ', accelerators.accelerator_model) as factor_key,
            accelerators.source_id,
            accelerators.training_source_id,
            accelerators.missing_reason
        from accelerators
        cross join constants
    )

select *
from final
