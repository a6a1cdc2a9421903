-- Attempts as told, in the orders in which they are believed: of when and on what they
-- ran, of who and what for, and of how they ended. Who knows of an end goes before who
-- saw it run, unless a better one saw it run later. One row per run, attempt and source
-- and run as told.
with
    told as (select * from {{ ref("int_runs__attempts_told") }}),
    sources as (select * from {{ ref("run_sources") }}),

    placed as (
        select
            told.*,
            sources.purpose_rank as source_purpose_rank,
            row_number() over (
                partition by told.run_id, told.attempt
                order by sources.machine_rank, told.started_at_utc, told.source_run_id
            ) as machine_rank
        from told
        inner join sources on told.source = sources.source_name
    ),

    seen as (
        select
            *,
            max(case when status = 'running' then seen_until_utc end) over (
                partition by run_id, attempt
                order by machine_rank
                rows between unbounded preceding and 1 preceding
            ) as seen_running_until_utc
        from placed
    ),

    final as (
        select
            *,
            row_number() over (
                partition by run_id, attempt
                order by source_purpose_rank, started_at_utc, source_run_id
            ) as purpose_rank,
            row_number() over (
                partition by run_id, attempt
                order by
                    case
                        when status in ('running', 'pending')
                        then 2
                        when seen_running_until_utc > ended_at_utc
                        then 3
                        when status = 'lost'
                        then 1
                        else 0
                    end,
                    machine_rank
            ) as end_rank
        from seen
    )

select *
from final
