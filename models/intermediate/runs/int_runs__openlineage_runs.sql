-- Runs that OpenLineage tells of, their events folded: a value is the last one told,
-- the last terminal event is the end. One row per run and attempt.
with
    events as (select * from {{ ref("int_runs__openlineage_events") }}),

    events_in_order as (
        select
            *,
            row_number() over (
                partition by source_run_id, source_attempt
                order by event_at_utc, event_id
            ) as event_rank,
            case
                event_type
                when 'COMPLETE'
                then 'succeeded'
                when 'FAIL'
                then 'failed'
                when 'ABORT'
                then 'cancelled'
            end as end_status
        from events
    ),

    final as (
        select
            source_run_id,
            source_attempt,
            max(airflow_task) as airflow_task,

            coalesce(
                min(case when event_type = 'START' then event_at_utc end),
                min(event_at_utc)
            ) as started_at_utc,
            max(case when end_status is not null then event_at_utc end) as ended_at_utc,
            max(event_at_utc) as last_event_at_utc,

            {% for column in [
                "end_status",
                "openlineage_run_id",
                "job_namespace",
                "job_name",
                "owner",
                "team",
                "parent_run_id",
                "parent_job_name",
                "root_job_name",
                "airflow_dag_id",
                "airflow_run_id",
                "airflow_task_id",
                "airflow_map_index",
                "source_code_version",
                "source_file",
                "source_row",
                "delivery_id",
                "received_at_utc",
            ] %}
                {{ last_known(column, "event_rank") }} as {{ column }},
            {% endfor %}
            -- Name, version and rows of a data set are those of one event.
            {% for column in ["dataset_name", "dataset_version", "dataset_rows"] %}
                nullif(
                    max_by(
                        coalesce({{ column }}, ''),
                        case when dataset_name is not null then event_rank end
                    ),
                    ''
                ) as {{ column }}
                {% if not loop.last %},{% endif %}
            {% endfor %}
        from events_in_order
        group by source_run_id, source_attempt
    )

select *
from final
