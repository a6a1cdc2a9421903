-- Runs of events that are parts of a job of several attempts: the last attempt that had
-- begun when they did. A service that starts a job anew tells the hook nothing of it.
-- One row per run of events and attempt as told.
with
    names as (
        select *
        from {{ ref("int_runs__identity_names") }}
        where source = 'run_events' and naming_source <> 'run_events'
    ),
    events as (select * from {{ ref("stg_run_events__events") }}),
    told as (select * from {{ ref("int_runs__told") }}),

    parts as (
        select
            names.source_run_id,
            names.naming_source,
            names.run_id,
            events.attempt as source_attempt,
            min(coalesce(events.started_at_utc, events.event_at_utc)) as started_at_utc
        from names
        inner join events on names.source_run_id = events.run_id
        group by names.source_run_id, names.naming_source, names.run_id, events.attempt
    ),

    jobs as (
        select *, count(*) over (partition by source, source_run_id) as attempts
        from told
        where started_at_utc is not null
    ),

    attempts_ranked as (
        select
            parts.source_run_id,
            parts.source_attempt,
            jobs.source_attempt as attempt,
            row_number() over (
                partition by parts.source_run_id, parts.source_attempt
                order by
                    case
                        when jobs.started_at_utc <= parts.started_at_utc then 0 else 1
                    end,
                    abs(
                        {{ epoch_s("jobs.started_at_utc") }}
                        - {{ epoch_s("parts.started_at_utc") }}
                    ),
                    jobs.source_attempt
            ) as preference
        from parts
        inner join
            jobs
            on parts.naming_source = jobs.source
            and parts.run_id = jobs.source_run_id
        where jobs.attempts > 1
    ),

    final as (
        select source_run_id, source_attempt, attempt
        from attempts_ranked
        where preference = 1
    )

select *
from final
