-- How far unseen jobs lie from what was predicted of them: the log-standard-deviation
-- of a key, and that of the key without each fold, for the fold's own interval. Few
-- jobs say little of it, so it is widened as Student's t is. One row per level,
-- component, key and fold that is kept apart (-1: none).
with
    predictions as (
        select *, ln(measured_energy_kwh / predicted_energy_kwh) as residual
        from {{ ref("int_calibration__predictions") }}
        where not is_outlier and predicted_energy_kwh is not null
    ),

    folds as (
        select
            key_level,
            component,
            key,
            fold,
            count(*) as points,
            {{ exact_sum("residual * residual") }} as squares
        from predictions
        group by key_level, component, key, fold
    ),

    keys as (
        select
            key_level,
            component,
            key,
            cast(sum(points) as bigint) as points,
            count(*) as folds,
            {{ exact_sum("squares") }} as squares
        from folds
        group by key_level, component, key
    ),

    kept as (
        select key_level, component, key, -1 as kept_apart, points, folds, squares
        from keys
        union all
        select
            folds.key_level,
            folds.component,
            folds.key,
            folds.fold as kept_apart,
            keys.points - folds.points as points,
            keys.folds - 1 as folds,
            greatest(keys.squares - folds.squares, 0.0) as squares
        from folds
        inner join
            keys
            on folds.key_level = keys.key_level
            and folds.component = keys.component
            and folds.key = keys.key
    ),

    final as (
        select
            key_level,
            component,
            key,
            kept_apart,

            sqrt(squares / points * folds / (folds - 1))
            * {{ student_t_90("(folds - 1)") }}
            / {{ z_90() }} as log_sd
        from kept
        where folds >= 2
    )

select *
from final
