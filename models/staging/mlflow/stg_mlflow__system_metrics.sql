-- Samples of GPUs' power and load in MLflow's runs; NaN is none. One row per run,
-- tracking server, metric, time and step.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "mlflow__system_metrics") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = 'mlflow__system_metrics'
    ),

    final as (
        select
            landed.run_id as mlflow_run_id,
            -- system/gpu_0_power_usage_watts, system/<node>/gpu_0_power_usage_watts
            lower(
                regexp_extract(landed.metric_name, 'system/(.*gpu_[0-9]+)_', 1)
            ) as device_name,
            landed.step,

            {{ utc_timestamp("landed.at") }} as sampled_at_utc,

            case
                when landed.metric_name like '%_power_usage_watts' then landed.value
            end as power_w,
            case
                when landed.metric_name like '%_utilization_percentage'
                then landed.value / 100.0
            end as utilization_ratio,
            landed.x_longest_gap_s as longest_gap_s,

            deliveries.delivery_id,
            deliveries.received_at_utc
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
        where landed.value is not null
    )

select *
from final
