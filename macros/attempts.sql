{# The shape in which sources tell of attempts: its columns and their types. #}
{% macro attempt_shape() %}
    {% do return(
        {
            "started_at_utc": "timestamp",
            "ended_at_utc": "timestamp",
            "seen_until_utc": "timestamp",
            "job_name": "string",
            "status": "string",
            "owner": "string",
            "team": "string",
            "project": "string",
            "workload_environment": "string",
            "pipeline": "string",
            "step": "string",
            "workload_kind": "string",
            "model_name": "string",
            "model_version": "string",
            "dataset_name": "string",
            "dataset_version": "string",
            "dataset_rows": "bigint",
            "git_commit": "string",
            "provider_code": "string",
            "region": "string",
            "zone": "string",
            "instance_type": "string",
            "instance_count": "bigint",
            "resource_id": "string",
            "vcpus": "double",
            "memory_gib": "double",
            "accelerator_model": "string",
            "accelerator_count": "double",
            "accelerator_share": "double",
            "tpu_topology": "string",
            "duration_s": "double",
            "cpu_utilization_ratio": "double",
            "accelerator_utilization_ratio": "double",
            "allocated_cpu_s": "double",
            "used_cpu_s": "double",
            "source_file": "string",
            "source_row": "bigint",
            "delivery_id": "string",
            "received_at_utc": "timestamp",
        }
    ) %}
{% endmacro %}

{# An attempt in that shape: what is told, by column; the rest is unknown. What is told
   under the column's own name needs only that name, in `as_named`. #}
{% macro attempt_told(told, as_named=[]) %}
    {% set shape = attempt_shape() %}
    {% for column in told.keys() | list + as_named if column not in shape %}
        {% do exceptions.raise_compiler_error("an attempt has no column " ~ column) %}
    {% endfor %}
    {% for column, type in shape.items() %}
        cast(
            {{ told.get(column, column if column in as_named else "null") }}
            as {{ type }}
        ) as {{ column }}
        {%- if not loop.last %},{% endif %}
    {% endfor %}
{% endmacro %}

{# Of rows of tags: the value of one, as the newest delivery has it. #}
{% macro last_told_tag(tag) -%}
    max_by(
        case when tag_key = '{{ tag }}' then tag_value end,
        case when tag_key = '{{ tag }}' then received_at_utc end
    )
{%- endmacro %}
