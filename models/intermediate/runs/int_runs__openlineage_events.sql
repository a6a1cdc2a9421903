-- OpenLineage events of runs, each once, with the run and attempt that they tell of.
-- Each try of an Airflow task has a run id of its own there: they are attempts of the
-- task. A run of a whole DAG is no process. One row per event.
with
    events as (select * from {{ ref("stg_openlineage__events") }}),

    events_ranked as (
        select
            *,
            row_number() over (
                partition by event_id
                order by received_at_utc desc, delivery_id, source_file, source_row
            ) as copy_rank
        from events
        where event_kind = 'run' and coalesce(upper(job_type), '') <> 'DAG'
    ),

    events_keyed as (
        select
            *,
            case
                when
                    airflow_dag_id is not null
                    and airflow_run_id is not null
                    and airflow_task_id is not null
                    and job_name = concat(airflow_dag_id, '.', airflow_task_id)
                then
                    concat(
                        airflow_dag_id,
                        ':',
                        airflow_run_id,
                        ':',
                        airflow_task_id,
                        ':',
                        coalesce(airflow_map_index, '-1')
                    )
            end as airflow_task
        from events_ranked
        where copy_rank = 1
    ),

    final as (
        select
            *,
            case
                when airflow_task is not null
                then concat('openlineage:airflow:', airflow_task)
                else concat('openlineage:', openlineage_run_id)
            end as source_run_id,
            case
                when airflow_task is not null
                then greatest(coalesce(cast(airflow_try_number as bigint), 1), 1)
                else cast(1 as bigint)
            end as source_attempt
        from events_keyed
    )

select *
from final
