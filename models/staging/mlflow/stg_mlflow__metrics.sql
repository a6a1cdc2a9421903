-- The last value of each metric of MLflow's runs; NaN is no value. One row per run,
-- tracking server and metric.
with
    runs as (select * from {{ ref("stg_mlflow__runs") }}),

    final as (
        select
            runs.mlflow_run_id,

            metric.name as metric_name,
            {{ utc_timestamp("metric.at") }} as metric_at_utc,

            metric.value as metric_value,

            runs.received_at_utc,
            runs.delivery_id,
            runs.source_row
        from runs {{ unnested("runs.metrics", "run_metrics", "metric") }}
    )

select *
from final
