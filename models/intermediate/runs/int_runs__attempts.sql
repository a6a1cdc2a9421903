-- Attempts of all sources, each once. Where several tell of the same, each field is
-- what the first of them says that knows it: of when and on what it ran in one order,
-- of who and what for in another, of how it ended in a third. One row per run and
-- attempt.
with
    ranked as (select * from {{ ref("int_runs__attempts_ranked") }}),

    names as (
        select
            run_id,
            attempt,
            {{ first_told("model_name", "purpose_rank") }} as model_name,
            {{ first_told("dataset_name", "purpose_rank") }} as dataset_name
        from ranked
        group by run_id, attempt
    ),

    -- A version is one of what the run's model or data set is called.
    versioned as (
        select
            ranked.*,
            {% for name, column in [
                ("model_name", "model_version"),
                ("dataset_name", "dataset_version"),
                ("dataset_name", "dataset_rows"),
            ] %}
                case
                    when
                        coalesce(ranked.{{ name }}, names.{{ name }}, '')
                        = coalesce(names.{{ name }}, '')
                    then ranked.{{ column }}
                end as {{ column }}_of_name
                {% if not loop.last %},{% endif %}
            {% endfor %}
        from ranked
        inner join
            names on ranked.run_id = names.run_id and ranked.attempt = names.attempt
    ),

    final as (
        select
            run_id,
            attempt,
            {% for column in [
                "source",
                "started_at_utc",
                "provider_code",
                "region",
                "instance_type",
                "vcpus",
                "memory_gib",
                "accelerator_model",
                "accelerator_count",
                "accelerator_share",
                "allocated_cpu_s",
                "used_cpu_s",
                "source_file",
                "source_row",
                "delivery_id",
                "received_at_utc",
            ] %}
                {{ first_told(column, "machine_rank") }} as {{ column }},
            {% endfor %}
            max(case when end_rank = 1 then ended_at_utc end) as ended_at_utc,
            -- Who tells of an end and not of its kind tells of no failure.
            coalesce(
                max(case when end_rank = 1 then status end),
                {{
                    first_told(
                        "case when status not in ('running', 'pending', 'lost') then status end",
                        "end_rank",
                    )
                }},
                'succeeded'
            ) as status,
            {{ first_told("duration_s", "end_rank") }} as duration_s,
            coalesce(
                {{ first_told("instance_count", "machine_rank") }}, 1
            ) as instance_count,
            {% for column in [
                "owner",
                "team",
                "project",
                "workload_environment",
                "pipeline",
                "step",
                "workload_kind",
                "model_name",
                "dataset_name",
                "git_commit",
                "zone",
                "resource_id",
                "tpu_topology",
                "cpu_utilization_ratio",
                "accelerator_utilization_ratio",
            ] %}
                {{ first_told(column, "purpose_rank") }} as {{ column }},
            {% endfor %}
            -- What nobody gave a name goes by the source that knows it best.
            coalesce(
                {{ first_told("job_name", "purpose_rank") }},
                {{ first_told("source", "purpose_rank") }}
            ) as job_name,
            {% for column in ["model_version", "dataset_version", "dataset_rows"] %}
                {{ first_told(column ~ "_of_name", "purpose_rank") }} as {{ column }}
                {% if not loop.last %},{% endif %}
            {% endfor %}
        from versioned
        group by run_id, attempt
    )

select *
from final
