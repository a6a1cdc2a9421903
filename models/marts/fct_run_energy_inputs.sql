-- Every input of a run's energy, with its origin and the arithmetic: what `explain`
-- prints. One row per run, attempt and component.
with
    components as (select * from {{ ref("int_energy__components_before_pue") }}),
    rungs as (select * from {{ ref("int_energy__rungs_considered") }}),

    final as (
        select
            run_id,
            component,
            cast(attempt as bigint) as attempt,

            energy_method,
            boundary,
            quantity,
            quantity_unit,
            quantity_arithmetic,
            duration_hours as hours,
            utilization_ratio,
            utilization_origin,
            idle_w_per_unit,
            max_w_per_unit,
            power_w_per_unit,
            power_arithmetic,
            power_basis,
            it_energy_kwh,
            measured_energy_kwh,
            devices_energy_kwh,
            meter,
            covered_ratio,
            it_energy_arithmetic as arithmetic,

            power_factor_key,
            power_source_id,
            hardware_origin,
            rungs_considered,
            missing_reason
        from components
        inner join rungs using (run_id, attempt, component)
    )

select *
from final
