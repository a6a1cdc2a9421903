-- The hours of a run hold its whole time, energy and emissions.
with
    hours as (
        select
            run_id,
            sum(fraction_of_run) as fraction_of_run,
            sum(facility_energy_kwh) as facility_energy_kwh,
            sum(emissions_location_g_co2e) as emissions_location_g_co2e
        from {{ ref("fct_run_hours") }}
        group by run_id
    )

select runs.run_id
from {{ ref("fct_runs") }} as runs
left join hours on runs.run_id = hours.run_id
where
    runs.duration_s > 0
    and runs.started_at_utc is not null
    and (
        abs(coalesce(hours.fraction_of_run, 0) - 1) > 1e-9
        or abs(coalesce(hours.facility_energy_kwh, 0) - runs.facility_energy_kwh)
        > 1e-9 * runs.facility_energy_kwh + 1e-15
        or abs(
            coalesce(hours.emissions_location_g_co2e, 0)
            - runs.emissions_location_g_co2e
        )
        > 1e-9 * runs.emissions_location_g_co2e + 1e-15
    )
