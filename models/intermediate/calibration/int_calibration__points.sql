-- The runs that each key of the ladder is fitted on, with their columns of the normal
-- equations. Outliers are screened once: the logarithm of meter over model lies
-- farther from its median than three times the median of such distances, and than
-- 0.05, or the two differ a hundredfold. Jobs are left out in up to 50 folds, each a
-- job where there are no more.
-- One row per level, component, key, run and attempt.
with
    comparisons as (select * from {{ ref("int_calibration__comparisons") }}),

    keys as (
        {% for level in calibration_levels() %}
            select
                '{{ level }}' as key_level,
                {{ calibration_key(level) }} as key,
                *,
                ln(measured_energy_kwh / modelled_energy_kwh) as ln_ratio
            from comparisons
            where {{ calibration_key(level) }} is not null
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    medians as (
        select key_level, component, key, median(ln_ratio) as median_ln_ratio
        from keys
        group by key_level, component, key
    ),

    keys_centred as (
        select keys.*, abs(keys.ln_ratio - medians.median_ln_ratio) as distance
        from keys
        inner join medians using (key_level, component, key)
    ),

    distances as (
        select key_level, component, key, median(distance) as median_distance
        from keys_centred
        group by key_level, component, key
    ),

    jobs as (
        select key_level, component, key, job_key
        from keys
        group by key_level, component, key, job_key
    ),

    folds as (
        select
            *,
            (
                row_number() over (
                    partition by key_level, component, key
                    order by md5(job_key), job_key
                )
                - 1
            )
            % 50 as fold
        from jobs
    ),

    final as (
        select
            keys_centred.*,

            folds.fold,
            modelled_energy_kwh / weight_energy_kwh as x1,
            unit_hours / weight_energy_kwh as x2,
            coalesce(sqrt(utilization_ratio), 0.0)
            * unit_hours
            / weight_energy_kwh as x3,
            (measured_energy_kwh - modelled_energy_kwh)
            / weight_energy_kwh as model_error,
            distance > greatest(3 * distances.median_distance, 0.05)
            or abs(ln_ratio) > ln(100) as is_outlier
        from keys_centred
        inner join distances using (key_level, component, key)
        inner join folds using (key_level, component, key, job_key)
    )

select *
from final
