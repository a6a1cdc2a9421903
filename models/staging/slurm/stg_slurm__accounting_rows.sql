-- Slurm accounting rows, our names and units. One row per sacct row: allocations and
-- their steps.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "slurm__sacct") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = 'slurm__sacct'
    ),

    final as (
        select
            landed.cluster as cluster_name,
            landed.x_job_id as job_id,
            landed.x_step_id as step_id,

            cast(landed.submit as timestamp) as submitted_at_utc,
            cast(landed.start as timestamp) as started_at_utc,
            cast(landed.end as timestamp) as ended_at_utc,

            landed.x_site as site_name,
            landed.jobname as job_name,
            landed.user as user_name,
            landed.account as account_name,
            landed.partition as partition_name,
            landed.x_state as slurm_state,
            landed.nodelist as node_list,
            landed.x_nodes as nodes,
            landed.x_gpu_type as gpu_type,
            landed.x_comment_json as comment_json,

            cast(landed.elapsedraw as double) as elapsed_s,
            landed.nnodes as node_count,
            coalesce(landed.x_alloc_cpus, landed.ncpus) as allocated_vcpus,
            landed.x_alloc_memory_bytes / 1073741824.0 as allocated_memory_gib,
            landed.x_alloc_gpus as allocated_gpus,
            cast(landed.cputimeraw as double) as allocated_cpu_s,
            landed.x_total_cpu_s as used_cpu_s,
            landed.consumedenergyraw as consumed_energy_j,

            landed.source_file,
            landed.source_row,
            deliveries.delivery_id,
            deliveries.received_at_utc
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final
