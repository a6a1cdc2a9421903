-- What known hosts have of each component and what one unit of it draws when idle. One
-- row per host and component.
with
    hosts as (select * from {{ ref("int_energy__hosts") }}),
    hardware as (select * from {{ ref("int_energy__hardware") }}),
    accelerators as (select * from {{ ref("int_energy__accelerators") }}),
    constants as (select * from {{ ref("int_energy__power_constants") }}),

    hosts_equipped as (
        select
            hosts.host_number,
            hosts.is_on_between_jobs,
            hardware.powered_vcpus,
            hardware.memory_gib * hardware.memory_above_baseline_ratio as memory_gib,
            hardware.accelerator_count,
            hardware.idle_w_per_vcpu,
            constants.memory_w_per_gib,
            accelerators.at_0 as idle_w_per_accelerator,
            hardware.cpu_factor_key,
            accelerators.factor_key as accelerator_factor_key,
            coalesce(
                accelerators.missing_reason,
                case
                    when accelerators.accelerator_model is null
                    then 'unknown_accelerator'
                end
            ) as accelerator_missing_reason
        from hosts
        inner join
            hardware
            on hosts.provider_code = hardware.provider_code
            and hosts.site_name = hardware.site_name
            and hosts.machine_key = hardware.hardware_key
        cross join constants
        left join
            accelerators on hardware.accelerator_model = accelerators.accelerator_model
    ),

    components as (
        select
            host_number,
            'cpu' as component,
            is_on_between_jobs,
            powered_vcpus as units,
            idle_w_per_vcpu as idle_w_per_unit,
            cpu_factor_key as power_factor_key,
            cast(null as string) as missing_reason
        from hosts_equipped
        union all
        select
            host_number,
            'memory' as component,
            is_on_between_jobs,
            memory_gib as units,
            memory_w_per_gib as idle_w_per_unit,
            'power_constants: memory_w_per_gib' as power_factor_key,
            cast(null as string) as missing_reason
        from hosts_equipped
        union all
        select
            host_number,
            'accelerator' as component,
            is_on_between_jobs,
            accelerator_count as units,
            idle_w_per_accelerator as idle_w_per_unit,
            accelerator_factor_key as power_factor_key,
            accelerator_missing_reason as missing_reason
        from hosts_equipped
    )

select *
from components
where units > 0
