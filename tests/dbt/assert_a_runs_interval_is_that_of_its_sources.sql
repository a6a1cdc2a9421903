-- The variance that a run's upper bound stands for is that of the run's published
-- sources of error: whoever adds up sources gets what the run itself says.
with
    runs as (select * from {{ ref("fct_runs") }}),
    sources as (select * from {{ ref("fct_run_uncertainty") }}),

    sources_summed as (
        select
            run_id,
            sum(sigma_kwh * sigma_kwh) as energy_variance,
            sum(sigma_g_co2e * sigma_g_co2e) as emissions_variance
        from sources
        group by run_id
    ),

    variances as (
        select
            runs.run_id,
            sources_summed.energy_variance,
            power(runs.facility_energy_kwh, 2) * (
                exp(
                    power(
                        ln(runs.facility_energy_kwh_p95 / runs.facility_energy_kwh)
                        / 1.645,
                        2
                    )
                )
                - 1
            ) as energy_interval_variance,
            sources_summed.emissions_variance,
            power(runs.emissions_location_g_co2e, 2) * (
                exp(
                    power(
                        ln(
                            runs.emissions_location_g_co2e_p95
                            / nullif(runs.emissions_location_g_co2e, 0)
                        )
                        / 1.645,
                        2
                    )
                )
                - 1
            ) as emissions_interval_variance
        from runs
        inner join sources_summed on runs.run_id = sources_summed.run_id
        where runs.facility_energy_kwh > 0
    )

select *
from variances
where
    abs(energy_variance - energy_interval_variance) > 1e-6 * energy_variance
    or abs(emissions_variance - emissions_interval_variance) > 1e-6 * emissions_variance
