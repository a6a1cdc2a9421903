-- What the meters and power models of a run answer for is its whole energy, and its
-- emissions; so do the grid's intensity for the emissions and the figures of
-- manufacture for the embodied ones.
with
    runs as (select * from {{ ref("fct_runs") }}),
    sources as (select * from {{ ref("fct_run_uncertainty") }}),

    runs_summed as (
        select
            runs.run_id,
            runs.facility_energy_kwh,
            runs.emissions_location_g_co2e,
            runs.emissions_embodied_g_co2e,
            sum(
                case
                    when sources.source_kind = 'energy'
                    then sources.dependent_energy_kwh
                    else 0.0
                end
            ) as explained_energy_kwh,
            sum(
                case
                    when sources.source_kind = 'energy'
                    then sources.dependent_g_co2e
                    else 0.0
                end
            ) as energy_g_co2e,
            sum(
                case
                    when sources.source_kind = 'intensity'
                    then sources.dependent_g_co2e
                    else 0.0
                end
            ) as intensity_g_co2e,
            sum(
                case
                    when sources.source_kind = 'embodied'
                    then sources.dependent_embodied_g_co2e
                    else 0.0
                end
            ) as embodied_g_co2e
        from runs
        left join sources on runs.run_id = sources.run_id
        group by
            runs.run_id,
            runs.facility_energy_kwh,
            runs.emissions_location_g_co2e,
            runs.emissions_embodied_g_co2e
    )

select *
from runs_summed
where
    abs(coalesce(explained_energy_kwh, 0.0) - facility_energy_kwh)
    > 1e-9 + 1e-9 * facility_energy_kwh
    or abs(coalesce(energy_g_co2e, 0.0) - emissions_location_g_co2e)
    > 1e-6 + 1e-9 * emissions_location_g_co2e
    or abs(coalesce(intensity_g_co2e, 0.0) - emissions_location_g_co2e)
    > 1e-6 + 1e-9 * emissions_location_g_co2e
    or abs(coalesce(embodied_g_co2e, 0.0) - emissions_embodied_g_co2e)
    > 1e-6 + 1e-9 * emissions_embodied_g_co2e
