-- Which run and attempt each run is that a source tells of. A run of events keeps its
-- own name, and what is the same run goes by it; where several of them are parts of one
-- job of another source, the job is the run. One row per source, run and attempt as
-- told.
with
    links as (select * from {{ ref("int_runs__identity_links") }}),
    names as (select * from {{ ref("int_runs__identity_names") }}),
    parts_placed as (select * from {{ ref("int_runs__parts_placed") }}),
    events as (select * from {{ ref("stg_run_events__events") }}),
    jobs as (select * from {{ ref("int_runs__told") }}),

    told as (
        select
            'run_events' as source, run_id as source_run_id, attempt as source_attempt
        from events
        group by run_id, attempt
        union all
        select source, source_run_id, source_attempt
        from jobs
    ),

    told_counted as (
        select
            *, max(source_attempt) over (partition by source, source_run_id) as attempts
        from told
    ),

    runs_linked as (
        select
            names.source,
            names.source_run_id,
            names.run_id,
            max(links.other_attempt) as attempts,
            min(links.key_kind) as key_kind,
            min_by(
                links.key_value, concat(links.key_kind, ' ', links.key_value)
            ) as key_value
        from names
        inner join
            links
            on names.source = links.source
            and names.source_run_id = links.source_run_id
        group by names.source, names.source_run_id, names.run_id
    ),

    final as (
        select
            told_counted.source,
            told_counted.source_run_id,
            told_counted.source_attempt,

            coalesce(runs_linked.run_id, told_counted.source_run_id) as run_id,
            -- A source that lost sight of the first attempts tells of the last ones.
            case
                when told_counted.source = 'run_events'
                then coalesce(parts_placed.attempt, told_counted.source_attempt)
                else
                    told_counted.source_attempt + greatest(
                        coalesce(runs_linked.attempts, 0) - told_counted.attempts, 0
                    )
            end as attempt,

            runs_linked.key_kind,
            runs_linked.key_value
        from told_counted
        left join
            runs_linked
            on told_counted.source = runs_linked.source
            and told_counted.source_run_id = runs_linked.source_run_id
        left join
            parts_placed
            on told_counted.source = 'run_events'
            and told_counted.source_run_id = parts_placed.source_run_id
            and told_counted.source_attempt = parts_placed.source_attempt
    )

select *
from final
