-- Which name goes for runs of several sources that are the same: that of the only run
-- of events among them; where several are parts of one job of another source, that of
-- the job. One row per source and run as told that has a link.
with
    groups as (select * from {{ ref("int_runs__identity_groups") }}),
    sources as (select * from {{ ref("run_sources") }}),
    agents as (select * from {{ ref("int_runs__agents") }}),

    groups_ranked as (
        select
            groups.*,
            case
                when agents.source_run_id is null and groups.source = 'run_events'
                then 0
                else sources.machine_rank
            end as naming_rank
        from groups
        inner join sources on groups.source = sources.source_name
        left join
            agents
            on groups.source = agents.source
            and groups.source_run_id = agents.source_run_id
    ),

    groups_counted as (
        select *, count(*) over (partition by group_name, source, naming_rank) as parts
        from groups_ranked
    ),

    names_ranked as (
        select
            group_name,
            source as naming_source,
            source_run_id as run_id,
            row_number() over (
                partition by group_name
                order by
                    case when parts = 1 then 0 else 1 end, naming_rank, source_run_id
            ) as preference
        from groups_counted
    ),

    final as (
        select
            groups.source,
            groups.source_run_id,
            names_ranked.run_id,
            names_ranked.naming_source
        from groups
        inner join
            names_ranked
            on groups.group_name = names_ranked.group_name
            and names_ranked.preference = 1
    )

select *
from final
