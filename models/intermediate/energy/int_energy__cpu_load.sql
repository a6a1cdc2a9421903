-- Processors of attempts, their load and the curve it is read from. One row per run and
-- attempt.
with
    resources as (select * from {{ ref("int_runs__resources") }}),
    constants as (select * from {{ ref("int_energy__power_constants") }}),

    final as (
        select
            resources.run_id,
            resources.attempt,
            'cpu' as component,

            resources.powered_vcpus_per_instance * resources.instance_count as quantity,
            case
                when resources.powered_vcpus_per_instance > resources.vcpus_per_instance
                then 'vCPU of the parent size'
                when resources.powered_vcpus_per_instance < resources.vcpus_per_instance
                then 'vCPU of the shared core'
                else 'vCPU'
            end as quantity_unit,
            concat(
                resources.powered_vcpus_per_instance, ' * ', resources.instance_count
            ) as quantity_arithmetic,
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
            resources.hardware_key <> '*' as is_hardware_known,
            resources.cpu_utilization_ratio is not null as is_utilization_known,
            resources.missing_reason
        from resources
        cross join constants
    )

select *
from final
