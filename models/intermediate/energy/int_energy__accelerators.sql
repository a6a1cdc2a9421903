-- Accelerators with the power of one at 0, 10, 50 and 100 % utilisation by g(u), and in
-- training where that was published. One row per accelerator model.
with
    accelerators as (select * from {{ ref("int_energy__accelerator_facts") }}),
    constants as (select * from {{ ref("int_energy__power_constants") }}),

    accelerators_with_idle as (
        select
            *,
            coalesce(
                accelerators.idle_w,
                accelerators.max_w * constants.accelerator_idle_ratio_default
            ) as modelled_idle_w,
            case
                when accelerators.idle_w is null
                then ' (no published idle power: a default share of the maximum)'
                else ''
            end as idle_note
        from accelerators
        cross join constants
    ),

    final as (
        select
            accelerator_model,

            modelled_idle_w as idle_w,
            max_w,
            training_power_fraction,
            modelled_idle_w + (max_w - modelled_idle_w) * accelerator_g_0 as at_0,
            modelled_idle_w + (max_w - modelled_idle_w) * accelerator_g_10 as at_10,
            modelled_idle_w + (max_w - modelled_idle_w) * accelerator_g_50 as at_50,
            modelled_idle_w + (max_w - modelled_idle_w) * accelerator_g_100 as at_100,
            max_w * training_power_fraction as training_w,
            concat(max_w, ' * ', training_power_fraction) as training_arithmetic,

            concat(
                ': between idle ',
                modelled_idle_w,
                ' W and maximum ',
                max_w,
                ' W by g(u)',
                idle_note
            ) as curve_basis,
            concat(
                ': published training power, ',
                training_power_fraction,
                ' of ',
                max_w,
                ' W'
            ) as training_basis,
            concat('accelerators: ', accelerator_model) as factor_key,
            source_id,
            training_source_id,
            coalesce(
                missing_reason, case when max_w is null then 'no_published_power' end
            ) as missing_reason
        from accelerators_with_idle
    )

select *
from final
