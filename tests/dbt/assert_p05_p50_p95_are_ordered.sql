-- The figure itself is the median: it lies between the bounds of its interval, which is
-- there wherever the figure is, and nowhere else.
select
    run_id,
    facility_energy_kwh_p05,
    facility_energy_kwh,
    facility_energy_kwh_p95,
    emissions_location_g_co2e_p05,
    emissions_location_g_co2e,
    emissions_location_g_co2e_p95
from {{ ref("fct_runs") }}
where
    not coalesce(
        facility_energy_kwh_p05 <= facility_energy_kwh
        and facility_energy_kwh <= facility_energy_kwh_p95,
        facility_energy_kwh is null
    )
    or not coalesce(
        emissions_location_g_co2e_p05 <= emissions_location_g_co2e
        and emissions_location_g_co2e <= emissions_location_g_co2e_p95,
        emissions_location_g_co2e is null
    )
    or (
        facility_energy_kwh is null
        and coalesce(facility_energy_kwh_p05, facility_energy_kwh_p95) is not null
    )
    or (
        emissions_location_g_co2e is null
        and coalesce(emissions_location_g_co2e_p05, emissions_location_g_co2e_p95)
        is not null
    )
