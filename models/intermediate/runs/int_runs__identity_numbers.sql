-- Which attempt of its run each attempt as told is. Those that number it count one
-- after the other; of one job they keep their own numbers, behind those that it has
-- lost sight of. One row per source, run and attempt as told that has a link.
with
    told as (
        select *
        from {{ ref("int_runs__identity_attempts") }}
        where group_name is not null
    ),
    placed as (select * from {{ ref("int_runs__identity_places") }}),

    numbering as (
        select
            *,
            min(started_at_utc) over (
                partition by source, source_run_id
            ) as run_started_at_utc
        from told
        where is_numbering
    ),

    members as (
        select
            group_name,
            source,
            source_run_id,
            source_attempt,
            run_started_at_utc as started_at_utc,
            0 as is_added
        from numbering
        union all
        select
            told.group_name,
            told.source,
            told.source_run_id,
            told.source_attempt,
            told.started_at_utc,
            1 as is_added
        from told
        inner join placed using (source, source_run_id, source_attempt)
        where placed.is_own
    ),

    groups_counted as (
        select
            group_name,
            max(source_attempt) as last_attempt,
            count(distinct concat(source, '/', source_run_id)) = 1
            and max(is_added) = 0 as is_of_one_run,
            count(*) as attempts
        from members
        group by group_name
    ),

    groups_told as (
        select group_name, max(source_attempt) as last_attempt_told
        from told
        group by group_name
    ),

    members_numbered as (
        select
            members.source,
            members.source_run_id,
            members.source_attempt,
            case
                when groups_counted.is_of_one_run
                then
                    members.source_attempt + greatest(
                        groups_told.last_attempt_told - groups_counted.last_attempt, 0
                    )
                else
                    row_number() over (
                        partition by members.group_name
                        order by
                            members.started_at_utc nulls last,
                            members.source,
                            members.source_run_id,
                            members.source_attempt
                    ) + greatest(
                        groups_told.last_attempt_told - groups_counted.attempts, 0
                    )
            end as attempt
        from members
        inner join groups_counted on members.group_name = groups_counted.group_name
        inner join groups_told on members.group_name = groups_told.group_name
    ),

    final as (
        select source, source_run_id, source_attempt, attempt
        from members_numbered
        union all
        select
            placed.source,
            placed.source_run_id,
            placed.source_attempt,
            members_numbered.attempt
        from placed
        inner join
            members_numbered
            on placed.numbering_source = members_numbered.source
            and placed.numbering_run_id = members_numbered.source_run_id
            and placed.numbering_attempt = members_numbered.source_attempt
        where not placed.is_own
    )

select *
from final
