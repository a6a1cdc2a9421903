-- The usual run of each job: the run of median energy (by duration where energy is
-- unknown; the lower of the two middle ones) among its last successful runs before. One
-- row per run that has a history.
with
    runs as (select * from {{ ref("int_runs__runs") }}),
    settings as (select * from {{ ref("int_settings__parameters") }}),

    runs_keyed as (
        select
            run_id,
            job_name,
            hardware_class,
            started_at_utc,
            status,
            facility_energy_kwh,
            duration_s
        from runs
        where started_at_utc is not null
    ),

    runs_counted as (
        select
            *,
            -- Successful runs of the job that started before this one.
            coalesce(
                sum(case when status = 'succeeded' then 1 else 0 end) over (
                    partition by job_name, hardware_class
                    order by started_at_utc, run_id
                    rows between unbounded preceding and 1 preceding
                ),
                0
            ) as successes_before
        from runs_keyed
    ),

    -- Twenty and twenty: the last `window` successes of a run lie in two neighbouring
    -- buckets, so the join is on equality and never compares all runs of a job with one
    -- another.
    successes as (
        select
            runs_counted.*,
            floor(runs_counted.successes_before / settings.anomaly_window) as bucket
        from runs_counted
        cross join settings
        where runs_counted.status = 'succeeded'
    ),

    runs_in_buckets as (
        select
            runs_counted.*,
            settings.anomaly_window,
            floor((runs_counted.successes_before - 1) / settings.anomaly_window)
            - shift.back as bucket
        from runs_counted
        cross join settings
        cross join
            (
                select 0 as back
                union all
                select 1 as back
            ) as shift
        where runs_counted.successes_before > 0
    ),

    history as (
        select
            runs_in_buckets.run_id,
            successes.run_id as earlier_run_id,
            successes.facility_energy_kwh,
            successes.duration_s,
            count(*) over (partition by runs_in_buckets.run_id) as history_runs,
            count(successes.facility_energy_kwh) over (
                partition by runs_in_buckets.run_id
            ) as runs_with_energy
        from runs_in_buckets
        inner join
            successes
            on runs_in_buckets.job_name = successes.job_name
            and runs_in_buckets.hardware_class = successes.hardware_class
            and runs_in_buckets.bucket = successes.bucket
        where
            successes.successes_before < runs_in_buckets.successes_before
            and successes.successes_before
            >= runs_in_buckets.successes_before - runs_in_buckets.anomaly_window
    ),

    -- Energy of some and hours of others are not compared: one measure for all.
    history_ranked as (
        select
            *,
            row_number() over (
                partition by run_id
                order by
                    case
                        when runs_with_energy = history_runs
                        then facility_energy_kwh
                        else duration_s
                    end,
                    earlier_run_id
            ) as size_rank
        from history
    ),

    final as (
        select run_id, earlier_run_id as baseline_run_id, history_runs
        from history_ranked
        where size_rank = floor((history_runs + 1) / 2)
    )

select *
from final
