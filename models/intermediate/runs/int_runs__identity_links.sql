-- Which runs of two sources are the same, by a key that one of the two names, or by the
-- same name. Of jobs that had the same id one after the other, it is the last that had
-- begun by then. Every link stands in both directions. One row per source, run and
-- attempt as told, and source and run that it is the same as.
with
    named as (select * from {{ ref("int_runs__keys_named") }}),
    owned as (select * from {{ ref("int_runs__keys_owned") }}),

    owners_ranked as (
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

    namesakes as (
        select
            events.source as namer_source,
            events.source_run_id as namer_run_id,
            events.attempts as namer_attempt,
            events.key_kind,
            events.key_value,
            owned.source as owner_source,
            owned.source_run_id as owner_run_id,
            owned.attempts as owner_attempts,
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

    pairs as (
        select *
        from owners_ranked
        where preference = 1
        union all
        select *
        from namesakes
    ),

    links as (
        {% for this, other in [("namer", "owner"), ("owner", "namer")] %}
            select
                {{ this }}_source as source,
                {{ this }}_run_id as source_run_id,
                {{ other }}_source as other_source,
                {{ other }}_run_id as other_run_id,
                -- What names a run, not an attempt of it, is of the last one.
                {{ other }}_{{ "attempt" if other == "namer" else "attempts" }}
                as other_attempt,
                key_kind,
                key_value
            from pairs
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    final as (
        select
            source,
            source_run_id,
            other_source,
            other_run_id,
            max(other_attempt) as other_attempt,
            min(key_kind) as key_kind,
            min_by(key_value, concat(key_kind, ' ', key_value)) as key_value
        from links
        group by source, source_run_id, other_source, other_run_id
    )

select *
from final
