-- Memory of attempts beyond what the server coefficient holds. One row per run and
-- attempt that has any.
with
    resources as (select * from {{ ref("int_runs__resources") }}),
    constants as (select * from {{ ref("int_energy__power_constants") }}),

    final as (
        select
            resources.run_id,
            resources.attempt,
            'memory' as component,

            resources.memory_gib_per_instance
            * resources.instance_count
            * resources.memory_above_baseline_ratio as quantity,
            'GiB above what the server coefficient holds' as quantity_unit,
            concat(
                resources.memory_gib_per_instance,
                ' * ',
                resources.instance_count,
                ' * ',
                resources.memory_above_baseline_arithmetic
            ) as quantity_arithmetic,
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
            resources.hardware_key <> '*' as is_hardware_known,
            false as is_utilization_known,
            resources.missing_reason
        from resources
        cross join constants
        where
            resources.memory_gib_per_instance * resources.memory_above_baseline_ratio
            > 0
    )

select *
from final
