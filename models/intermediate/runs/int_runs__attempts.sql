-- Attempts of all job sources, one shape. Where a job of a scheduler also sent events
-- under the same run id, the scheduler tells when and on what it ran, the events who
-- and what for. One row per run and attempt.
with
    told as (select * from {{ ref("int_runs__event_attempts") }}),
    jobs as (select * from {{ ref("int_runs__slurm_attempts") }}),

    final as (
        select
            coalesce(jobs.source, told.source) as source,
            coalesce(jobs.run_id, told.run_id) as run_id,
            coalesce(jobs.attempt, told.attempt) as attempt,

            coalesce(jobs.started_at_utc, told.started_at_utc) as started_at_utc,
            coalesce(jobs.ended_at_utc, told.ended_at_utc) as ended_at_utc,
            coalesce(told.job_name, jobs.job_name) as job_name,
            coalesce(jobs.status, told.status) as status,
            coalesce(told.owner, jobs.owner) as owner,
            coalesce(told.team, jobs.team) as team,
            coalesce(told.project, jobs.project) as project,
            coalesce(
                told.workload_environment, jobs.workload_environment
            ) as workload_environment,
            coalesce(told.pipeline, jobs.pipeline) as pipeline,
            coalesce(told.step, jobs.step) as step,
            coalesce(told.workload_kind, jobs.workload_kind) as workload_kind,
            coalesce(told.model_name, jobs.model_name) as model_name,
            coalesce(told.model_version, jobs.model_version) as model_version,
            coalesce(told.dataset_name, jobs.dataset_name) as dataset_name,
            coalesce(told.dataset_version, jobs.dataset_version) as dataset_version,
            coalesce(told.dataset_rows, jobs.dataset_rows) as dataset_rows,
            coalesce(told.git_commit, jobs.git_commit) as git_commit,
            coalesce(jobs.provider_code, told.provider_code) as provider_code,
            coalesce(jobs.region, told.region) as region,
            coalesce(told.zone, jobs.zone) as zone,
            coalesce(jobs.instance_type, told.instance_type) as instance_type,
            coalesce(jobs.instance_count, told.instance_count) as instance_count,
            coalesce(told.resource_id, jobs.resource_id) as resource_id,
            coalesce(jobs.vcpus, told.vcpus) as vcpus,
            coalesce(jobs.memory_gib, told.memory_gib) as memory_gib,
            coalesce(
                jobs.accelerator_model, told.accelerator_model
            ) as accelerator_model,
            coalesce(
                jobs.accelerator_count, told.accelerator_count
            ) as accelerator_count,
            coalesce(
                jobs.accelerator_share, told.accelerator_share
            ) as accelerator_share,
            told.tpu_topology,
            coalesce(jobs.duration_s, told.duration_s) as duration_s,
            coalesce(
                told.cpu_utilization_ratio, jobs.cpu_utilization_ratio
            ) as cpu_utilization_ratio,
            coalesce(
                told.accelerator_utilization_ratio, jobs.accelerator_utilization_ratio
            ) as accelerator_utilization_ratio,
            coalesce(jobs.allocated_cpu_s, told.allocated_cpu_s) as allocated_cpu_s,
            coalesce(jobs.used_cpu_s, told.used_cpu_s) as used_cpu_s,
            coalesce(jobs.source_file, told.source_file) as source_file,
            coalesce(jobs.source_row, told.source_row) as source_row,
            coalesce(jobs.delivery_id, told.delivery_id) as delivery_id,
            coalesce(jobs.received_at_utc, told.received_at_utc) as received_at_utc
        from jobs
        full outer join
            told on jobs.run_id = told.run_id and jobs.attempt = told.attempt
    )

select *
from final
