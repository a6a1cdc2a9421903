-- Every input of a run's energy, with its origin and the arithmetic: what `explain`
-- prints. One row per run, attempt and component.
with
    components as (select * from {{ ref("int_energy__components_before_pue") }}),
    rungs as (select * from {{ ref("int_energy__rungs_considered") }}),
    modelled as (select * from {{ ref("int_energy__components_modelled") }}),

    final as (
        select
            run_id,
            component,
            cast(attempt as bigint) as attempt,

            components.energy_method,
            components.boundary,
            components.quantity,
            components.quantity_unit,
            components.quantity_arithmetic,
            components.duration_hours as hours,
            components.utilization_ratio,
            components.utilization_origin,
            components.idle_w_per_unit,
            components.max_w_per_unit,
            components.power_w_per_unit,
            components.power_arithmetic,
            components.power_basis,
            components.it_energy_kwh,
            components.measured_energy_kwh,
            components.devices_energy_kwh,
            components.meter,
            components.covered_ratio,
            components.it_energy_arithmetic as arithmetic,

            components.power_factor_key,
            components.power_source_id,
            components.hardware_origin,
            rungs.rungs_considered,
            components.missing_reason,
            components.calibration_id,
            components.uncalibrated_energy_kwh,

            -- What no model describes (a meter of the whole node) is not shared out.
            modelled.host_basis,
            modelled.idle_factor,
            modelled.dynamic_factor
        from components
        inner join rungs using (run_id, attempt, component)
        left join modelled using (run_id, attempt, component)
    )

select *
from final
