-- Runs that CodeCarbon tracked, as attempts of the runs that they are. One row per
-- tracked run.
with
    tracked as (select * from {{ ref("int_runs__codecarbon_runs") }}),
    identities as (
        select * from {{ ref("int_runs__identities") }} where source = 'codecarbon'
    ),

    final as (
        select
            'codecarbon' as source,
            identities.run_id,
            identities.attempt,
            tracked.source_run_id,

            started_at_utc,
            ended_at_utc,

            coalesce(project_name, 'codecarbon') as job_name,
            'succeeded' as status,
            {% for name in [
                "owner",
                "team",
                "project",
                "workload_environment",
                "pipeline",
                "step",
                "workload_kind",
                "model_name",
                "model_version",
                "dataset_name",
                "dataset_version",
            ] %}
                cast(null as string) as {{ name }},
            {% endfor %}
            cast(null as bigint) as dataset_rows,
            cast(null as string) as git_commit,
            coalesce(cloud_provider, 'on_premise') as provider_code,
            case
                when cloud_provider is null then site_name else cloud_region
            end as region,
            cast(null as string) as zone,
            cast(null as string) as instance_type,
            cast(1 as bigint) as instance_count,
            cast(null as string) as resource_id,
            -- The tracker tells of the machine; what a process held of it is not known.
            case when tracking_mode <> 'process' then vcpus end as vcpus,
            case when tracking_mode <> 'process' then memory_gib end as memory_gib,
            case when gpu_count > 0 then gpu_model end as accelerator_model,
            gpu_count as accelerator_count,
            cast(null as double) as accelerator_share,
            cast(null as string) as tpu_topology,

            duration_s,
            cpu_utilization_ratio,
            gpu_utilization_ratio as accelerator_utilization_ratio,
            cast(null as double) as allocated_cpu_s,
            cast(null as double) as used_cpu_s,

            source_file,
            source_row,
            delivery_id,
            received_at_utc
        from tracked
        inner join identities on tracked.source_run_id = identities.source_run_id
    )

select *
from final
