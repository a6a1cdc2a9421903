-- Jobs of managed services that have machines, under the names they have as runs. One
-- row per source and job.
{% set columns = [
    "resource_name",
    "job_kind",
    "job_name",
    "account_id",
    "region",
    "created_at_utc",
    "started_at_utc",
    "ended_at_utc",
    "read_at_utc",
    "job_state",
    "is_described",
    "parent_name",
    "pipeline",
    "step",
    "run_as",
    "model_name",
    "dataset_uri",
    "pools",
    "transitions",
    "metrics",
    "tags",
    "source_file",
    "source_row",
    "delivery_id",
    "received_at_utc",
] | join(", ") %}

with
    sagemaker as (select * from {{ ref("stg_sagemaker__jobs") }}),
    vertex as (select * from {{ ref("stg_vertex__jobs") }}),

    final as (
        select
            'sagemaker' as source,
            regexp_replace(resource_name, '^arn:[^:]*:', '') as source_run_id,
            'aws' as provider_code,
            {{ columns }}
        from sagemaker
        -- A tuning job is the training jobs that it starts.
        where job_kind <> 'tuning'
        union all
        select
            'vertex' as source,
            concat('vertex:', resource_name) as source_run_id,
            'gcp' as provider_code,
            {{ columns }}
        from vertex
    )

select *
from final
