-- Which run of another source a run of events is, by a key that one of the two names.
-- Of
-- jobs that had the same id one after the other, it is the last that had begun by then.
-- One row per run of events, attempt and run of another source.
with
    named as (select * from {{ ref("int_runs__keys_named") }}),
    owned as (select * from {{ ref("int_runs__keys_owned") }}),

    pairs as (
        select
            named.source as namer_source,
            named.source_run_id as namer_run_id,
            named.source_attempt as namer_attempt,
            named.key_kind,
            named.key_value,
            owned.source as owner_source,
            owned.source_run_id as owner_run_id,
            owned.attempts as owner_attempts,
            row_number() over (
                partition by
                    named.source,
                    named.source_run_id,
                    named.source_attempt,
                    named.key_kind
                order by
                    case
                        when owned.started_at_utc <= named.told_at_utc then 0 else 1
                    end,
                    owned.started_at_utc desc,
                    owned.source_run_id
            ) as preference
        from named
        inner join
            owned
            on named.key_kind = owned.key_kind
            and named.key_value = owned.key_value
            and named.source <> owned.source
    ),

    links as (
        select
            namer_run_id as event_run_id,
            namer_attempt as event_attempt,
            owner_source as source,
            owner_run_id as source_run_id,
            key_kind,
            key_value
        from pairs
        where preference = 1 and namer_source = 'run_events'
        union all
        -- What names a run, not an attempt, is of the last one.
        select
            owner_run_id as event_run_id,
            owner_attempts as event_attempt,
            namer_source as source,
            namer_run_id as source_run_id,
            key_kind,
            key_value
        from pairs
        where preference = 1 and owner_source = 'run_events'
    ),

    final as (
        select
            event_run_id,
            event_attempt,
            source,
            source_run_id,
            min(key_kind) as key_kind,
            min(key_value) as key_value
        from links
        group by event_run_id, event_attempt, source, source_run_id
    )

select *
from final
