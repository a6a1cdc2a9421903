-- Every run that any source told of is in the mart, whatever is unknown about it.
with
    told as (
        select run_id
        from {{ ref("stg_run_events__events") }}
        union
        select concat('slurm:', cluster_name, ':', job_id) as run_id
        from {{ ref("stg_slurm__accounting_rows") }}
        where step_id is null
        union
        select concat('codecarbon:', tracker_run_id) as run_id
        from {{ ref("stg_codecarbon__emissions") }}
    )

select told.run_id
from told
left join {{ ref("fct_runs") }} as runs on told.run_id = runs.run_id
where runs.run_id is null
