-- Jobs of managed services as attempts under their own names: each period with
-- machines, and in it each kind of machine, is an attempt. One row per source, run and
-- attempt.
with
    jobs as (select * from {{ ref("int_runs__managed_jobs") }}),
    periods as (select * from {{ ref("int_runs__managed_periods") }}),
    pools as (select * from {{ ref("int_runs__managed_pools") }}),
    tags as (select * from {{ ref("int_runs__managed_tags") }}),
    states as (select * from {{ ref("managed_job_states") }}),
    kinds as (select * from {{ ref("managed_job_kinds") }}),

    jobs_named as (
        select
            jobs.*,
            coalesce(states.is_terminal, false) as is_terminal,
            coalesce(states.status, 'lost') as job_status,
            kinds.workload_kind,
            kinds.key_kind,
            nullif(regexp_extract(jobs.parent_name, '[^/:]+$', 0), '') as parent_job,
            nullif(regexp_extract(jobs.run_as, '[^/:]+$', 0), '') as role_name,
            nullif(regexp_extract(jobs.resource_name, '[^/:]+$', 0), '') as job_id,
            nullif(regexp_extract(jobs.model_name, '[^/:]+$', 0), '') as model
        from jobs
        left join
            states
            on jobs.source = states.source_name
            and jobs.job_state = states.job_state
        left join
            kinds on jobs.source = kinds.source_name and jobs.job_kind = kinds.job_kind
    ),

    attempts as (
        select
            jobs_named.*,
            cast(
                (periods.period_number - 1) * coalesce(pools.pools, 1)
                + coalesce(pools.pool_number, 1) as bigint
            ) as source_attempt,
            periods.started_at_utc as period_started_at_utc,
            case
                when is_terminal or not periods.is_last then periods.ended_at_utc
            end as period_ended_at_utc,
            periods.duration_s,
            case
                when is_terminal or not periods.is_last
                then coalesce(periods.ends_as, job_status)
                when job_status = 'running' and periods.started_at_utc is null
                then 'pending'
                else job_status
            end as status,
            pools.machine_type,
            pools.machines,
            pools.accelerator_type,
            pools.accelerators,
            pools.tpu_topology
        from jobs_named
        inner join
            periods
            on jobs_named.source = periods.source
            and jobs_named.source_run_id = periods.source_run_id
        left join
            pools
            on jobs_named.source = pools.source
            and jobs_named.source_run_id = pools.source_run_id
    ),

    final as (
        select
            attempts.source,
            attempts.source_run_id,
            attempts.source_attempt,

            attempts.key_kind as own_key_kind,
            case
                when attempts.key_kind like '%_arn'
                then attempts.resource_name
                else attempts.job_id
            end as own_key_value,

            -- The SDK ends names with the time.
            {{
                attempt_told(
                    {
                        "started_at_utc": "attempts.period_started_at_utc",
                        "ended_at_utc": "attempts.period_ended_at_utc",
                        "seen_until_utc": "attempts.read_at_utc",
                        "job_name": "coalesce(tags.set_job, regexp_replace(coalesce(attempts.parent_job, attempts.job_name), '-[0-9]{4}(-[0-9]{2}){5}-[0-9]{3}$', ''))",
                        "owner": "coalesce(tags.owner, tags.studio_user, attempts.role_name)",
                        "team": "coalesce(tags.set_team, tags.team)",
                        "project": "coalesce(tags.set_project, tags.project)",
                        "workload_environment": "tags.environment",
                        "pipeline": "coalesce(tags.pipeline, attempts.pipeline, attempts.parent_job)",
                        "step": "coalesce(tags.step, attempts.step)",
                        "workload_kind": "coalesce(tags.workload_kind, case when attempts.parent_name like '%:hyper-parameter-tuning-job/%' then 'tuning' end, attempts.workload_kind)",
                        "model_name": "coalesce(tags.model_name, attempts.model)",
                        "model_version": "tags.model_version",
                        "dataset_name": "coalesce(tags.dataset_name, attempts.dataset_uri)",
                        "dataset_version": "tags.dataset_version",
                        "git_commit": "tags.git_commit",
                        "instance_type": "attempts.machine_type",
                        "instance_count": "attempts.machines",
                        "resource_id": "attempts.resource_name",
                        "accelerator_model": "attempts.accelerator_type",
                        "accelerator_count": "attempts.accelerators",
                    },
                    as_named=[
                        "status",
                        "provider_code",
                        "region",
                        "tpu_topology",
                        "duration_s",
                        "source_file",
                        "source_row",
                        "delivery_id",
                        "received_at_utc",
                    ],
                )
            }}
        from attempts
        left join
            tags
            on attempts.source = tags.source
            and attempts.source_run_id = tags.source_run_id
    )

select *
from final
