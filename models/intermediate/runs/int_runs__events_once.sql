-- Run events, each once: of copies of an event the newest received. One row per run,
-- attempt and event.
with
    events as (select * from {{ ref("stg_run_events__events") }}),

    events_ranked as (
        select
            *,
            row_number() over (
                partition by event_id, run_id, attempt
                order by received_at_utc desc, delivery_id, source_file, source_row
            ) as copy_rank
        from events
    )

select *
from events_ranked
where copy_rank = 1
