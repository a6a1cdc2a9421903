-- Run events, each once, with the run that theirs is: of copies of an event the newest
-- received. One row per run, attempt and event as told.
with
    events as (select * from {{ ref("stg_run_events__events") }}),
    identities as (
        select * from {{ ref("int_runs__identities") }} where source = 'run_events'
    ),

    events_ranked as (
        select
            *,
            row_number() over (
                partition by event_id, run_id, attempt
                order by received_at_utc desc, delivery_id, source_file, source_row
            ) as copy_rank
        from events
    ),

    final as (
        select
            identities.run_id,
            identities.attempt,
            identities.source_run_id,
            identities.source_attempt,

            {% for column in [
                "event_id",
                "event_at_utc",
                "started_at_utc",
                "ended_at_utc",
                "event_type",
                "job_name",
                "parent_run_id",
                "status",
                "owner",
                "team",
                "project",
                "environment",
                "pipeline",
                "step",
                "workload_kind",
                "model_name",
                "model_version",
                "dataset_name",
                "dataset_version",
                "git_commit",
                "region",
                "zone",
                "instance_type",
                "resource_id",
                "host_id",
                "accelerator_model",
                "tpu_topology",
                "provider_code",
                "duration_s",
                "instance_count",
                "vcpus",
                "memory_gib",
                "accelerator_count",
                "accelerator_share",
                "cpu_utilization_ratio",
                "accelerator_utilization_ratio",
                "memory_used_gib",
                "dataset_rows",
                "source_file",
                "source_row",
                "delivery_id",
                "received_at_utc",
            ] %}
                events_ranked.{{ column }} {% if not loop.last %},{% endif %}
            {% endfor %}
        from events_ranked
        inner join
            identities
            on events_ranked.run_id = identities.source_run_id
            and events_ranked.attempt = identities.source_attempt
        where events_ranked.copy_rank = 1
    )

select *
from final
