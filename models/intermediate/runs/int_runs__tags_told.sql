-- Tags of runs, under the names that the runs have at their source. One row per source,
-- run, attempt, tag and time it was told.
with
    tags as (select * from {{ ref("stg_run_events__tags") }}),
    tracked as (select * from {{ ref("int_runs__codecarbon_runs") }}),
    lineage as (select * from {{ ref("int_runs__openlineage_tags") }}),
    managed as (select * from {{ ref("int_runs__managed_jobs") }}),
    mlflow_tags as (select * from {{ ref("stg_mlflow__tags") }}),
    mlflow_runs as (select * from {{ ref("int_runs__mlflow_runs") }}),

    final as (
        select
            'run_events' as source,
            run_id as source_run_id,
            attempt as source_attempt,
            tag_key,
            -- Copies of an event tell the same.
            max(tag_value) as tag_value,
            event_at_utc as told_at_utc,
            event_id as told_by
        from tags
        group by run_id, attempt, tag_key, event_at_utc, event_id
        union all
        -- The experiment that CodeCarbon was given is the run that it is part of.
        select
            'codecarbon' as source,
            source_run_id,
            cast(1 as bigint) as source_attempt,
            'run_id' as tag_key,
            experiment_id as tag_value,
            ended_at_utc as told_at_utc,
            tracker_run_id as told_by
        from tracked
        where experiment_id is not null
        union all
        select
            'openlineage' as source,
            source_run_id,
            source_attempt,
            tag_key,
            tag_value,
            told_at_utc,
            told_by
        from lineage
        union all
        select
            managed.source,
            managed.source_run_id,
            cast(1 as bigint) as source_attempt,
            tag.key as tag_key,
            tag.value as tag_value,
            coalesce(managed.ended_at_utc, managed.read_at_utc) as told_at_utc,
            managed.resource_name as told_by
        from managed {{ unnested("managed.tags", "told", "tag") }}
        union all
        select
            'mlflow' as source,
            mlflow_runs.source_run_id,
            cast(1 as bigint) as source_attempt,
            mlflow_tags.tag_key,
            mlflow_tags.tag_value,
            mlflow_runs.known_until_at_utc as told_at_utc,
            mlflow_runs.mlflow_run_id as told_by
        from mlflow_tags
        inner join
            mlflow_runs
            on mlflow_tags.mlflow_run_id = mlflow_runs.mlflow_run_id
            and mlflow_tags.delivery_id = mlflow_runs.delivery_id
    )

select *
from final
