-- Run events, our names and units. One row per landed event; the same event may come
-- twice.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "run_events__events") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = 'run_events__events'
    ),

    final as (
        select
            landed.event_id,
            landed.run_id,
            coalesce(landed.attempt, 1) as attempt,

            coalesce(
                cast(landed.event_time as timestamp),
                cast(landed.ended_at as timestamp),
                cast(landed.started_at as timestamp),
                -- An event without a time keeps the time its file was first received.
                deliveries.first_received_at_utc
            ) as event_at_utc,
            cast(landed.started_at as timestamp) as started_at_utc,
            cast(landed.ended_at as timestamp) as ended_at_utc,

            landed.event_type,
            landed.job_name,
            landed.parent_run_id,
            landed.status,
            landed.owner,
            landed.team,
            landed.project,
            landed.environment,
            landed.pipeline,
            landed.step,
            landed.workload_kind,
            landed.model_name,
            landed.model_version,
            landed.dataset_name,
            landed.dataset_version,
            landed.git_commit,
            landed.region,
            landed.zone,
            landed.instance_type,
            landed.resource_id,
            landed.host_id,
            landed.accelerator_model,
            landed.tpu_topology,
            lower(landed.provider) as provider_code,

            landed.duration_s,
            landed.instance_count,
            landed.vcpus,
            landed.memory_gib,
            landed.accelerator_count,
            landed.accelerator_share,
            landed.cpu_utilization_ratio,
            landed.accelerator_utilization_ratio,
            landed.memory_used_gib,
            landed.dataset_rows,

            landed.energy,
            landed.metrics,
            landed.tags,
            landed.flex as flex_json,

            landed.source_file,
            landed.source_row,
            deliveries.delivery_id,
            deliveries.received_at_utc
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final
