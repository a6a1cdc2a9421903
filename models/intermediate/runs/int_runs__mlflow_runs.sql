-- MLflow's runs with their time and status settled. Of a run that several servers tell,
-- or that is read twice, the newest counts. One that still runs and has been silent for
-- too long is lost since its last metric. One row per run.
with
    runs as (select * from {{ ref("stg_mlflow__runs") }}),
    tags as (select * from {{ ref("int_runs__mlflow_tags") }}),
    settings as (select * from {{ ref("int_settings__parameters") }}),

    runs_ranked as (
        select
            *,
            row_number() over (
                partition by mlflow_run_id
                order by received_at_utc desc, delivery_id desc, source_row desc
            ) as newest_rank
        from runs
    ),

    runs_once as (
        select
            runs_ranked.*,
            tags.parent_mlflow_run_id,
            status_told in ('RUNNING', 'SCHEDULED') as is_running,
            coalesce(last_metric_at_utc, started_at_utc) as last_sign_at_utc
        from runs_ranked
        left join tags on runs_ranked.mlflow_run_id = tags.mlflow_run_id
        where newest_rank = 1
    ),

    runs_judged as (
        select
            *,
            is_running
            and last_sign_at_utc
            < {{ add_seconds(as_of(), "-3600 * settings.lost_after_hours") }} as is_lost
        from runs_once
        cross join settings
    ),

    final as (
        select
            mlflow_run_id,
            concat('mlflow:', mlflow_run_id) as source_run_id,
            parent_mlflow_run_id,

            started_at_utc,
            case
                when is_running and not is_lost
                then null
                when is_running
                then last_sign_at_utc
                else greatest(started_at_utc, coalesce(ended_at_utc, last_sign_at_utc))
            end as ended_at_utc,
            -- Until when anything is known of it.
            greatest(
                started_at_utc,
                coalesce(
                    case when not is_running then ended_at_utc end, last_sign_at_utc
                )
            ) as known_until_at_utc,

            run_name,
            experiment_name,
            user_name,
            site_name,
            lifecycle_stage,
            case
                when is_lost
                then 'lost'
                when is_running
                then 'running'
                when status_told = 'FINISHED'
                then 'succeeded'
                when status_told = 'KILLED'
                then 'cancelled'
                else 'failed'
            end as status,
            -- A start alone tells no duration; an end told does, also at once.
            is_running or ended_at_utc is null as is_end_unknown,

            source_file,
            source_row,
            delivery_id,
            received_at_utc
        from runs_judged
    )

select *
from final
