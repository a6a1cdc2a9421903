-- Accelerators of attempts, their load and the power it is worth. One row per run and
-- attempt that has any.
with
    resources as (select * from {{ ref("int_runs__resources") }}),
    accelerators as (select * from {{ ref("int_energy__accelerators") }}),
    constants as (select * from {{ ref("int_energy__power_constants") }}),

    attempts_accelerated as (
        select
            *,
            accelerator_utilization_ratio is not null as is_utilization_known,
            case
                when workload_kind in ('training', 'tuning', 'inference', 'data')
                then workload_kind
                else 'unknown'
            end as purpose
        from resources
        where
            coalesce(accelerators_per_instance, 1) > 0
            and (missing_reason is null or accelerator_model is not null)
    ),

    attempts_with_default as (
        select
            attempts_accelerated.*,
            case
                purpose
                when 'training'
                then constants.accelerator_utilization_training
                when 'tuning'
                then constants.accelerator_utilization_tuning
                when 'inference'
                then constants.accelerator_utilization_inference
                when 'data'
                then constants.accelerator_utilization_data
                else constants.accelerator_utilization_unknown
            end as default_utilization_ratio
        from attempts_accelerated
        cross join constants
    ),

    attempts_matched as (
        select
            attempts_with_default.*,
            accelerators.at_0,
            accelerators.at_10,
            accelerators.at_50,
            accelerators.at_100,
            accelerators.training_w,
            accelerators.training_arithmetic,
            accelerators.training_basis,
            accelerators.curve_basis,
            accelerators.factor_key,
            accelerators.source_id,
            accelerators.training_source_id,
            -- A published share of the maximum in training goes before a default
            -- utilisation.
            not is_utilization_known
            and purpose = 'training'
            and accelerators.training_w is not null as is_training_published,
            coalesce(
                attempts_with_default.missing_reason,
                accelerators.missing_reason,
                case
                    when accelerators_per_instance is null
                    then 'unknown_accelerator_count'
                    when accelerator_share is null
                    then 'unknown_accelerator_share'
                    when accelerators.accelerator_model is null
                    then 'unknown_accelerator'
                end
            ) as accelerator_missing_reason
        from attempts_with_default
        left join
            accelerators
            on attempts_with_default.accelerator_model = accelerators.accelerator_model
    ),

    final as (
        select
            run_id,
            attempt,
            'accelerator' as component,

            accelerators_per_instance * accelerator_share * instance_count as quantity,
            'accelerator' as quantity_unit,
            concat(
                accelerators_per_instance,
                ' * ',
                accelerator_share,
                ' * ',
                instance_count
            ) as quantity_arithmetic,
            duration_hours,
            coalesce(
                accelerator_utilization_ratio, default_utilization_ratio
            ) as utilization_ratio,
            case
                when is_utilization_known
                then source
                else concat('default: accelerator_utilization_', purpose)
            end as utilization_origin,
            at_0,
            at_10,
            at_50,
            at_100,
            case when is_training_published then training_w end as fixed_w_per_unit,
            training_arithmetic as fixed_w_arithmetic,

            concat(
                accelerator_model,
                case when is_training_published then training_basis else curve_basis end
            ) as power_basis,
            factor_key as power_factor_key,
            case
                when is_training_published then training_source_id else source_id
            end as power_source_id,
            hardware_origin,
            hardware_key <> '*' as is_hardware_known,
            is_utilization_known,
            accelerator_missing_reason as missing_reason
        from attempts_matched
    )

select *
from final
