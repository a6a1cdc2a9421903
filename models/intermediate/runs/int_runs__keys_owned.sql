-- The keys that runs of each source go by. One row per source, run and kind of key.
with
    jobs as (select * from {{ ref("int_runs__slurm_told") }}),
    tracked as (select * from {{ ref("int_runs__codecarbon_runs") }}),
    events as (select * from {{ ref("stg_run_events__events") }}),

    keys as (
        select
            source,
            source_run_id,
            'slurm_job' as key_kind,
            concat(lower(cluster_name), ':', job_id) as key_value,
            started_at_utc,
            source_attempt as attempt
        from jobs
        union all
        select
            'codecarbon' as source,
            source_run_id,
            'codecarbon_run' as key_kind,
            lower(tracker_run_id) as key_value,
            started_at_utc,
            cast(1 as bigint) as attempt
        from tracked
        union all
        select
            'run_events' as source,
            run_id as source_run_id,
            'run' as key_kind,
            lower(run_id) as key_value,
            event_at_utc as started_at_utc,
            attempt
        from events
    ),

    final as (
        select
            source,
            source_run_id,
            key_kind,
            key_value,

            min(started_at_utc) as started_at_utc,

            max(attempt) as attempts
        from keys
        group by source, source_run_id, key_kind, key_value
    )

select *
from final
