-- Which run and attempt each run is that a source tells of. A run of events keeps its
-- own
-- name, and what is the same run goes by it; of several that are one job of another
-- source the job is the run. One row per source, run and attempt as told.
with
    links as (select * from {{ ref("int_runs__identity_links") }}),
    sources as (select * from {{ ref("run_sources") }}),
    events as (select * from {{ ref("stg_run_events__events") }}),
    jobs as (select * from {{ ref("int_runs__slurm_told") }}),
    tracked as (select * from {{ ref("int_runs__codecarbon_runs") }}),

    told as (
        select
            'run_events' as source, run_id as source_run_id, attempt as source_attempt
        from events
        group by run_id, attempt
        union all
        select source, source_run_id, source_attempt
        from jobs
        union all
        select 'codecarbon' as source, source_run_id, cast(1 as bigint)
        from tracked
    ),

    runs_shared as (
        select source, source_run_id
        from links
        group by source, source_run_id
        having count(distinct event_run_id) > 1
    ),

    event_runs as (
        select
            links.event_run_id,
            coalesce(
                min_by(
                    runs_shared.source_run_id,
                    case
                        when runs_shared.source_run_id is not null
                        then
                            concat(10 + sources.machine_rank, runs_shared.source_run_id)
                    end
                ),
                links.event_run_id
            ) as run_id,
            min(links.key_kind) as key_kind,
            min(links.key_value) as key_value
        from links
        inner join sources on links.source = sources.source_name
        left join
            runs_shared
            on links.source = runs_shared.source
            and links.source_run_id = runs_shared.source_run_id
        group by links.event_run_id
    ),

    other_runs as (
        select
            links.source,
            links.source_run_id,
            min(event_runs.run_id) as run_id,
            max(links.event_attempt) as attempts,
            min(links.key_kind) as key_kind,
            min(links.key_value) as key_value
        from links
        inner join event_runs on links.event_run_id = event_runs.event_run_id
        group by links.source, links.source_run_id
    ),

    told_counted as (
        select
            *, max(source_attempt) over (partition by source, source_run_id) as attempts
        from told
    ),

    final as (
        select
            told_counted.source,
            told_counted.source_run_id,
            told_counted.source_attempt,

            coalesce(
                event_runs.run_id, other_runs.run_id, told_counted.source_run_id
            ) as run_id,
            -- A source that lost sight of the first attempts tells of the last ones.
            told_counted.source_attempt + greatest(
                coalesce(other_runs.attempts, 0) - told_counted.attempts, 0
            ) as attempt,

            coalesce(event_runs.key_kind, other_runs.key_kind) as key_kind,
            coalesce(event_runs.key_value, other_runs.key_value) as key_value
        from told_counted
        left join
            event_runs
            on told_counted.source = 'run_events'
            and told_counted.source_run_id = event_runs.event_run_id
        left join
            other_runs
            on told_counted.source = other_runs.source
            and told_counted.source_run_id = other_runs.source_run_id
    )

select *
from final
