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
        select 'aws_cur__lines' as dataset, count(*) as staged_rows
        from {{ ref("stg_aws_cur__charges") }}
        union all
        select 'azure__charges' as dataset, count(*) as staged_rows
        from {{ ref("stg_azure__charges") }}
        union all
        select 'gcp_billing__lines' as dataset, count(*) as staged_rows
        from {{ ref("stg_gcp_billing__cost_charges") }}
        union all
        select 'gcp_billing__focus' as dataset, count(*) as staged_rows
        from {{ ref("stg_gcp_billing__focus_charges") }}
        union all
        select 'slurm__sacct' as dataset, count(*) as staged_rows
        from {{ ref("stg_slurm__accounting_rows") }}
        union all
        select 'run_events__events' as dataset, count(*) as staged_rows
        from {{ ref("stg_run_events__events") }}
        union all
        select 'airflow__task_tries' as dataset, count(*) as staged_rows
        from {{ ref("stg_airflow__task_tries") }}
        union all
        select 'openlineage__events' as dataset, count(*) as staged_rows
        from {{ ref("stg_openlineage__events") }}
        union all
        select 'codecarbon__emissions' as dataset, count(*) as staged_rows
        from {{ ref("stg_codecarbon__emissions") }}
        union all
        select 'electricity_maps__intensity' as dataset, count(*) as staged_rows
        from {{ ref("stg_electricity_maps__intensity") }}
        union all
        select 'neso__intensity' as dataset, count(*) as staged_rows
        from {{ ref("stg_neso__intensity") }}
        union all
        select 'rte_eco2mix__intensity' as dataset, count(*) as staged_rows
        from {{ ref("stg_rte_eco2mix__intensity") }}
        union all
        select 'intensity_file__intensity' as dataset, count(*) as staged_rows
        from {{ ref("stg_intensity_file__intensity") }}
    )

select staged.dataset
from staged
left join landed on staged.dataset = landed.dataset
where staged.staged_rows <> coalesce(landed.landed_rows, 0)
