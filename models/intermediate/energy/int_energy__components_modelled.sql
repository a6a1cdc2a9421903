-- What the power model says each component used, were there no meter. Rungs
-- `utilization`,
-- `allocation` and `missing`. One row per run, attempt and component.
with
    resources as (select * from {{ ref("int_runs__resources") }}),
    accelerators as (select * from {{ ref("int_energy__accelerators") }}),
    constants as (select * from {{ ref("int_energy__power_constants") }}),

    processors as (
        select
            resources.run_id,
            resources.attempt,
            'cpu' as component,

            resources.vcpus_per_instance * resources.instance_count as quantity,
            'vCPU' as quantity_unit,
            resources.duration_hours,
            coalesce(
                resources.cpu_utilization_ratio, constants.cpu_utilization_default
            ) as utilization_ratio,
            case
                when resources.cpu_utilization_ratio is not null
                then resources.source
                else 'default: cpu_utilization_default'
            end as utilization_origin,
            resources.idle_w_per_vcpu as at_0,
            resources.w10_per_vcpu as at_10,
            resources.w50_per_vcpu as at_50,
            resources.max_w_per_vcpu as at_100,
            cast(null as double) as fixed_w_per_unit,
            cast(null as string) as fixed_w_arithmetic,

            concat(
                'W per vCPU of ',
                coalesce(resources.cpu_microarchitecture, 'an unknown processor'),
                ', whole server, between its loads at 0, 10, 50 and 100 %'
            ) as power_basis,
            resources.cpu_factor_key as power_factor_key,
            resources.cpu_source_id as power_source_id,
            resources.hardware_origin,
            resources.cpu_utilization_ratio is not null as is_utilization_known,
            resources.missing_reason
        from resources
        cross join constants
    ),

    memories as (
        select
            resources.run_id,
            resources.attempt,
            'memory' as component,

            resources.memory_gib_per_instance
            * resources.instance_count
            * resources.memory_above_baseline_ratio as quantity,
            'GiB above what the server coefficient holds' as quantity_unit,
            resources.duration_hours,
            cast(null as double) as utilization_ratio,
            cast(null as string) as utilization_origin,
            cast(null as double) as at_0,
            cast(null as double) as at_10,
            cast(null as double) as at_50,
            cast(null as double) as at_100,
            constants.memory_w_per_gib as fixed_w_per_unit,
            cast(constants.memory_w_per_gib as string) as fixed_w_arithmetic,

            'W per GiB allocated' as power_basis,
            'power_constants: memory_w_per_gib' as power_factor_key,
            'ccf_methodology' as power_source_id,
            resources.hardware_origin,
            false as is_utilization_known,
            resources.missing_reason
        from resources
        cross join constants
        where
            resources.memory_gib_per_instance * resources.memory_above_baseline_ratio
            > 0
    ),

    accelerated as (
        select
            resources.run_id,
            resources.attempt,
            'accelerator' as component,

            resources.accelerators_per_instance
            * resources.accelerator_share
            * resources.instance_count as quantity,
            'accelerator' as quantity_unit,
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
                            coalesce(concat(' (', accelerators.idle_note, ')'), '')
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
    ),

    components as (
        select *
        from processors
        union all
        select *
        from memories
        union all
        select *
        from accelerated
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

    final as (
        select
            run_id,
            attempt,
            component,

            case
                when missing_reason is not null
                then 'missing'
                when is_utilization_known
                then 'utilization'
                else 'allocation'
            end as energy_method,
            quantity_unit,
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
            missing_reason
        from components_powered
    )

select *
from final
