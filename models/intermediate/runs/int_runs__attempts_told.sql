-- Attempts as each source tells of them, one shape. One row per run, attempt and
-- source.
{% set relations = [
    ref("int_runs__slurm_attempts"),
    ref("int_runs__event_attempts"),
    ref("int_runs__codecarbon_attempts"),
] %}

{% set columns = [
    "source",
    "run_id",
    "attempt",
    "source_run_id",
    "started_at_utc",
    "ended_at_utc",
    "job_name",
    "status",
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
    "dataset_rows",
    "git_commit",
    "provider_code",
    "region",
    "zone",
    "instance_type",
    "instance_count",
    "resource_id",
    "vcpus",
    "memory_gib",
    "accelerator_model",
    "accelerator_count",
    "accelerator_share",
    "tpu_topology",
    "duration_s",
    "cpu_utilization_ratio",
    "accelerator_utilization_ratio",
    "allocated_cpu_s",
    "used_cpu_s",
    "source_file",
    "source_row",
    "delivery_id",
    "received_at_utc",
] %}

with
    final as (
        {% for relation in relations %}
            select {{ columns | join(", ") }}
            from {{ relation }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    )

select *
from final
