-- The rest of a server whose chips are metered, or calibrated by such meters: fans,
-- board and power supply. One row per run and attempt that has one.
with
    candidates_compared as (select * from {{ ref("int_energy__components_compared") }}),

    -- RAPL sees packages and DRAM, the model the whole server: the difference is fans,
    -- board and power supply, as far as the meters reach, and calibrations by them.
    chips as (
        select
            *,
            case
                when calibrated_component = component then 1.0 else covered_ratio
            end as known_ratio,
            case
                when calibrated_component = component
                then
                    coalesce(measured_energy_kwh, 0.0)
                    + (1 - covered_ratio) * modelled_energy_kwh
                else measured_energy_kwh
            end as chip_energy_kwh
        from candidates_compared
        where
            component in ('cpu', 'memory', 'other')
            and boundary = 'component'
            and (measured_energy_kwh is not null or calibrated_component = component)
    ),

    others as (
        select
            run_id,
            attempt,
            {{ exact_sum("known_ratio * coalesce(uncalibrated_energy_kwh, 0.0)") }}
            as server_energy_kwh,
            {{ exact_sum("chip_energy_kwh") }} as chip_energy_kwh,
            max(duration_hours) as duration_hours,
            max(hardware_origin) as hardware_origin
        from chips
        group by run_id, attempt
        having
            max(
                case
                    when
                        component = 'cpu'
                        and uncalibrated_method in ('utilization', 'allocation')
                    then uncalibrated_energy_kwh
                end
            )
            is not null
            and max(case when component = 'other' then 1 else 0 end) = 0
    ),

    final as (
        select
            run_id,
            attempt,
            'other' as component,
            'allocation' as energy_method,
            'component' as boundary,
            cast(null as string) as meter,
            0.0 as covered_ratio,
            cast(null as double) as measured_energy_kwh,
            cast(null as double) as devices_energy_kwh,
            'allocation' as modelled_method,
            greatest(server_energy_kwh - chip_energy_kwh, 0.0) as modelled_energy_kwh,
            cast(null as string) as calibration_id,
            cast(null as string) as calibrated_component,
            'allocation' as uncalibrated_method,
            greatest(
                server_energy_kwh - chip_energy_kwh, 0.0
            ) as uncalibrated_energy_kwh,
            case
                when server_energy_kwh > chip_energy_kwh
                then concat(server_energy_kwh, ' - ', chip_energy_kwh)
                else '0'
            end as modelled_arithmetic,
            cast(null as double) as quantity,
            'fans, board and power supply' as quantity_unit,
            cast(null as string) as quantity_arithmetic,
            duration_hours,
            cast(null as double) as utilization_ratio,
            cast(null as string) as utilization_origin,
            cast(null as double) as idle_w_per_unit,
            cast(null as double) as max_w_per_unit,
            cast(null as double) as power_w_per_unit,
            cast(null as string) as power_arithmetic,
            'whole-server model less what the chips used' as power_basis,
            cast(null as string) as power_factor_key,
            cast(null as string) as power_source_id,
            hardware_origin,
            cast(null as string) as missing_reason,
            cast(null as string) as model_missing_reason
        from others
    )

select *
from final
