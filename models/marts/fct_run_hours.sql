-- Energy and emissions of runs, hour by hour in UTC. One row per run and hour.
with
    run_hours as (select * from {{ ref("int_runs__run_hours") }}),

    final as (
        select
            run_id,
            hour_start_utc,

            fraction_of_run,
            facility_energy_kwh,
            grid_intensity_g_per_kwh,
            factor_resolution,
            emissions_location_g_co2e,
            emissions_market_g_co2e,

            market_method,
            market_source_id,
            factor_version,
            factor_source_id,
            factor_zone,
            cast(factor_year as bigint) as factor_year,
            factor_accounting,
            factor_basis,
            cast(factor_age_years as bigint) as factor_age_years,
            factor_published_on,
            intensity_arithmetic,
            concat(facility_energy_kwh, ' * ', grid_intensity_g_per_kwh) as arithmetic
        from run_hours
    )

select *
from final
