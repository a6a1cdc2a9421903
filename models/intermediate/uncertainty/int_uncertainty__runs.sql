-- The 90 % interval of each run's energy, emissions and manufacture. One row per run.
with
    sources as (select * from {{ ref("int_uncertainty__run_sources") }}),
    totals as (select * from {{ ref("int_runs__run_totals") }}),
    embodied as (select * from {{ ref("int_carbon__run_embodied") }}),

    runs_varied as (
        select
            totals.run_id,
            totals.facility_energy_kwh,
            totals.emissions_location_g_co2e,
            embodied.emissions_embodied_g_co2e,
            {{ relative_variance("sources.sigma_kwh", "totals.facility_energy_kwh") }}
            as energy_relative_variance,
            {{
                relative_variance(
                    "sources.sigma_g_co2e", "totals.emissions_location_g_co2e"
                )
            }} as emissions_relative_variance,
            {{
                relative_variance(
                    "sources.sigma_embodied_g_co2e",
                    "embodied.emissions_embodied_g_co2e",
                )
            }} as embodied_relative_variance
        from totals
        left join embodied on totals.run_id = embodied.run_id
        left join sources on totals.run_id = sources.run_id
        group by
            totals.run_id,
            totals.facility_energy_kwh,
            totals.emissions_location_g_co2e,
            embodied.emissions_embodied_g_co2e
    ),

    final as (
        select
            run_id,

            energy_relative_variance,
            {{ p05("facility_energy_kwh", "energy_relative_variance") }}
            as facility_energy_kwh_p05,
            {{ p95("facility_energy_kwh", "energy_relative_variance") }}
            as facility_energy_kwh_p95,
            emissions_relative_variance,
            {{ p05("emissions_location_g_co2e", "emissions_relative_variance") }}
            as emissions_location_g_co2e_p05,
            {{ p95("emissions_location_g_co2e", "emissions_relative_variance") }}
            as emissions_location_g_co2e_p95,
            embodied_relative_variance,
            {{ p05("emissions_embodied_g_co2e", "embodied_relative_variance") }}
            as emissions_embodied_g_co2e_p05,
            {{ p95("emissions_embodied_g_co2e", "embodied_relative_variance") }}
            as emissions_embodied_g_co2e_p95
        from runs_varied
    )

select *
from final
