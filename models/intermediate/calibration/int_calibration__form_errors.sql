-- The mean error of each form on jobs that its fit has not seen: over all of a key,
-- and over all but one fold, whose jobs the fits have not seen either. One row per
-- level, component, key, fold that is kept apart (-1: none) and form.
with
    points as (select * from {{ ref("int_calibration__points") }} where not is_outlier),
    fits as (select * from {{ ref("int_calibration__fits") }} where fold_a >= 0),

    -- A fit without two folds predicts each of them, the other kept apart.
    fits_scoring as (
        select
            *,
            fold_a as scored_fold,
            case when fold_a = fold_b then -1 else fold_b end as kept_apart
        from fits
        union all
        select *, fold_b as scored_fold, fold_a as kept_apart
        from fits
        where fold_a < fold_b
    ),

    points_predicted as (
        select
            points.key_level,
            points.component,
            points.key,
            fits_scoring.kept_apart,
            fits_scoring.form,
            points.measured_energy_kwh,
            {{
                calibrated_kwh(
                    "points.modelled_energy_kwh",
                    "fits_scoring.scale",
                    "fits_scoring.constant_kw",
                    "fits_scoring.sqrt_kw",
                    "points.unit_hours",
                    "points.utilization_ratio",
                )
            }} as predicted_energy_kwh
        from points
        inner join
            fits_scoring
            on points.key_level = fits_scoring.key_level
            and points.component = fits_scoring.component
            and points.key = fits_scoring.key
            and points.fold = fits_scoring.scored_fold
    ),

    final as (
        select
            key_level,
            component,
            key,
            kept_apart,
            form,

            {{ exact_sum("abs(predicted_energy_kwh / measured_energy_kwh - 1)") }}
            / count(*) as mape
        from points_predicted
        group by key_level, component, key, kept_apart, form
    )

select *
from final
