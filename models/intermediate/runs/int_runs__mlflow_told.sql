-- MLflow's runs as attempts under their own name. A parent run holds its machine while
-- no child of it runs. One row per run.
with
    runs as (select * from {{ ref("int_runs__mlflow_runs") }}),
    tags as (select * from {{ ref("int_runs__mlflow_tags") }}),
    datasets as (select * from {{ ref("stg_mlflow__datasets") }}),
    versions as (
        select *
        from {{ ref("stg_mlflow__model_versions") }}
        where mlflow_run_id is not null
    ),
    samples as (select * from {{ ref("stg_mlflow__system_metrics") }}),
    parents as (select * from {{ ref("int_runs__mlflow_time_of_children") }}),

    -- Of several versions of one run the one registered last.
    versions_ranked as (
        select
            *,
            row_number() over (
                partition by mlflow_run_id
                order by
                    received_at_utc desc, created_at_utc desc, model_name, model_version
            ) as newest_rank
        from versions
    ),

    -- Of several data sets the one to train on, else the first by name.
    datasets_ranked as (
        select
            *,
            row_number() over (
                partition by mlflow_run_id
                order by
                    received_at_utc desc,
                    case when dataset_context like 'train%' then 0 else 1 end,
                    dataset_name,
                    dataset_version
            ) as input_rank
        from datasets
    ),

    gpus as (
        select
            mlflow_run_id,
            count(distinct device_name) as gpus,
            {{ exact_sum("utilization_ratio") }}
            / count(utilization_ratio) as utilization_ratio
        from samples
        group by mlflow_run_id
    ),

    final as (
        select
            'mlflow' as source,
            runs.source_run_id,
            cast(1 as bigint) as source_attempt,

            'mlflow_run' as own_key_kind,
            runs.mlflow_run_id as own_key_value,

            {% set known_s = (
                epoch_s("runs.known_until_at_utc")
                ~ " - "
                ~ epoch_s("runs.started_at_utc")
            ) %}
            {% set told = {
                "duration_s": "case when "
                ~ known_s
                ~ " > 0 or not runs.is_end_unknown then greatest("
                ~ known_s
                ~ " - coalesce(parents.children_s, 0), 0) end",
                "job_name": "coalesce(tags.job_name, nullif(runs.experiment_name, 'Default'), tags.source_name, runs.run_name)",
                "owner": "coalesce(tags.owner, tags.mlflow_user, runs.user_name)",
                "project": "coalesce(tags.project, runs.experiment_name)",
                "model_name": "coalesce(versions_ranked.model_name, tags.model_name)",
                "model_version": "case when versions_ranked.model_name is null then tags.model_version else versions_ranked.model_version end",
                "dataset_name": "coalesce(datasets_ranked.dataset_name, tags.dataset_name)",
                "dataset_version": "case when datasets_ranked.dataset_name is null then tags.dataset_version else datasets_ranked.dataset_version end",
                "dataset_rows": "datasets_ranked.dataset_rows",
                "git_commit": "coalesce(tags.mlflow_git_commit, tags.git_commit)",
                "provider_code": "coalesce(tags.provider_code, case when tags.region is null and runs.site_name is not null then 'on_premise' end)",
                "region": "coalesce(tags.region, runs.site_name)",
                "seen_until_utc": "runs.known_until_at_utc",
                "instance_count": "tags.instance_count",
                "accelerator_count": "coalesce(tags.accelerator_count, gpus.gpus)",
                "accelerator_utilization_ratio": "gpus.utilization_ratio",
            } %}
            {% for column in [
                "team",
                "workload_environment",
                "pipeline",
                "step",
                "workload_kind",
                "zone",
                "instance_type",
                "resource_id",
                "vcpus",
                "memory_gib",
                "accelerator_model",
                "tpu_topology",
            ] %}
                {% do told.update({column: "tags." ~ column}) %}
            {% endfor %}
            {% for column in [
                "started_at_utc",
                "ended_at_utc",
                "status",
                "source_file",
                "source_row",
                "delivery_id",
                "received_at_utc",
            ] %}
                {% do told.update({column: "runs." ~ column}) %}
            {% endfor %}
            {{ attempt_told(told) }}
        from runs
        left join tags on runs.mlflow_run_id = tags.mlflow_run_id
        left join
            versions_ranked
            on runs.mlflow_run_id = versions_ranked.mlflow_run_id
            and versions_ranked.newest_rank = 1
        left join
            datasets_ranked
            on runs.mlflow_run_id = datasets_ranked.mlflow_run_id
            and datasets_ranked.input_rank = 1
        left join gpus on runs.mlflow_run_id = gpus.mlflow_run_id
        left join parents on runs.mlflow_run_id = parents.mlflow_run_id
    )

select *
from final
