-- What is known of each run's latest attempt: who, what, where, on which hardware. One
-- row per run.
with
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    resources as (select * from {{ ref("int_runs__resources") }}),
    places as (select * from {{ ref("int_carbon__places") }}),

    attempts_ranked as (
        select
            *,
            row_number() over (partition by run_id order by attempt desc) as latest_rank
        from attempts
    ),

    final as (
        select
            latest.run_id,
            latest.source,
            latest.job_name,
            latest.attempt,
            latest.status,
            latest.owner,
            latest.team,
            latest.project,
            latest.workload_environment,
            latest.pipeline,
            latest.step,
            latest.workload_kind,
            latest.model_name,
            latest.model_version,
            latest.dataset_name,
            latest.dataset_version,
            latest.git_commit,
            resources.provider_code as provider,
            resources.region,
            latest.zone,
            nullif(resources.site_name, '') as site_name,
            places.grid_zone_id,
            places.region is not null as is_known_place,
            resources.region_missing_reason,
            latest.instance_type,
            latest.resource_id,
            resources.hardware_class,
            resources.accelerator_model,

            latest.ended_at_utc,

            resources.instance_count,
            resources.accelerators_per_instance
            * resources.accelerator_share
            * resources.instance_count as accelerator_count,
            latest.cpu_utilization_ratio,
            latest.accelerator_utilization_ratio,

            latest.source_file,
            latest.source_row,
            latest.delivery_id,
            latest.received_at_utc
        from attempts_ranked as latest
        inner join
            resources
            on latest.run_id = resources.run_id
            and latest.attempt = resources.attempt
        left join
            places
            on resources.provider_code = places.provider_code
            and resources.region = places.region
        where latest.latest_rank = 1
    )

select *
from final
