-- Slurm allocations as attempts of runs, under Slurm's own name. A requeued job is a
-- new attempt of the same run: its job id stays, its submit time moves. One row per run
-- and attempt.
with
    allocations as (select * from {{ ref("int_runs__slurm_allocations") }}),

    final as (
        select
            'slurm' as source,
            concat(
                'slurm:',
                cluster_name,
                ':',
                job_id,
                case when ids_reused > 0 then concat('@', ids_reused + 1) else '' end
            ) as source_run_id,
            cast(
                row_number() over (
                    partition by cluster_name, job_id, ids_reused
                    order by
                        submitted_at_utc,
                        started_at_utc,
                        delivery_id,
                        source_file,
                        source_row
                ) as bigint
            ) as source_attempt,

            'slurm_job' as own_key_kind,
            concat(cluster_name, ':', job_id) as own_key_value,

            started_at_utc,
            case
                when status = 'running' then null else ended_at_utc
            end as ended_at_utc,
            coalesce(
                {{ add_seconds("started_at_utc", "elapsed_s") }}, started_at_utc
            ) as seen_until_utc,

            job_name,
            status,
            coalesce({{ json_text("comment_json", "owner") }}, user_name) as owner,
            coalesce({{ json_text("comment_json", "team") }}, account_name) as team,
            {{ json_text("comment_json", "project") }} as project,
            {{ json_text("comment_json", "environment") }} as workload_environment,
            {{ json_text("comment_json", "pipeline") }} as pipeline,
            {{ json_text("comment_json", "step") }} as step,
            {{ json_text("comment_json", "workload_kind") }} as workload_kind,
            coalesce(
                {{ json_text("comment_json", "model_name") }},
                {{ json_text("comment_json", "model") }}
            ) as model_name,
            coalesce(
                {{ json_text("comment_json", "model_version") }},
                {{ json_text("comment_json", "version") }}
            ) as model_version,
            coalesce(
                {{ json_text("comment_json", "dataset_name") }},
                {{ json_text("comment_json", "dataset") }}
            ) as dataset_name,
            {{ json_text("comment_json", "dataset_version") }} as dataset_version,
            cast(null as bigint) as dataset_rows,
            {{ json_text("comment_json", "git_commit") }} as git_commit,
            'on_premise' as provider_code,
            site_name as region,
            cast(null as string) as zone,
            partition_name as instance_type,
            greatest(coalesce(node_count, 1), 1) as instance_count,
            cast(null as string) as resource_id,
            allocated_vcpus
            / cast(greatest(coalesce(node_count, 1), 1) as double) as vcpus,
            allocated_memory_gib
            / cast(greatest(coalesce(node_count, 1), 1) as double) as memory_gib,
            gpu_type as accelerator_model,
            allocated_gpus
            / cast(greatest(coalesce(node_count, 1), 1) as double) as accelerator_count,
            cast(null as double) as accelerator_share,
            cast(null as string) as tpu_topology,

            case when started_at_utc is null then 0.0 else elapsed_s end as duration_s,
            -- A running job's CPU time is not known before it ends.
            case
                when status = 'running' and used_cpu_s = 0
                then null
                when used_cpu_s > allocated_cpu_s
                then 1.0
                else used_cpu_s / nullif(allocated_cpu_s, 0)
            end as cpu_utilization_ratio,
            -- gres/gpuutil is a peak, added up over the job's devices: not a mean.
            cast(null as double) as accelerator_utilization_ratio,
            allocated_cpu_s,
            used_cpu_s,

            source_file,
            source_row,
            delivery_id,
            received_at_utc,

            cluster_name,
            job_id,
            nodes,
            consumed_energy_j as allocation_energy_j
        from allocations
    )

select *
from final
