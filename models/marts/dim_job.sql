-- Recurring jobs. One row per job name.
with
    runs as (select * from {{ ref("int_runs__runs") }}),

    runs_ranked as (
        select
            *,
            row_number() over (
                partition by job_name
                order by started_at_utc desc nulls last, run_id desc
            ) as newest_rank
        from runs
        where job_name is not null
    ),

    final as (
        select
            job_name,

            min(started_at_utc) as first_run_at_utc,
            max(started_at_utc) as last_run_at_utc,

            max(case when newest_rank = 1 then owner end) as owner,
            max(case when newest_rank = 1 then team end) as team,
            max(case when newest_rank = 1 then project end) as project,
            max(case when newest_rank = 1 then model_name end) as model_name,
            max(case when newest_rank = 1 then hardware_class end) as hardware_class,

            count(*) as runs
        from runs_ranked
        group by job_name
    )

select *
from final
