-- Calibrations of the power model against meters, with their error on jobs that they
-- had not seen. One row per calibration.
with
    calibrations as (select * from {{ ref("int_calibration__calibrations") }}),

    final as (
        select
            calibration_id,
            key_level,
            key,
            component,
            case
                form
                when 1
                then 'scale'
                when 2
                then 'scale_constant'
                when 3
                then 'scale_constant_sqrt'
            end as form,

            scale,
            constant_kw * 1000 as constant_w,
            sqrt_kw * 1000 as sqrt_w,
            runs,
            jobs,
            mape_before,
            mape_after,
            wape_before,
            wape_after,
            bias_before,
            bias_after,
            interval_coverage_ratio,

            is_applied,
            reason,
            {{ as_of("data") }} as fitted_as_of,

            points,
            cast(outliers as bigint) as outliers,
            intervals,
            {{ wilson("interval_coverage_ratio", "intervals", "-") }}
            as interval_coverage_low_ratio,
            {{ wilson("interval_coverage_ratio", "intervals", "+") }}
            as interval_coverage_high_ratio,
            log_sd,
            min_utilization_ratio,
            max_utilization_ratio,
            case
                component
                when 'accelerator'
                then 'accelerator'
                when 'cpu'
                then 'vCPU'
                when 'memory'
                then 'GiB'
                else 'machine'
            end as quantity_unit
        from calibrations
    )

select *
from final
