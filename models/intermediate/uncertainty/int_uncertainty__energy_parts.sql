-- The measured and the modelled part of each component, each with the source of error
-- it depends on. One row per run, attempt, component and part that used energy.
with
    components as (select * from {{ ref("int_energy__components") }}),
    attempts as (select * from {{ ref("int_energy__attempts") }}),
    resources as (select * from {{ ref("int_runs__resources") }}),
    meters as (select * from {{ ref("int_energy__meters") }}),
    attempt_hours as (select * from {{ ref("int_carbon__run_hours") }}),

    attempts_emitting as (
        select
            run_id,
            attempt,
            case
                when count(emissions_location_g_co2e) = count(*)
                then {{ exact_sum("emissions_location_g_co2e") }}
            end as emissions_location_g_co2e
        from attempt_hours
        group by run_id, attempt
    ),

    attempts_summed as (
        select run_id, attempt, {{ exact_sum("energy_kwh") }} as energy_kwh
        from components
        group by run_id, attempt
    ),

    component_parts as (
        select
            run_id,
            attempt,
            component,
            'measured' as part,
            boundary = 'facility' as is_metered_with_cooling,
            measured_energy_kwh as energy_kwh,
            meter,
            cast(null as string) as rung,
            cast(null as string) as calibration_id,
            power_factor_key as known_from
        from components
        where energy_kwh is not null
        union all
        select
            run_id,
            attempt,
            component,
            'modelled' as part,
            -- Another tool's figure of the building has counted the cooling too.
            boundary = 'facility'
            and energy_method = 'external_estimate' as is_metered_with_cooling,
            energy_kwh - coalesce(measured_energy_kwh, 0.0) as energy_kwh,
            meter,
            case
                when measured_energy_kwh is null then energy_method else modelled_method
            end as rung,
            calibration_id,
            -- A tool is wrong on all hardware, a kWh per currency unit for its service.
            case
                when measured_energy_kwh is null and energy_method = 'external_estimate'
                then {{ alias_key("meter") }}
                when energy_method = 'spend'
                then power_basis
                else power_factor_key
            end as known_from
        from components
        -- What a meter covers whole differs from its own figure by rounding at most.
        where energy_kwh * 1e-12 < energy_kwh - coalesce(measured_energy_kwh, 0.0)
    ),

    parts_known_by as (
        select
            component_parts.*,
            case
                when component_parts.part = 'measured'
                then coalesce(meters.uncertainty_key, 'measured:unknown_meter')
                else component_parts.rung
            end as known_by,
            coalesce(component_parts.known_from, resources.hardware_class) as hardware
        from component_parts
        inner join resources using (run_id, attempt)
        left join meters on component_parts.meter = meters.meter
        where component_parts.energy_kwh > 0
    ),

    final as (
        select
            parts_known_by.run_id,
            parts_known_by.attempt,
            parts_known_by.component,
            parts_known_by.part,

            parts_known_by.is_metered_with_cooling,
            case
                when parts_known_by.known_by in ('utilization', 'allocation')
                then concat(parts_known_by.known_by, ':', parts_known_by.component)
                when parts_known_by.known_by = 'calibrated'
                then concat('calibrated:', parts_known_by.calibration_id)
                else parts_known_by.known_by
            end as factor_key,
            concat(
                'energy:',
                parts_known_by.known_by,
                ':',
                parts_known_by.component,
                ':',
                -- A calibration is wrong on all that it is applied to.
                coalesce(parts_known_by.calibration_id, parts_known_by.hardware)
            ) as source_key,

            parts_known_by.energy_kwh
            / attempts_summed.energy_kwh
            * attempts.facility_energy_kwh as facility_energy_kwh,
            parts_known_by.energy_kwh
            / attempts_summed.energy_kwh
            * attempts_emitting.emissions_location_g_co2e as emissions_location_g_co2e
        from parts_known_by
        inner join attempts using (run_id, attempt)
        inner join attempts_summed using (run_id, attempt)
        left join attempts_emitting using (run_id, attempt)
    )

select *
from final
