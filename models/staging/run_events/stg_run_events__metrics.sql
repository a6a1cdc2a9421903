-- Metrics (KPIs) inside run events. One row per event and metric.
with
    events as (select * from {{ ref("stg_run_events__events") }}),

    final as (
        select
            events.event_id,
            events.run_id,
            events.attempt,

            events.event_at_utc,

            metric.name as metric_name,

            metric.value as metric_value,

            events.delivery_id,
            events.source_file,
            events.source_row
        from events {{ unnested("events.metrics", "event_metrics", "metric") }}
    )

select *
from final
