-- Metrics as runs, or the services they ran on, told of them. One row per run, metric
-- and time it was told.
with
    metrics as (select * from {{ ref("stg_run_events__metrics") }}),
    events as (select * from {{ ref("int_runs__events_once") }}),
    jobs as (select * from {{ ref("int_runs__managed_jobs") }}),
    tracked_metrics as (select * from {{ ref("stg_mlflow__metrics") }}),
    tracked as (select * from {{ ref("int_runs__mlflow_runs") }}),
    identities as (select * from {{ ref("int_runs__identities") }}),

    jobs_identified as (
        select
            identities.source,
            identities.source_run_id,
            min(identities.run_id) as run_id,
            max(identities.attempt) as attempt
        from identities
        group by identities.source, identities.source_run_id
    ),

    job_metrics as (
        select
            jobs.source,
            jobs.source_run_id,
            jobs.resource_name,
            jobs.ended_at_utc,
            jobs.read_at_utc,
            metric.name as metric_name,
            metric.value as metric_value
        from jobs {{ unnested("jobs.metrics", "told", "metric") }}
    ),

    final as (
        select
            'run_events' as source,
            events.run_id,
            events.attempt,
            metrics.metric_name,
            metrics.metric_value,
            events.event_type = 'finished' as is_final,
            metrics.event_at_utc as told_at_utc,
            metrics.event_id as told_by
        from metrics
        -- Of copies of an event one counts.
        inner join
            events
            on metrics.event_id = events.event_id
            and metrics.run_id = events.source_run_id
            and metrics.attempt = events.source_attempt
            and metrics.delivery_id = events.delivery_id
            and metrics.source_file = events.source_file
            and metrics.source_row = events.source_row
        where metrics.metric_value is not null
        union all
        select
            job_metrics.source,
            jobs_identified.run_id,
            jobs_identified.attempt,
            job_metrics.metric_name,
            job_metrics.metric_value,
            job_metrics.ended_at_utc is not null as is_final,
            coalesce(job_metrics.ended_at_utc, job_metrics.read_at_utc) as told_at_utc,
            job_metrics.resource_name as told_by
        from job_metrics
        inner join
            jobs_identified
            on job_metrics.source = jobs_identified.source
            and job_metrics.source_run_id = jobs_identified.source_run_id
        where job_metrics.metric_value is not null
        union all
        select
            identities.source,
            identities.run_id,
            identities.attempt,
            tracked_metrics.metric_name,
            tracked_metrics.metric_value,
            tracked.status <> 'running' as is_final,
            tracked_metrics.metric_at_utc as told_at_utc,
            tracked_metrics.mlflow_run_id as told_by
        from tracked_metrics
        inner join
            tracked
            on tracked_metrics.mlflow_run_id = tracked.mlflow_run_id
            and tracked_metrics.delivery_id = tracked.delivery_id
            and tracked_metrics.source_row = tracked.source_row
        inner join
            identities
            on tracked.source_run_id = identities.source_run_id
            and identities.source = 'mlflow'
        where
            tracked_metrics.metric_value is not null
            -- The machine's, not the work's.
            and tracked_metrics.metric_name not like 'system/%'
    )

select *
from final
