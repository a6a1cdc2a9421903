-- Hours of runs, their attempts added up. One row per run and hour.
with
    attempt_hours as (select * from {{ ref("int_carbon__run_hours") }}),
    attempts as (select * from {{ ref("int_runs__resources") }}),

    run_durations as (
        select run_id, {{ exact_sum("duration_hours") }} as duration_hours
        from attempts
        group by run_id
    ),

    final as (
        select
            attempt_hours.run_id,
            attempt_hours.hour_start_utc,

            -- Place and hour fix the factor; only an attempt that moved could have
            -- another.
            min(attempt_hours.factor_resolution) as factor_resolution,
            min(attempt_hours.factor_zone) as factor_zone,
            min(attempt_hours.factor_year) as factor_year,
            min(attempt_hours.factor_accounting) as factor_accounting,
            min(attempt_hours.factor_basis) as factor_basis,

            {{
                exact_sum(
                    "attempt_hours.fraction_of_attempt * attempts.duration_hours / run_durations.duration_hours"
                )
            }}
            as fraction_of_run,
            {{ exact_sum("attempt_hours.facility_energy_kwh") }} as facility_energy_kwh,
            {{ exact_sum("attempt_hours.emissions_location_g_co2e") }}
            as emissions_location_g_co2e,
            min(attempt_hours.grid_intensity_g_per_kwh) as lowest_g_per_kwh,
            max(attempt_hours.grid_intensity_g_per_kwh) as highest_g_per_kwh,
            max(attempt_hours.factor_age_years) as factor_age_years,

            min(attempt_hours.factor_version) as factor_version,
            min(attempt_hours.factor_source_id) as factor_source_id,
            min(attempt_hours.factor_published_on) as factor_published_on
        from attempt_hours
        inner join attempts using (run_id, attempt)
        inner join run_durations on attempt_hours.run_id = run_durations.run_id
        group by attempt_hours.run_id, attempt_hours.hour_start_utc
    )

select
    *,
    case
        when lowest_g_per_kwh = highest_g_per_kwh
        then lowest_g_per_kwh
        else emissions_location_g_co2e / nullif(facility_energy_kwh, 0)
    end as grid_intensity_g_per_kwh
from final
