-- A run's embodied emissions are the sum of its parts, or are unknown because one of
-- them is.
with
    parts as (
        select
            run_id,
            sum(emissions_embodied_g_co2e) as emissions_embodied_g_co2e,
            count(*) - count(emissions_embodied_g_co2e) as unknown_parts
        from {{ ref("fct_run_embodied") }}
        group by run_id
    )

select runs.run_id
from {{ ref("fct_runs") }} as runs
left join parts on runs.run_id = parts.run_id
where
    parts.run_id is null
    or (runs.emissions_embodied_g_co2e is null) <> (parts.unknown_parts > 0)
    or abs(runs.emissions_embodied_g_co2e - parts.emissions_embodied_g_co2e)
    > 1e-9 * runs.emissions_embodied_g_co2e + 1e-15
