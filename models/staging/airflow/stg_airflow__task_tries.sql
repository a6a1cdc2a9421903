-- Tries of Airflow tasks, our names. One row per landed try; the same try may come
-- again when it went on.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "airflow__task_tries") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = 'airflow__task_tries'
    ),

    final as (
        select
            landed.dag_id,
            landed.dag_run_id,
            landed.task_id,
            landed.map_index,
            landed.try_number,

            {{ utc_timestamp("landed.queued_when") }} as queued_at_utc,
            {{ utc_timestamp("landed.start_date") }} as started_at_utc,
            {{ utc_timestamp("landed.end_date") }} as ended_at_utc,

            landed.state,
            landed.operator as operator_name,
            landed.queue as queue_name,
            landed.pool as pool_name,
            landed.executor as executor_name,
            landed.hostname as host_name,
            landed.unixname as unix_user,
            landed.owners,
            landed.dag_tags as dag_tags_json,

            landed.duration as duration_s,

            landed.source_file,
            landed.source_row,
            deliveries.delivery_id,
            deliveries.received_at_utc
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final
