-- Staging holds exactly the rows that the current deliveries landed.
with
    landed as (
        select dataset, cast(sum(rows_landed) as bigint) as landed_rows
        from {{ ref("stg_landing__deliveries") }}
        group by dataset
    ),

    staged as (
        select 'focus__charges' as dataset, count(*) as staged_rows
        from {{ ref("stg_focus__charges") }}
        union all
        select 'slurm__sacct' as dataset, count(*) as staged_rows
        from {{ ref("stg_slurm__accounting_rows") }}
        union all
        select 'run_events__events' as dataset, count(*) as staged_rows
        from {{ ref("stg_run_events__events") }}
    )

select staged.dataset
from staged
left join landed on staged.dataset = landed.dataset
where staged.staged_rows <> coalesce(landed.landed_rows, 0)
