-- What is known of each component without a meter: what our model says, calibrated
-- where other runs were metered, or where it knows nothing another tool. One row per
-- run, attempt and component.
with
    modelled as (select * from {{ ref("int_energy__components_modelled") }}),
    estimates as (select * from {{ ref("int_energy__estimates_taken") }}),
    calibrated as (select * from {{ ref("int_calibration__taken") }}),

    final as (
        select
            modelled.run_id,
            modelled.attempt,
            modelled.component,

            case
                when calibrated.calibration_id is not null
                then 'calibrated'
                else modelled.energy_method
            end as energy_method,
            'component' as boundary,
            cast(null as string) as meter,
            modelled.quantity,
            modelled.quantity_unit,
            modelled.quantity_arithmetic,
            modelled.duration_hours,
            modelled.utilization_ratio,
            modelled.utilization_origin,
            modelled.idle_w_per_unit,
            modelled.max_w_per_unit,
            modelled.power_w_per_unit,
            modelled.power_arithmetic,
            modelled.power_basis,
            coalesce(
                calibrated.calibrated_energy_kwh, modelled.it_energy_kwh
            ) as energy_kwh,
            concat(
                case when calibrated.unseen_arithmetic <> '' then '(' else '' end,
                case
                    when calibrated.calibration_id is not null
                    then concat(calibrated.factor, ' * ')
                    else ''
                end,
                modelled.quantity,
                ' * ',
                modelled.power_w_per_unit,
                ' * ',
                modelled.duration_hours,
                ' / 1000',
                coalesce(calibrated.unseen_arithmetic, ''),
                case when calibrated.unseen_arithmetic <> '' then ')' else '' end
            ) as energy_arithmetic,
            modelled.power_factor_key,
            modelled.power_source_id,
            modelled.hardware_origin,
            modelled.missing_reason,
            modelled.missing_reason as model_missing_reason,
            calibrated.calibration_id,
            calibrated.calibrated_component,
            modelled.energy_method as uncalibrated_method,
            modelled.it_energy_kwh as uncalibrated_energy_kwh
        from modelled
        left join
            estimates
            on modelled.run_id = estimates.run_id
            and modelled.attempt = estimates.attempt
            and (
                modelled.component = estimates.component or estimates.component = 'all'
            )
        left join
            calibrated
            on modelled.run_id = calibrated.run_id
            and modelled.attempt = calibrated.attempt
            and modelled.component = calibrated.component
        where estimates.run_id is null
        union all
        select
            run_id,
            attempt,
            component,

            'external_estimate' as energy_method,
            boundary,
            meter,
            cast(null as double) as quantity,
            cast(null as string) as quantity_unit,
            cast(null as string) as quantity_arithmetic,
            duration_hours,
            cast(null as double) as utilization_ratio,
            cast(null as string) as utilization_origin,
            cast(null as double) as idle_w_per_unit,
            cast(null as double) as max_w_per_unit,
            cast(null as double) as power_w_per_unit,
            cast(null as string) as power_arithmetic,
            'an estimate by another tool' as power_basis,
            estimated_energy_kwh as energy_kwh,
            cast(estimated_energy_kwh as string) as energy_arithmetic,
            cast(null as string) as power_factor_key,
            cast(null as string) as power_source_id,
            cast(null as string) as hardware_origin,
            cast(null as string) as missing_reason,
            model_missing_reason,
            cast(null as string) as calibration_id,
            cast(null as string) as calibrated_component,
            'external_estimate' as uncalibrated_method,
            estimated_energy_kwh as uncalibrated_energy_kwh
        from estimates
    )

select *
from final
