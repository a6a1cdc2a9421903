-- Modelled and metered figures of each component side by side. One row per run, attempt
-- and component.
with
    candidates as (select * from {{ ref("int_energy__components_expected") }}),
    measured as (select * from {{ ref("int_energy__components_measured") }}),

    final as (
        select
            coalesce(candidates.run_id, measured.run_id) as run_id,
            coalesce(candidates.attempt, measured.attempt) as attempt,
            coalesce(candidates.component, measured.component) as component,

            case
                when
                    coalesce(measured.covered_ratio, 0) < 0.95
                    and candidates.missing_reason is not null
                then 'missing'
                when measured.covered_ratio >= 0.95
                then 'measured'
                when measured.measured_energy_kwh is not null
                then 'measured_partial'
                else candidates.energy_method
            end as energy_method,
            coalesce(measured.boundary, candidates.boundary) as boundary,
            coalesce(measured.meter, candidates.meter) as meter,

            coalesce(measured.covered_ratio, 0.0) as covered_ratio,
            measured.measured_energy_kwh,
            measured.devices_energy_kwh,
            candidates.energy_method as modelled_method,
            candidates.energy_kwh as modelled_energy_kwh,
            -- What a meter covers whole, no calibration has a part in.
            case
                when coalesce(measured.covered_ratio, 0) < 1
                then candidates.calibration_id
            end as calibration_id,
            candidates.calibrated_component,
            candidates.uncalibrated_method,
            candidates.uncalibrated_energy_kwh,
            candidates.energy_arithmetic as modelled_arithmetic,
            candidates.quantity,
            candidates.quantity_unit,
            candidates.quantity_arithmetic,
            candidates.duration_hours,
            candidates.utilization_ratio,
            candidates.utilization_origin,
            candidates.idle_w_per_unit,
            candidates.max_w_per_unit,
            candidates.power_w_per_unit,
            candidates.power_arithmetic,
            candidates.power_basis,

            candidates.power_factor_key,
            candidates.power_source_id,
            candidates.hardware_origin,
            -- Where a meter leaves a hole and no model fills it, the whole is unknown.
            case
                when coalesce(measured.covered_ratio, 0) < 0.95
                then candidates.missing_reason
            end as missing_reason,
            candidates.model_missing_reason
        from candidates
        full outer join
            measured
            on candidates.run_id = measured.run_id
            and candidates.attempt = measured.attempt
            and candidates.component = measured.component
    )

select *
from final
