-- Tags inside run events. One row per event and tag.
with
    events as (select * from {{ ref("stg_run_events__events") }}),

    final as (
        select
            events.event_id,
            events.run_id,
            events.attempt,

            events.event_at_utc,

            tag.key as tag_key,
            tag.value as tag_value,

            events.delivery_id,
            events.source_file,
            events.source_row
        from events {{ unnested("events.tags", "event_tags", "tag") }}
    )

select *
from final
