-- Accelerators that attempts held. One row per run and attempt that has any.
with
    attempts as (select * from {{ ref("int_runs__resources") }}),
    accelerators as (select * from {{ ref("int_carbon__embodied_accelerators") }}),

    final as (
        select
            attempts.run_id,
            attempts.attempt,
            'accelerator' as part,

            accelerators.embodied_method,

            accelerators.kg_co2e,
            accelerators.low_kg_co2e,
            accelerators.high_kg_co2e,
            attempts.accelerators_per_instance
            * attempts.accelerator_share
            * attempts.instance_count as quantity,
            'accelerator' as quantity_unit,
            attempts.duration_hours,
            accelerators.lifetime_hours,

            cast(accelerators.kg_co2e as string) as kg_arithmetic,
            concat(
                attempts.accelerators_per_instance,
                ' * ',
                attempts.accelerator_share,
                ' * ',
                attempts.instance_count
            ) as quantity_arithmetic,
            attempts.hardware_origin,
            accelerators.factor_key,
            accelerators.source_id,
            accelerators.uncertainty_key,
            case
                when attempts.duration_hours is null
                then 'unknown_duration'
                when attempts.accelerators_per_instance is null
                then 'unknown_accelerator_count'
                when attempts.accelerator_share is null
                then 'unknown_accelerator_share'
                when accelerators.accelerator_model is null
                then 'unknown_accelerator'
            end as missing_reason
        from attempts
        left join
            accelerators on attempts.accelerator_model = accelerators.accelerator_model
        where
            attempts.accelerators_per_instance > 0
            or (
                attempts.accelerators_per_instance is null
                and attempts.accelerator_model is not null
            )
    )

select *
from final
