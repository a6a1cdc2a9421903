-- Slurm allocations, each known once however many dumps hold it. A requeued job is a
-- new attempt
-- of the same run: its job id stays, its submit time moves. One row per run and
-- attempt.
with
    accounting_rows as (select * from {{ ref("stg_slurm__accounting_rows") }}),
    states as (select * from {{ ref("slurm_states") }}),

    allocations as (
        select
            accounting_rows.*,
            coalesce(states.status, 'lost') as status,
            row_number() over (
                partition by
                    accounting_rows.cluster_name,
                    accounting_rows.job_id,
                    accounting_rows.submitted_at_utc
                -- The dump that saw the job furthest along tells; between equals, the
                -- newest.
                order by
                    coalesce(states.is_terminal, false) desc,
                    accounting_rows.ended_at_utc desc nulls last,
                    accounting_rows.elapsed_s desc nulls last,
                    accounting_rows.received_at_utc desc,
                    accounting_rows.delivery_id desc,
                    accounting_rows.source_row desc
            ) as copy_rank
        from accounting_rows
        left join states on accounting_rows.slurm_state = states.slurm_state
        where accounting_rows.step_id is null
    ),

    final as (
        select
            'slurm' as source,
            concat('slurm:', cluster_name, ':', job_id) as run_id,
            cast(
                row_number() over (
                    partition by cluster_name, job_id
                    order by submitted_at_utc, started_at_utc, source_file, source_row
                ) as bigint
            ) as attempt,

            started_at_utc,
            case
                when status = 'running' then null else ended_at_utc
            end as ended_at_utc,

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
            cast(1 as bigint) as instance_count,
            cast(null as string) as resource_id,
            cast(allocated_vcpus as double) as vcpus,
            cast(allocated_memory_gib as double) as memory_gib,
            gpu_type as accelerator_model,
            cast(allocated_gpus as double) as accelerator_count,
            cast(1.0 as double) as accelerator_share,

            case when started_at_utc is null then 0.0 else elapsed_s end as duration_s,
            least(
                used_cpu_s / nullif(allocated_cpu_s, 0), 1.0
            ) as cpu_utilization_ratio,
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
        where copy_rank = 1
    )

select *
from final
