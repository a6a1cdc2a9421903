-- The keys that runs of each source go by: the name that they have there, and their own
-- kind of key. What an agent of a host tells of goes by what it names. One row per
-- source, run and kind of key.
with
    told as (select * from {{ ref("int_runs__told") }}),
    events as (select * from {{ ref("stg_run_events__events") }}),
    agents as (select * from {{ ref("int_runs__agents") }}),
    named as (select * from {{ ref("int_runs__keys_named") }}),

    keys as (
        select
            source,
            source_run_id,
            own_key_kind as key_kind,
            own_key_value as key_value,
            started_at_utc
        from told
        where own_key_value is not null
        union all
        select
            source,
            source_run_id,
            'run' as key_kind,
            source_run_id as key_value,
            started_at_utc
        from told
        union all
        select
            'run_events' as source,
            run_id as source_run_id,
            'run' as key_kind,
            run_id as key_value,
            event_at_utc as started_at_utc
        from events
        union all
        select
            named.source,
            named.source_run_id,
            named.key_kind,
            named.key_value,
            named.told_at_utc as started_at_utc
        from named
        inner join
            agents
            on named.source = agents.source
            and named.source_run_id = agents.source_run_id
    ),

    final as (
        select
            source,
            source_run_id,
            key_kind,
            lower(key_value) as key_value,

            min(started_at_utc) as started_at_utc
        from keys
        group by source, source_run_id, key_kind, lower(key_value)
    )

select *
from final
