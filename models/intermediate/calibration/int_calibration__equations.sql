-- The normal equations of each key with all of its runs, without one fold of jobs, and
-- without two: the key's sums less those of the folds. A prior at the model itself is
-- worth one run: the mean of the runs left, metered as modelled; and a ten-thousandth
-- of it on each unknown alone tells apart what the runs can not. One row per level,
-- component, key and pair of folds left out (-1 where none is; one fold is a pair with
-- itself).
with
    keys as (select * from {{ ref("int_calibration__key_sums") }}),
    folds as (select * from {{ ref("int_calibration__fold_sums") }}),

    left_out as (
        select
            key_level,
            component,
            key,
            -1 as fold_a,
            -1 as fold_b,
            {% for name in calibration_sums() %}
                0.0 as {{ name }}{% if not loop.last %},{% endif %}
            {% endfor %}
        from keys
        where is_fitted
        union all
        select
            folds.key_level,
            folds.component,
            folds.key,
            folds.fold as fold_a,
            others.fold as fold_b,
            {% for name in calibration_sums() %}
                folds.{{ name }} + case
                    when folds.fold = others.fold then 0.0 else others.{{ name }}
                end as {{ name }}
                {% if not loop.last %},{% endif %}
            {% endfor %}
        from folds
        inner join
            folds as others
            on folds.key_level = others.key_level
            and folds.component = others.component
            and folds.key = others.key
            and folds.fold <= others.fold
    ),

    runs_left as (
        select
            left_out.key_level,
            left_out.component,
            left_out.key,
            left_out.fold_a,
            left_out.fold_b,
            {% for name in calibration_sums() %}
                keys.{{ name }} - left_out.{{ name }} as {{ name }}
                {% if not loop.last %},{% endif %}
            {% endfor %}
        from left_out
        inner join
            keys
            on left_out.key_level = keys.key_level
            and left_out.component = keys.component
            and left_out.key = keys.key
        where keys.is_fitted
    ),

    final as (
        select
            key_level,
            component,
            key,
            fold_a,
            fold_b,
            {% for i, j in [(1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)] %}
                a{{ i }}{{ j }} + m{{ i }} / nullif(n, 0) * m{{ j }} / nullif(n, 0)
                {% if i == j %}
                    + 1e-4 * a{{ i }}{{ j }} / nullif(n, 0)
                {% endif %} as a{{ i }}{{ j }},
            {% endfor %}
            b1,
            b2,
            b3
        from runs_left
    )

select *
from final
