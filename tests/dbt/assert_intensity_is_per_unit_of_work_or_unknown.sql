-- A software carbon intensity divides by work that was done, and holds both the
-- operational and the embodied emissions; else it is unknown, with a reason.
select run_id
from {{ ref("fct_run_sci") }}
where
    (sci_g_co2e_per_unit is null) <> (missing_reason is not null)
    or (sci_g_co2e_per_unit is not null and not coalesce(functional_units > 0, false))
    or abs(
        sci_g_co2e_per_unit * functional_units
        - emissions_location_g_co2e
        - emissions_embodied_g_co2e
    )
    > 1e-9 * (emissions_location_g_co2e + emissions_embodied_g_co2e)
union all
select runs.run_id
from {{ ref("fct_runs") }} as runs
left join {{ ref("fct_run_sci") }} as intensities on runs.run_id = intensities.run_id
where intensities.run_id is null
