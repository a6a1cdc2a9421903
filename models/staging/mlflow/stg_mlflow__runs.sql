-- MLflow's runs as a tracking server told of them, our names and units. One row per run
-- and tracking server.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "mlflow__runs") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = 'mlflow__runs'
    ),

    final as (
        select
            landed.run_id as mlflow_run_id,
            landed.run_name,
            landed.experiment_id,
            landed.experiment_name,
            landed.user_id as user_name,
            landed.status as status_told,
            landed.lifecycle_stage,
            landed.x_site as site_name,

            {{ utc_timestamp("landed.start_time") }} as started_at_utc,
            {{ utc_timestamp("landed.end_time") }} as ended_at_utc,
            {{ utc_timestamp("landed.last_metric_time") }} as last_metric_at_utc,

            landed.metrics,
            landed.params,
            landed.tags,
            landed.dataset_inputs,

            landed.source_file,
            landed.source_row,
            deliveries.delivery_id,
            deliveries.received_at_utc
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final
