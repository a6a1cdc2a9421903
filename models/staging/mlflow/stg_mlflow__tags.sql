-- Tags of MLflow's runs. One row per run, tracking server and tag.
with
    runs as (select * from {{ ref("stg_mlflow__runs") }}),

    final as (
        select
            runs.mlflow_run_id,

            tag.key as tag_key,
            tag.value as tag_value,

            runs.received_at_utc,
            runs.delivery_id
        from runs {{ unnested("runs.tags", "run_tags", "tag") }}
    )

select *
from final
