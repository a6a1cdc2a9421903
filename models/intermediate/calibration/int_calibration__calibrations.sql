-- The calibration of each key that has a metered run, and whether it is good enough to
-- be used: better than the model on jobs it has not seen. One row per level, component
-- and key.
with
    scores as (select * from {{ ref("int_calibration__scores") }}),
    keys as (select * from {{ ref("int_calibration__key_sums") }}),
    chosen as (
        select * from {{ ref("int_calibration__forms_chosen") }} where kept_apart = -1
    ),
    fits as (select * from {{ ref("int_calibration__fits") }} where fold_a = -1),
    intervals as (
        select * from {{ ref("int_calibration__intervals") }} where kept_apart = -1
    ),

    keys_judged as (
        select
            scores.*,
            coalesce(keys.runs, 0) as runs,
            coalesce(keys.jobs, 0) as jobs,
            keys.min_utilization_ratio,
            keys.max_utilization_ratio,
            case
                when keys.jobs = 1 and keys.runs >= 3
                then 'one_job_only'
                when coalesce(keys.is_fitted, false) = false
                then 'too_few_runs'
                when round(scores.mape_after, 9) >= round(scores.mape_before, 9)
                then 'no_better_than_model'
                else 'better_than_model'
            end as reason
        from scores
        left join keys using (key_level, component, key)
    ),

    final as (
        select
            md5(
                concat(
                    keys_judged.key_level,
                    '|',
                    keys_judged.component,
                    '|',
                    keys_judged.key,
                    '|',
                    keys_judged.points_key
                )
            ) as calibration_id,
            keys_judged.key_level,
            keys_judged.key,
            keys_judged.component,

            chosen.form,
            fits.scale,
            fits.constant_kw,
            fits.sqrt_kw,
            intervals.log_sd,

            keys_judged.runs,
            keys_judged.jobs,
            keys_judged.points,
            keys_judged.outliers,
            keys_judged.intervals,
            keys_judged.min_utilization_ratio,
            keys_judged.max_utilization_ratio,
            keys_judged.mape_before,
            keys_judged.mape_after,
            keys_judged.wape_before,
            keys_judged.wape_after,
            keys_judged.bias_before,
            keys_judged.bias_after,
            keys_judged.interval_coverage_ratio,

            keys_judged.reason = 'better_than_model' as is_applied,
            keys_judged.reason
        from keys_judged
        left join chosen using (key_level, component, key)
        left join
            fits
            on keys_judged.key_level = fits.key_level
            and keys_judged.component = fits.component
            and keys_judged.key = fits.key
            and chosen.form = fits.form
        left join
            intervals
            on keys_judged.key_level = intervals.key_level
            and keys_judged.component = intervals.component
            and keys_judged.key = intervals.key
    )

select *
from final
