-- What each run's energy would have been said to be, had its job never been metered:
-- by a fit, and a form chosen, without its job. One row per level, component, key, run
-- and attempt.
with
    points as (select * from {{ ref("int_calibration__points") }}),
    chosen as (select * from {{ ref("int_calibration__forms_chosen") }}),
    fits as (select * from {{ ref("int_calibration__fits") }} where fold_a = fold_b),

    -- Of a fold whose runs were all screened out, no fit had seen any.
    points_fitted as (
        select
            points.*,
            coalesce(without_job.form, of_all.form) as form,
            case
                when without_job.form is not null then points.fold else -1
            end as fold_left_out
        from points
        left join
            chosen as without_job
            on points.key_level = without_job.key_level
            and points.component = without_job.component
            and points.key = without_job.key
            and points.fold = without_job.kept_apart
        left join
            chosen as of_all
            on points.key_level = of_all.key_level
            and points.component = of_all.component
            and points.key = of_all.key
            and of_all.kept_apart = -1
    ),

    final as (
        select
            points_fitted.*,
            {{
                calibrated_kwh(
                    "points_fitted.modelled_energy_kwh",
                    "fits.scale",
                    "fits.constant_kw",
                    "fits.sqrt_kw",
                    "points_fitted.unit_hours",
                    "points_fitted.utilization_ratio",
                )
            }} as predicted_energy_kwh
        from points_fitted
        left join
            fits
            on points_fitted.key_level = fits.key_level
            and points_fitted.component = fits.component
            and points_fitted.key = fits.key
            and points_fitted.form = fits.form
            and points_fitted.fold_left_out = fits.fold_a
    )

select *
from final
