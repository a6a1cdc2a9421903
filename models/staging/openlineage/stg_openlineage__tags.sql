-- Tags of runs in OpenLineage events. One row per landed event and tag.
with
    events as (
        select *
        from {{ ref("stg_openlineage__events") }}
        where event_kind = 'run' and tags_json like '[%' and tags_json <> '[]'
    ),

    tags as (
        select events.*, {{ json_item("events.tags_json", "tag_position") }} as tag_json
        from
            events
            {{
                unnested(
                    positions_in("events.tags_json"), "tag_positions", "tag_position"
                )
            }}
    ),

    final as (
        select
            event_id,
            openlineage_run_id,

            event_at_utc,

            {{ json_text("tag_json", "key") }} as tag_key,
            {{ json_text("tag_json", "value") }} as tag_value,

            delivery_id,
            source_file,
            source_row
        from tags
    )

select *
from final
