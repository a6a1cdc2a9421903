-- Tags of runs that OpenLineage tells of: those of the run, and the Airflow task that
-- it is. One row per run, attempt, tag and event.
with
    events as (select * from {{ ref("int_runs__openlineage_events") }}),
    tags as (select * from {{ ref("stg_openlineage__tags") }}),

    tags_told as (
        select
            events.source_run_id,
            events.source_attempt,
            tags.tag_key,
            tags.tag_value,
            events.event_at_utc,
            events.event_id
        from events
        inner join tags on events.event_id = tags.event_id
        {% for part in ["dag_id", "run_id", "task_id", "map_index"] %}
            union all
            select
                source_run_id,
                source_attempt,
                'airflow.{{ part }}' as tag_key,
                airflow_{{ part }} as tag_value,
                event_at_utc,
                event_id
            from events
            where airflow_task is not null and airflow_{{ part }} is not null
        {% endfor %}
    ),

    final as (
        select
            source_run_id,
            source_attempt,
            tag_key,
            max(tag_value) as tag_value,
            event_at_utc as told_at_utc,
            event_id as told_by
        from tags_told
        group by source_run_id, source_attempt, tag_key, event_at_utc, event_id
    )

select *
from final
