-- A run's IT energy is the sum of its components, or is unknown because one of them is.
with
    components as (
        select
            run_id,
            sum(it_energy_kwh) as it_energy_kwh,
            count(*) - count(it_energy_kwh) as unknown_components
        from {{ ref("fct_run_energy_components") }}
        group by run_id
    )

select runs.run_id
from {{ ref("fct_runs") }} as runs
left join components on runs.run_id = components.run_id
where
    (
        runs.it_energy_kwh is not null
        and abs(runs.it_energy_kwh - coalesce(components.it_energy_kwh, 0))
        > 1e-9 * runs.it_energy_kwh + 1e-15
    )
    or (runs.it_energy_kwh is null and coalesce(components.unknown_components, 1) = 0)
    or (runs.it_energy_kwh is not null and components.unknown_components > 0)
