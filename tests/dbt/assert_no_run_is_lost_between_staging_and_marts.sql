-- Every run that any source told of is in the mart, under its own name or that of the
-- run
-- that it is, whatever is unknown about it.
with
    told as (
        select 'run_events' as source, run_id
        from {{ ref("stg_run_events__events") }}
        union
        select 'slurm' as source, concat('slurm:', cluster_name, ':', job_id) as run_id
        from {{ ref("stg_slurm__accounting_rows") }}
        where step_id is null
        union
        select 'codecarbon' as source, concat('codecarbon:', tracker_run_id) as run_id
        from {{ ref("stg_codecarbon__emissions") }}
    )

select told.run_id
from told
left join
    {{ ref("fct_run_identities") }} as identities
    on told.source = identities.source
    and told.run_id = identities.source_run_id
left join {{ ref("fct_runs") }} as runs on identities.run_id = runs.run_id
where runs.run_id is null
