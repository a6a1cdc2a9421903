-- What each attempt held of which machine. What the job says goes before what its type
-- says. One row per run and attempt.
with
    attempts as (select * from {{ ref("int_runs__accelerators_counted") }}),

    attempts_resolved as (
        select
            attempts.*,
            -- A machine's own list knows its accelerator more exactly than a short name
            -- does.
            coalesce(
                machine_accelerator_model, named_accelerator_model, accelerator_model
            ) as resolved_accelerator_model,

            -- A slice that has more chips than the machines told is on more machines.
            cast(
                greatest(
                    instance_count,
                    coalesce(ceil(slice_chips / nullif(told_accelerators, 0)), 0.0)
                ) as bigint
            ) as resolved_instance_count,
            coalesce(vcpus, machine_vcpus) as resolved_vcpus,
            -- A part of a machine whose memory nobody tells has its part of the memory.
            coalesce(
                memory_gib,
                machine_memory_gib * vcpus / nullif(machine_vcpus, 0),
                machine_memory_gib
            ) as resolved_memory_gib,
            case
                when source = 'slurm'
                then coalesce(accelerator_count, 0.0)
                else
                    coalesce(
                        told_accelerators,
                        slice_chips / instance_count,
                        case
                            when
                                coalesce(machine_accelerator_model, accelerator_model)
                                is null
                            then 0.0
                        end
                    )
            end as resolved_accelerator_count,
            case
                when accelerator_share is not null
                then accelerator_share
                when share_missing_reason is null
                then
                    coalesce(
                        named_accelerator_share,
                        case
                            when named_accelerator_model is null
                            then machine_accelerator_share
                        end,
                        1.0
                    )
            end as resolved_accelerator_share
        from attempts
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
            resolved_instance_count as instance_count,
            resolved_vcpus as vcpus_per_instance,
            resolved_vcpus * powered_ratio as powered_vcpus_per_instance,
            resolved_memory_gib as memory_gib_per_instance,
            resolved_accelerator_count as accelerators_per_instance,
            resolved_accelerator_share as accelerator_share,
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
        from attempts_resolved
    )

select *
from final
