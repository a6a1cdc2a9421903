-- Accelerators of attempts, their load and the power it is worth. One row per run and
-- attempt that has any.
with
    resources as (select * from {{ ref("int_runs__resources") }}),
    accelerators as (select * from {{ ref("int_energy__accelerators") }}),
    constants as (select * from {{ ref("int_energy__power_constants") }}),

    final as (
        select
            resources.run_id,
            resources.attempt,
            'accelerator' as component,

            resources.accelerators_per_instance
            * resources.accelerator_share
            * resources.instance_count as quantity,
            'accelerator' as quantity_unit,
            concat(
                resources.accelerators_per_instance,
                ' * ',
                resources.accelerator_share,
                ' * ',
                resources.instance_count
            ) as quantity_arithmetic,
            resources.duration_hours,
            coalesce(
                resources.accelerator_utilization_ratio,
                case
                    resources.workload_kind
                    when 'training'
                    then constants.accelerator_utilization_training
                    when 'tuning'
                    then constants.accelerator_utilization_tuning
                    when 'inference'
                    then constants.accelerator_utilization_inference
                    when 'data'
                    then constants.accelerator_utilization_data
                    else constants.accelerator_utilization_unknown
                end
            ) as utilization_ratio,
            case
                when resources.accelerator_utilization_ratio is not null
                then resources.source
                else
                    concat(
                        'default: accelerator_utilization_',
                        case
                            when
                                resources.workload_kind
                                in ('training', 'tuning', 'inference', 'data')
                            then resources.workload_kind
                            else 'unknown'
                        end
                    )
            end as utilization_origin,
            accelerators.idle_w
            + (accelerators.max_w - accelerators.idle_w)
            * constants.accelerator_g_0 as at_0,
            accelerators.idle_w
            + (accelerators.max_w - accelerators.idle_w)
            * constants.accelerator_g_10 as at_10,
            accelerators.idle_w
            + (accelerators.max_w - accelerators.idle_w)
            * constants.accelerator_g_50 as at_50,
            accelerators.idle_w
            + (accelerators.max_w - accelerators.idle_w)
            * constants.accelerator_g_100 as at_100,
            -- A published share of the maximum in training goes before a default
            -- utilisation.
            case
                when
                    resources.accelerator_utilization_ratio is null
                    and resources.workload_kind = 'training'
                then accelerators.max_w * accelerators.training_power_fraction
            end as fixed_w_per_unit,
            concat(
                accelerators.max_w, ' * ', accelerators.training_power_fraction
            ) as fixed_w_arithmetic,

            concat(
                resources.accelerator_model,
                case
                    when
                        resources.accelerator_utilization_ratio is null
                        and resources.workload_kind = 'training'
                        and accelerators.training_power_fraction is not null
                    then
                        concat(
                            ': published training power, ',
                            accelerators.training_power_fraction,
                            ' of ',
                            accelerators.max_w,
                            ' W'
                        )
                    else
                        concat(
                            ': between idle ',
                            accelerators.idle_w,
                            ' W and maximum ',
                            accelerators.max_w,
                            ' W by g(u)',
                            coalesce(' (' || accelerators.idle_note || ')', '')
                        )
                end
            ) as power_basis,
            accelerators.factor_key as power_factor_key,
            coalesce(
                case
                    when
                        resources.accelerator_utilization_ratio is null
                        and resources.workload_kind = 'training'
                    then accelerators.training_source_id
                end,
                accelerators.source_id
            ) as power_source_id,
            resources.hardware_origin,
            resources.accelerator_utilization_ratio is not null as is_utilization_known,
            coalesce(
                resources.missing_reason,
                accelerators.missing_reason,
                case
                    when resources.accelerators_per_instance is null
                    then 'unknown_accelerator_count'
                    when accelerators.accelerator_model is null
                    then 'unknown_accelerator'
                end
            ) as missing_reason
        from resources
        cross join constants
        left join
            accelerators on resources.accelerator_model = accelerators.accelerator_model
        where
            coalesce(resources.accelerators_per_instance, 1) > 0
            and (
                resources.missing_reason is null
                or resources.accelerator_model is not null
            )
    )

select *
from final
