-- Where the attempts as told lie that do not number those of their run: in the one of
-- their part in which they ran longest, else in the nearest; where they are more than
-- those, one that lies in none is an attempt of its own. One row per source, run and
-- attempt as told.
with
    told as (
        select *
        from {{ ref("int_runs__identity_attempts") }}
        where group_name is not null
    ),
    parts as (select * from {{ ref("int_runs__identity_parts") }}),

    numbering as (select * from told where is_numbering),

    -- A task's try is of the jobs that name it, not of all that its run has.
    candidates as (
        select
            told.source,
            told.source_run_id,
            told.source_attempt,
            told.attempts,
            numbering.source as numbering_source,
            numbering.source_run_id as numbering_run_id,
            numbering.source_attempt as numbering_attempt,
            case
                when numbering.type_name = told.type_name then 0 else 1
            end as type_preference,
            case
                when numbering.part_name is null or parts.part_name is not null
                then 0
                else 1
            end as part_preference,
            case
                when numbering.started_at_utc <= told.started_at_utc then 0 else 1
            end as start_preference,
            abs(
                {{ epoch_s("numbering.started_at_utc") }}
                - {{ epoch_s("told.started_at_utc") }}
            ) as apart_s,
            {{ epoch_s("least(numbering.ended_at_utc, told.ended_at_utc)") }}
            - {{ epoch_s("greatest(numbering.started_at_utc, told.started_at_utc)") }}
            as together_s
        from told
        inner join numbering on told.group_name = numbering.group_name
        left join
            parts
            on told.source = parts.source
            and told.source_run_id = parts.source_run_id
            and numbering.part_name = parts.part_name
        where not told.is_numbering
    ),

    candidates_ranked as (
        select
            *,
            count(*) over (
                partition by source, source_run_id, source_attempt, part_preference
            ) as numbered,
            row_number() over (
                partition by source, source_run_id, source_attempt
                order by
                    part_preference,
                    case when together_s >= 0 then together_s end desc nulls last,
                    start_preference,
                    apart_s nulls last,
                    type_preference,
                    numbering_attempt desc,
                    numbering_source,
                    numbering_run_id
            ) as preference
        from candidates
    ),

    final as (
        select *, coalesce(together_s, -1) < 0 and attempts > numbered as is_own
        from candidates_ranked
        where preference = 1
    )

select *
from final
