-- A missing figure says why, and a figure that is there does not.
select run_id
from {{ ref("fct_runs") }}
where
    (facility_energy_kwh is null or emissions_location_g_co2e is null)
    <> (missing_reason is not null)
    or (emissions_embodied_g_co2e is null) <> (missing_embodied_reason is not null)
    or (emissions_embodied_g_co2e is null) <> (embodied_method = 'missing')
    or (water_l is null) <> (missing_water_reason is not null)
    or (effective_cost is null) <> (missing_cost_reason is not null)
    or (it_energy_kwh is null and facility_energy_kwh is null)
    <> (energy_method = 'missing')
