-- The metered runs behind each calibration: what the model says, what the meter saw,
-- and what a calibration without the run's job predicts. One row per level, component,
-- key, run and attempt.
with
    predictions as (select * from {{ ref("int_calibration__predictions") }}),
    calibrations as (select * from {{ ref("int_calibration__calibrations") }}),

    final as (
        select
            calibrations.calibration_id,
            calibrations.key_level,
            calibrations.key,
            calibrations.component,
            predictions.run_id,
            cast(predictions.attempt as bigint) as attempt,

            nullif(predictions.job_key, '') as job_name,
            predictions.meter,

            predictions.modelled_energy_kwh,
            predictions.measured_energy_kwh,
            predictions.predicted_energy_kwh,
            predictions.weight_energy_kwh,
            predictions.quantity,
            predictions.duration_hours as hours,
            predictions.utilization_ratio,
            ln(
                predictions.measured_energy_kwh / predictions.predicted_energy_kwh
            ) as ln_residual,

            predictions.is_outlier,
            calibrations.is_applied
        from predictions
        inner join
            calibrations
            on predictions.key_level = calibrations.key_level
            and predictions.component = calibrations.component
            and predictions.key = calibrations.key
    )

select *
from final
