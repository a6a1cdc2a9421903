-- The keys that runs of each source go by: the name that they have there, and their own
-- kind of key. One row per source, run and kind of key.
with
    told as (select * from {{ ref("int_runs__told") }}),
    events as (select * from {{ ref("stg_run_events__events") }}),

    keys as (
        select
            source,
            source_run_id,
            own_key_kind as key_kind,
            own_key_value as key_value,
            started_at_utc,
            source_attempt
        from told
        where own_key_value is not null
        union all
        select
            source,
            source_run_id,
            'run' as key_kind,
            source_run_id as key_value,
            started_at_utc,
            source_attempt
        from told
        union all
        select
            'run_events' as source,
            run_id as source_run_id,
            'run' as key_kind,
            run_id as key_value,
            event_at_utc as started_at_utc,
            attempt as source_attempt
        from events
    ),

    final as (
        select
            source,
            source_run_id,
            key_kind,
            lower(key_value) as key_value,

            min(started_at_utc) as started_at_utc,

            max(source_attempt) as attempts
        from keys
        group by source, source_run_id, key_kind, lower(key_value)
    )

select *
from final
