-- Sources of error of each run's figures. For any set of runs, add up the sigmas of
-- each source, then the squares of the sources: that is the variance of the total. One
-- row per run and source of error.
with
    sources as (select * from {{ ref("int_uncertainty__run_sources") }}),
    runs as (select * from {{ ref("int_uncertainty__runs") }}),
    totals as (select * from {{ ref("int_runs__run_totals") }}),
    embodied as (select * from {{ ref("int_carbon__run_embodied") }}),

    final as (
        select
            sources.run_id,
            sources.source_key,
            sources.sigma_kwh,
            sources.sigma_g_co2e,

            sources.source_kind,
            sources.factor_key,
            sources.dependent_energy_kwh,
            sources.dependent_g_co2e,
            sources.dependent_embodied_g_co2e,
            sources.log_sd,
            sources.sigma_embodied_g_co2e,
            power(sources.sigma_kwh / nullif(totals.facility_energy_kwh, 0), 2)
            / nullif(runs.energy_relative_variance, 0) as energy_variance_ratio,
            power(sources.sigma_g_co2e / nullif(totals.emissions_location_g_co2e, 0), 2)
            / nullif(runs.emissions_relative_variance, 0) as emissions_variance_ratio,
            power(
                sources.sigma_embodied_g_co2e
                / nullif(embodied.emissions_embodied_g_co2e, 0),
                2
            )
            / nullif(runs.embodied_relative_variance, 0) as embodied_variance_ratio,

            sources.log_sd_source,
            sources.log_sd_note
        from sources
        inner join runs using (run_id)
        inner join totals using (run_id)
        left join embodied using (run_id)
    )

select *
from final
