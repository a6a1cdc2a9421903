-- Attempts as told, and which of them number those of the run that they are: the jobs
-- of each part; where a part has none, what an agent tells of whole, else its runs of
-- events, else of a tracker. Where nobody has machines, the source that tells of most.
-- One row per source, run and attempt as told.
with
    groups as (select * from {{ ref("int_runs__identity_groups") }}),
    parts as (select * from {{ ref("int_runs__identity_parts") }}),
    sources as (select * from {{ ref("run_sources") }}),
    agents as (select * from {{ ref("int_runs__agents") }}),
    events as (select * from {{ ref("stg_run_events__events") }}),
    jobs as (select * from {{ ref("int_runs__told") }}),

    told as (
        select
            'run_events' as source,
            run_id as source_run_id,
            attempt as source_attempt,
            min(
                coalesce(
                    started_at_utc,
                    {{ add_seconds("event_at_utc", "-coalesce(duration_s, 0)") }}
                )
            ) as started_at_utc,
            max(event_at_utc) as ended_at_utc,
            max(lower(trim(instance_type))) as type_name
        from events
        group by run_id, attempt
        union all
        select
            source,
            source_run_id,
            source_attempt,
            started_at_utc,
            coalesce(ended_at_utc, {{ as_of() }}) as ended_at_utc,
            lower(trim(instance_type)) as type_name
        from jobs
    ),

    linked as (
        select
            told.source,
            told.source_run_id,
            groups.group_name,
            coalesce(parts.part_name, '') as part_name,
            sources.tells,
            case
                when sources.tells = 'job'
                then 0
                when agents.source_run_id is not null
                then 1
                else sources.machine_rank
            end as numbering_rank,
            count(*) as attempts
        from told
        inner join
            groups
            on told.source = groups.source
            and told.source_run_id = groups.source_run_id
        inner join sources on told.source = sources.source_name
        left join
            agents
            on told.source = agents.source
            and told.source_run_id = agents.source_run_id
        left join
            parts
            on sources.tells <> 'record'
            and told.source = parts.source
            and told.source_run_id = parts.source_run_id
        group by all
    ),

    ranks_counted as (
        select group_name, part_name, tells, numbering_rank, sum(attempts) as attempts
        from linked
        group by group_name, part_name, tells, numbering_rank
    ),

    ranks_ranked as (
        select
            *,
            min(case tells when 'record' then 1 else 0 end) over (
                partition by group_name
            ) as only_records,
            row_number() over (
                partition by group_name, part_name
                order by case when tells = 'record' then - attempts end, numbering_rank
            ) as preference
        from ranks_counted
    ),

    numbering as (
        select group_name, part_name, numbering_rank
        from ranks_ranked
        where preference = 1 and (tells <> 'record' or only_records = 1)
    ),

    final as (
        select
            told.*,
            linked.group_name,
            linked.tells,
            linked.attempts,
            numbering.numbering_rank is not null as is_numbering,
            case when linked.tells <> 'record' then linked.part_name end as part_name
        from told
        left join
            linked
            on told.source = linked.source
            and told.source_run_id = linked.source_run_id
        left join
            numbering
            on linked.group_name = numbering.group_name
            and linked.part_name = numbering.part_name
            and linked.numbering_rank = numbering.numbering_rank
    )

select *
from final
