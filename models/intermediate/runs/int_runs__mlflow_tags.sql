-- What tags say of each MLflow run: MLflow's own, and those named like a field of a run
-- event. A number that cannot be is none. One row per run.
with
    tags as (select * from {{ ref("stg_mlflow__tags") }} where tag_value <> ''),

    final as (
        select
            mlflow_run_id,
            {% for tag, column in {
                "mlflow.user": "mlflow_user",
                "mlflow.parentRunId": "parent_mlflow_run_id",
                "mlflow.source.name": "source_name",
                "mlflow.source.git.commit": "mlflow_git_commit",
                "job_name": "job_name",
                "owner": "owner",
                "team": "team",
                "project": "project",
                "environment": "workload_environment",
                "pipeline": "pipeline",
                "step": "step",
                "model_name": "model_name",
                "model_version": "model_version",
                "dataset_name": "dataset_name",
                "dataset_version": "dataset_version",
                "git_commit": "git_commit",
                "region": "region",
                "zone": "zone",
                "instance_type": "instance_type",
                "resource_id": "resource_id",
                "accelerator_model": "accelerator_model",
                "tpu_topology": "tpu_topology",
            }.items() %}
                {{ last_told_tag(tag) }} as {{ column }},
            {% endfor %}
            lower({{ last_told_tag("provider") }}) as provider_code,
            case
                when
                    {{ last_told_tag("workload_kind") }}
                    in ('training', 'tuning', 'inference', 'data', 'other')
                then {{ last_told_tag("workload_kind") }}
            end as workload_kind,
            -- The most is what a run event may say (ingest/bounds.py).
            {% for tag, most in {
                "instance_count": 1000000,
                "vcpus": 100000,
                "memory_gib": 10000000,
                "accelerator_count": 10000,
            }.items() %}
                case
                    when
                        try_cast({{ last_told_tag(tag) }} as double)
                        between {{ 1 if tag == "instance_count" else 0 }} and {{ most }}
                    then try_cast({{ last_told_tag(tag) }} as double)
                end as {{ tag }}
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        from tags
        group by mlflow_run_id
    )

select *
from final
