-- Registered model versions and the MLflow run that each is from. One row per model
-- version and tracking server.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "mlflow__model_versions") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = 'mlflow__model_versions'
    ),

    final as (
        select
            landed.name as model_name,
            landed.version as model_version,
            landed.run_id as mlflow_run_id,
            landed.status,
            landed.stage,

            {{ utc_timestamp("landed.created_at") }} as created_at_utc,
            {{ utc_timestamp("landed.updated_at") }} as updated_at_utc,

            deliveries.delivery_id,
            deliveries.received_at_utc
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final
