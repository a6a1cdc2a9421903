-- The components of an attempt without a meter together, to stand beside a meter of the
-- whole node: calibrated by such meters, else as the model has them. One row per run
-- and attempt.
with
    unmetered as (select * from {{ ref("int_energy__components_unmetered") }}),
    calibrated as (
        select * from {{ ref("int_calibration__taken") }} where component = 'all'
    ),
    pue as (select * from {{ ref("int_energy__attempt_pue") }}),

    attempts_summed as (
        select
            run_id,
            attempt,
            'all' as component,
            case
                when max(missing_reason) is not null
                then 'missing'
                when
                    max(
                        case
                            uncalibrated_method when 'external_estimate' then 1 else 0
                        end
                    )
                    = 1
                then 'external_estimate'
                when
                    max(case uncalibrated_method when 'utilization' then 1 else 0 end)
                    = 1
                then 'utilization'
                else 'allocation'
            end as energy_method,
            max(duration_hours) as duration_hours,
            case
                when max(missing_reason) is null
                then {{ exact_sum("uncalibrated_energy_kwh") }}
            end as it_energy_kwh,
            max(hardware_origin) as hardware_origin,
            max(missing_reason) as missing_reason,
            max(model_missing_reason) as model_missing_reason
        from unmetered
        group by run_id, attempt
    ),

    final as (
        select
            attempts_summed.run_id,
            attempts_summed.attempt,
            attempts_summed.component,

            case
                when calibrated.calibration_id is not null
                then 'calibrated'
                else attempts_summed.energy_method
            end as energy_method,
            attempts_summed.duration_hours,
            coalesce(
                calibrated.calibrated_energy_kwh, attempts_summed.it_energy_kwh
            ) as it_energy_kwh,
            calibrated.calibration_id,
            calibrated.calibrated_component,
            attempts_summed.energy_method as uncalibrated_method,
            attempts_summed.it_energy_kwh as uncalibrated_energy_kwh,

            attempts_summed.hardware_origin,
            attempts_summed.missing_reason,
            attempts_summed.model_missing_reason,
            pue.pue_ratio
        from attempts_summed
        left join pue using (run_id, attempt)
        -- What another tool estimates, no meter of ours has calibrated.
        left join
            calibrated
            on attempts_summed.run_id = calibrated.run_id
            and attempts_summed.attempt = calibrated.attempt
            and attempts_summed.energy_method = 'utilization'
    )

select *
from final
