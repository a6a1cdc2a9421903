-- Models that runs trained or used. One row per model name.
with
    runs as (select * from {{ ref("int_runs__runs") }}),

    runs_ranked as (
        select
            *,
            row_number() over (
                partition by model_name
                order by started_at_utc desc nulls last, run_id desc
            ) as newest_rank
        from runs
        where model_name is not null
    ),

    final as (
        select
            model_name,

            min(started_at_utc) as first_run_at_utc,
            max(started_at_utc) as last_run_at_utc,

            max(case when newest_rank = 1 then owner end) as owner,
            max(case when newest_rank = 1 then team end) as team,
            max(
                case when newest_rank = 1 then model_version end
            ) as newest_model_version,

            count(distinct model_version) as versions,
            count(*) as runs
        from runs_ranked
        group by model_name
    )

select *
from final
