-- Runs that OpenLineage tells of and that are runs here: of a job that the settings
-- name, named by a run of another source, or naming one. One whose parent is of a job
-- that the settings name is a part of that. One row per run and attempt.
with
    runs as (select * from {{ ref("int_runs__openlineage_runs") }}),
    named as (select * from {{ ref("int_runs__keys_named") }}),
    jobs as (select * from {{ ref("int_settings__run_jobs") }}),

    jobs_chosen as (
        select runs.job_namespace, runs.job_name
        from runs
        cross join jobs
        where
            runs.job_name like jobs.name_like escape '!'
            or concat(runs.job_namespace, '/', runs.job_name)
            like jobs.name_like escape '!'
        group by runs.job_namespace, runs.job_name
    ),

    parents_chosen as (
        select runs.openlineage_run_id
        from runs
        inner join jobs_chosen using (job_namespace, job_name)
        group by runs.openlineage_run_id
    ),

    runs_keyed as (
        select
            *,
            case
                when airflow_task is not null then 'airflow_task' else 'openlineage_run'
            end as own_key_kind,
            coalesce(airflow_task, openlineage_run_id) as own_key_value
        from runs
    ),

    runs_named as (
        select runs_keyed.source_run_id
        from runs_keyed
        inner join
            named
            on runs_keyed.own_key_kind = named.key_kind
            and lower(runs_keyed.own_key_value) = named.key_value
        where named.source not in ('openlineage', 'airflow')
        union
        select source_run_id
        from named
        where source = 'openlineage' and key_kind <> 'airflow_task'
        union
        select runs_keyed.source_run_id
        from runs_keyed
        inner join jobs_chosen using (job_namespace, job_name)
        left join
            parents_chosen
            on runs_keyed.parent_run_id = parents_chosen.openlineage_run_id
        where parents_chosen.openlineage_run_id is null
    ),

    runs_chosen as (
        select runs_keyed.* from runs_keyed inner join runs_named using (source_run_id)
    ),

    final as (
        select
            'openlineage' as source,
            source_run_id,
            source_attempt,

            own_key_kind,
            own_key_value,

            {{
                attempt_told(
                    {
                        "seen_until_utc": "last_event_at_utc",
                        "status": "coalesce(end_status, 'running')",
                        "pipeline": "coalesce(airflow_dag_id, root_job_name, parent_job_name)",
                        "step": "airflow_task_id",
                        "git_commit": "source_code_version",
                        "duration_s": "case when end_status is not null then greatest("
                        ~ epoch_s("ended_at_utc")
                        ~ " - "
                        ~ epoch_s("started_at_utc")
                        ~ ", 0) else nullif("
                        ~ epoch_s("last_event_at_utc")
                        ~ " - "
                        ~ epoch_s("started_at_utc")
                        ~ ", 0) end",
                    },
                    as_named=[
                        "started_at_utc",
                        "ended_at_utc",
                        "job_name",
                        "owner",
                        "team",
                        "dataset_name",
                        "dataset_version",
                        "dataset_rows",
                        "source_file",
                        "source_row",
                        "delivery_id",
                        "received_at_utc",
                    ],
                )
            }}
        from runs_chosen
    )

select *
from final
