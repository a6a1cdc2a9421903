-- Periods in which jobs of managed services had machines: from phase to phase, or from
-- start to end. A job that was interrupted has several; one that never had machines has
-- one, without a length. One row per source, job and period.
with
    jobs as (select * from {{ ref("int_runs__managed_jobs") }}),
    phases as (select * from {{ ref("int_runs__managed_phases") }}),

    periods_told as (
        select
            source,
            source_run_id,
            period_number,
            min(started_at_utc) as started_at_utc,
            max(ended_at_utc) as ended_at_utc,
            {{ exact_sum(epoch_s("ended_at_utc") ~ " - " ~ epoch_s("started_at_utc")) }}
            as duration_s,
            nullif(max_by(coalesce(next_ends_as, ''), phase_number), '') as ends_as,
            max(period_number) over (partition by source, source_run_id) as periods
        from phases
        where has_machines
        group by source, source_run_id, period_number
    ),

    endings as (
        select
            source,
            source_run_id,
            nullif(max_by(coalesce(ends_as, ''), phase_number), '') as ends_as
        from phases
        group by source, source_run_id
    ),

    final as (
        select
            jobs.source,
            jobs.source_run_id,
            coalesce(periods_told.period_number, 1) as period_number,

            coalesce(
                periods_told.started_at_utc, jobs.started_at_utc
            ) as started_at_utc,
            coalesce(periods_told.ended_at_utc, jobs.ended_at_utc) as ended_at_utc,

            case
                when periods_told.period_number < periods_told.periods
                then coalesce(periods_told.ends_as, 'failed')
                else endings.ends_as
            end as ends_as,
            coalesce(
                periods_told.period_number = periods_told.periods, true
            ) as is_last,

            case
                when periods_told.period_number is not null
                then periods_told.duration_s
                when jobs.started_at_utc is not null
                then
                    {{ epoch_s("coalesce(jobs.ended_at_utc, jobs.read_at_utc)") }}
                    - {{ epoch_s("jobs.started_at_utc") }}
                -- What was only listed does not tell when it began.
                when jobs.is_described
                then 0.0
            end as duration_s
        from jobs
        left join
            periods_told
            on jobs.source = periods_told.source
            and jobs.source_run_id = periods_told.source_run_id
        left join
            endings
            on jobs.source = endings.source
            and jobs.source_run_id = endings.source_run_id
    )

select *
from final
