-- A run's energy and time are those of all its attempts, the failed ones too.
with
    attempts as (
        select
            run_id,
            sum(facility_energy_kwh) as facility_energy_kwh,
            sum(duration_s) as duration_s
        from {{ ref("fct_run_attempts") }}
        group by run_id
    )

select runs.run_id
from {{ ref("fct_runs") }} as runs
left join attempts on runs.run_id = attempts.run_id
where
    (
        runs.facility_energy_kwh is not null
        and abs(runs.facility_energy_kwh - coalesce(attempts.facility_energy_kwh, 0))
        > 1e-9 * runs.facility_energy_kwh + 1e-15
    )
    or abs(coalesce(runs.duration_s, 0) - coalesce(attempts.duration_s, 0)) > 1e-6
