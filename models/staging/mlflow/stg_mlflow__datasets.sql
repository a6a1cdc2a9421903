-- Data sets that MLflow's runs named as their input. One row per run, tracking server
-- and input.
with
    runs as (select * from {{ ref("stg_mlflow__runs") }}),

    final as (
        select
            runs.mlflow_run_id,

            input.name as dataset_name,
            input.digest as dataset_version,
            input.context as dataset_context,

            input.rows as dataset_rows,

            runs.received_at_utc,
            runs.delivery_id
        from runs {{ unnested("runs.dataset_inputs", "run_inputs", "input") }}
    )

select *
from final
