-- Tries of Airflow tasks that are runs here, as attempts: of a task that the settings
-- name, or that a run of another source names. What never started is none. One row per
-- run and attempt.
with
    tries as (select * from {{ ref("stg_airflow__task_tries") }}),
    named as (select * from {{ ref("int_runs__keys_named") }}),
    jobs as (select * from {{ ref("int_settings__run_jobs") }}),

    tries_ranked as (
        select
            *,
            concat(dag_id, '.', task_id) as job_name,
            concat(
                dag_id, ':', dag_run_id, ':', task_id, ':', map_index
            ) as airflow_task,
            row_number() over (
                partition by dag_id, dag_run_id, task_id, map_index, try_number
                order by received_at_utc desc, delivery_id, source_file, source_row
            ) as copy_rank
        from tries
    ),

    tasks_chosen as (
        select tries_ranked.airflow_task
        from tries_ranked
        cross join jobs
        where tries_ranked.job_name like jobs.name_like escape '!'
        union
        select tries_ranked.airflow_task
        from tries_ranked
        inner join named on lower(tries_ranked.airflow_task) = named.key_value
        where
            named.key_kind = 'airflow_task'
            and named.source not in ('airflow', 'openlineage')
    ),

    attempts as (
        select
            tries_ranked.*,
            case
                when state = 'success'
                then 'succeeded'
                when state in ('failed', 'up_for_retry')
                then 'failed'
                when state = 'restarting'
                then 'cancelled'
                else 'running'
            end as status
        from tries_ranked
        inner join tasks_chosen using (airflow_task)
        where
            copy_rank = 1
            and started_at_utc is not null
            and state
            not in ('upstream_failed', 'skipped', 'removed', 'queued', 'scheduled')
    ),

    final as (
        select
            'airflow' as source,
            concat('airflow:', airflow_task) as source_run_id,
            try_number as source_attempt,

            'airflow_task' as own_key_kind,
            airflow_task as own_key_value,

            {{
                attempt_told(
                    {
                        "ended_at_utc": "case when status <> 'running' then ended_at_utc end",
                        "seen_until_utc": "received_at_utc",
                        "owner": "owners",
                        "pipeline": "dag_id",
                        "step": "task_id",
                        "duration_s": "case when status <> 'running' then coalesce("
                        ~ epoch_s("ended_at_utc")
                        ~ " - "
                        ~ epoch_s("started_at_utc")
                        ~ ", duration_s) end",
                    },
                    as_named=[
                        "started_at_utc",
                        "job_name",
                        "status",
                        "source_file",
                        "source_row",
                        "delivery_id",
                        "received_at_utc",
                    ],
                )
            }}
        from attempts
    )

select *
from final
