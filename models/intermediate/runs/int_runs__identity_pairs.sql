-- Which runs of two sources are the same, by a key that one of the two names, or by the
-- same name. Of jobs that had the same id one after the other, it is the last that had
-- begun by then. One row per pair of runs, attempt of the namer and kind of key.
with
    named as (select * from {{ ref("int_runs__keys_named") }}),
    owned as (select * from {{ ref("int_runs__keys_owned") }}),

    owners_ranked as (
        select
            named.source as namer_source,
            named.source_run_id as namer_run_id,
            named.key_kind,
            named.key_value,
            owned.source as owner_source,
            owned.source_run_id as owner_run_id,
            row_number() over (
                partition by
                    named.source,
                    named.source_run_id,
                    named.source_attempt,
                    named.key_kind
                order by
                    case when owned.source = named.source then 1 else 0 end,
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
            and (
                named.source <> owned.source
                or (
                    named.source = 'run_events'
                    and named.key_kind <> 'run'
                    and named.source_run_id <> owned.source_run_id
                )
            )
    ),

    namesakes as (
        select
            events.source as namer_source,
            events.source_run_id as namer_run_id,
            events.key_kind,
            events.key_value,
            owned.source as owner_source,
            owned.source_run_id as owner_run_id,
            1 as preference
        from owned as events
        inner join
            owned
            on events.key_kind = owned.key_kind
            and events.key_value = owned.key_value
        where
            events.key_kind = 'run'
            and events.source = 'run_events'
            and owned.source <> 'run_events'
    ),

    final as (
        select *
        from owners_ranked
        where preference = 1
        union all
        select *
        from namesakes
    )

select *
from final
