-- What each attempt held of which machine. What the job says goes before what its type
-- says. One row per run and attempt.
with
    attempts as (select * from {{ ref("int_runs__located") }}),
    hardware as (select * from {{ ref("int_energy__hardware") }}),
    aliases as (select * from {{ ref("accelerator_aliases") }}),

    attempts_keyed as (
        select
            *,
            -- Processors nobody knows have coefficients per provider, else a general
            -- one.
            case
                when hardware_key <> '*' or provider_code in ('aws', 'azure', 'gcp')
                then provider_code
                else '*'
            end as hardware_provider_code,
            {{ alias_key("accelerator_model") }} as accelerator_alias_key
        from attempts
    ),

    attempts_equipped as (
        select
            attempts_keyed.*,

            hardware.cpu_microarchitecture,
            -- A machine's own list knows its accelerator more exactly than a short name
            -- does.
            coalesce(
                hardware.accelerator_model,
                aliases.accelerator_model,
                attempts_keyed.accelerator_model
            ) as resolved_accelerator_model,

            coalesce(attempts_keyed.vcpus, hardware.vcpus) as resolved_vcpus,
            coalesce(
                hardware.powered_vcpus / nullif(hardware.vcpus, 0), 1.0
            ) as powered_ratio,
            -- A part of a machine whose memory nobody tells has its part of the memory.
            coalesce(
                attempts_keyed.memory_gib,
                hardware.memory_gib * attempts_keyed.vcpus / nullif(hardware.vcpus, 0),
                hardware.memory_gib
            ) as resolved_memory_gib,
            case
                when attempts_keyed.source = 'slurm'
                then coalesce(attempts_keyed.accelerator_count, 0.0)
                else
                    coalesce(
                        attempts_keyed.accelerator_count,
                        hardware.accelerator_count,
                        case when attempts_keyed.accelerator_model is null then 0.0 end
                    )
            end as resolved_accelerator_count,
            hardware.memory_above_baseline_ratio,
            hardware.memory_above_baseline_arithmetic,
            hardware.idle_w_per_vcpu,
            hardware.w10_per_vcpu,
            hardware.w50_per_vcpu,
            hardware.max_w_per_vcpu,

            hardware.cpu_factor_key,
            hardware.cpu_source_id,
            hardware.hardware_origin
        from attempts_keyed
        left join
            hardware
            on attempts_keyed.hardware_provider_code = hardware.provider_code
            and attempts_keyed.site_name = case
                when hardware.hardware_key = '*'
                then attempts_keyed.site_name
                else hardware.site_name
            end
            and attempts_keyed.hardware_key = hardware.hardware_key
        left join aliases on attempts_keyed.accelerator_alias_key = aliases.alias_key
    ),

    final as (
        select
            source,
            run_id,
            attempt,

            provider_code,
            site_name,
            region,
            region_missing_reason,
            instance_type,
            hardware_key,
            workload_kind,
            cpu_microarchitecture,
            case
                when
                    resolved_accelerator_count > 0 or resolved_accelerator_count is null
                then resolved_accelerator_model
            end as accelerator_model,
            coalesce(
                case
                    when resolved_accelerator_count > 0 then resolved_accelerator_model
                end,
                cpu_microarchitecture,
                instance_type,
                'unknown'
            ) as hardware_class,

            duration_hours,
            instance_count,
            resolved_vcpus as vcpus_per_instance,
            resolved_vcpus * powered_ratio as powered_vcpus_per_instance,
            resolved_memory_gib as memory_gib_per_instance,
            resolved_accelerator_count as accelerators_per_instance,
            accelerator_share,
            memory_above_baseline_ratio,
            memory_above_baseline_arithmetic,
            cpu_utilization_ratio,
            accelerator_utilization_ratio,
            idle_w_per_vcpu,
            w10_per_vcpu,
            w50_per_vcpu,
            max_w_per_vcpu,

            cpu_factor_key,
            cpu_source_id,
            hardware_origin,
            case
                when duration_hours is null
                then 'unknown_duration'
                when resolved_vcpus is null and instance_type is null
                then 'no_resources_given'
                when resolved_vcpus is null
                then 'unknown_instance_type'
            end as missing_reason
        from attempts_equipped
    )

select *
from final
