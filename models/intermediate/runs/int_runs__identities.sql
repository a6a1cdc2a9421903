-- Which run and attempt each run is that a source tells of. A run of events keeps its
-- own name, and what is the same run goes by it; where several of them are parts of one
-- job of another source, the job is the run. One row per source, run and attempt as
-- told.
with
    links as (select * from {{ ref("int_runs__identity_links") }}),
    groups as (select * from {{ ref("int_runs__identity_groups") }}),
    sources as (select * from {{ ref("run_sources") }}),
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

    groups_counted as (
        select
            groups.*,
            case
                when groups.source = 'run_events' then 0 else sources.machine_rank
            end as naming_rank,
            count(*) over (partition by groups.group_name, groups.source) as parts
        from groups
        inner join sources on groups.source = sources.source_name
    ),

    names_ranked as (
        select
            group_name,
            source_run_id as run_id,
            row_number() over (
                partition by group_name
                order by
                    case when parts = 1 then 0 else 1 end, naming_rank, source_run_id
            ) as preference
        from groups_counted
    ),

    runs_linked as (
        select
            groups.source,
            groups.source_run_id,
            names_ranked.run_id,
            max(links.other_attempt) as attempts,
            min(links.key_kind) as key_kind,
            min(links.key_value) as key_value
        from groups
        inner join names_ranked on groups.group_name = names_ranked.group_name
        inner join
            links
            on groups.source = links.source
            and groups.source_run_id = links.source_run_id
        where names_ranked.preference = 1
        group by groups.source, groups.source_run_id, names_ranked.run_id
    ),

    final as (
        select
            told_counted.source,
            told_counted.source_run_id,
            told_counted.source_attempt,

            coalesce(runs_linked.run_id, told_counted.source_run_id) as run_id,
            -- A source that lost sight of the first attempts tells of the last ones.
            told_counted.source_attempt + case
                when told_counted.source = 'run_events'
                then 0
                else
                    greatest(
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
    )

select *
from final
