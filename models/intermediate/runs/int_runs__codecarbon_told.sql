-- Runs that CodeCarbon tracked, as attempts under their own name. One row per tracked
-- run.
with
    tracked as (select * from {{ ref("int_runs__codecarbon_runs") }}),

    final as (
        select
            'codecarbon' as source,
            source_run_id,
            cast(1 as bigint) as source_attempt,

            'codecarbon_run' as own_key_kind,
            tracker_run_id as own_key_value,

            -- The tracker tells of the machine; what a process held of it is not known.
            {{
                attempt_told(
                    {
                        "seen_until_utc": "ended_at_utc",
                        "job_name": "project_name",
                        "provider_code": "case when cloud_provider is null and site_name is not null then 'on_premise' else cloud_provider end",
                        "region": "case when cloud_provider is null then site_name else cloud_region end",
                        "vcpus": "case when tracking_mode <> 'process' then vcpus end",
                        "memory_gib": "case when tracking_mode <> 'process' then memory_gib end",
                        "accelerator_model": "case when gpu_count > 0 then gpu_model end",
                        "accelerator_count": "gpu_count",
                        "accelerator_utilization_ratio": "gpu_utilization_ratio",
                    },
                    as_named=[
                        "started_at_utc",
                        "ended_at_utc",
                        "duration_s",
                        "cpu_utilization_ratio",
                        "source_file",
                        "source_row",
                        "delivery_id",
                        "received_at_utc",
                    ],
                )
            }}
        from tracked
    )

select *
from final
