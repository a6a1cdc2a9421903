-- The uncertainty of a team's month is at least that of independent errors, and at most
-- that of errors that all go the same way.
with
    runs as (select * from {{ ref("fct_runs") }}),
    sources as (select * from {{ ref("fct_run_uncertainty") }}),

    sigmas as (
        select
            concat(
                coalesce(runs.team, ''), ' ', date_trunc('month', runs.started_at_utc)
            ) as runs_together,
            sources.source_key,
            sources.sigma_kwh,
            sources.sigma_g_co2e
        from runs
        inner join sources on runs.run_id = sources.run_id
    ),

    sources_summed as (
        select
            runs_together,
            source_key,
            sum(sigma_kwh) as sigma_kwh,
            sum(sigma_g_co2e) as sigma_g_co2e,
            sum(sigma_kwh * sigma_kwh) as kwh_squared,
            sum(sigma_g_co2e * sigma_g_co2e) as g_squared
        from sigmas
        group by runs_together, source_key
    ),

    totals as (
        select
            runs_together,
            sqrt(sum(sigma_kwh * sigma_kwh)) as sigma_kwh,
            sqrt(sum(kwh_squared)) as independent_kwh,
            sum(sigma_kwh) as correlated_kwh,
            sqrt(sum(sigma_g_co2e * sigma_g_co2e)) as sigma_g_co2e,
            sqrt(sum(g_squared)) as independent_g_co2e,
            sum(sigma_g_co2e) as correlated_g_co2e
        from sources_summed
        group by runs_together
    )

select *
from totals
where
    sigma_kwh not between independent_kwh * (1 - 1e-9)
    and correlated_kwh * (1 + 1e-9)
    or sigma_g_co2e not between independent_g_co2e * (1 - 1e-9)
    and correlated_g_co2e * (1 + 1e-9)
