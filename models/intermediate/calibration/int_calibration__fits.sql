-- Scale s, constant c and concave term q of each form, solved by elimination. c and q
-- are kW per unit. Where no run is left, the model stays as it is. One row per level,
-- component, key, pair of folds left out and form.
with
    equations as (select * from {{ ref("int_calibration__equations") }}),
    keys as (select * from {{ ref("int_calibration__key_sums") }}),

    first_eliminated as (
        select
            *,
            a12 / a11 as l21,
            a13 / a11 as l31,
            a22 - a12 / a11 * a12 as d2,
            a23 - a12 / a11 * a13 as r23,
            a33 - a13 / a11 * a13 as r33,
            b2 - a12 / a11 * b1 as z2,
            b3 - a13 / a11 * b1 as r3
        from equations
    ),

    second_eliminated as (
        select *, r23 / d2 as l32, r33 - r23 / d2 * r23 as d3, r3 - r23 / d2 * z2 as z3
        from first_eliminated
    ),

    unknowns as (
        select
            *,
            b1 / a11 as first_s,
            z2 / d2 as second_c,
            z3 / nullif(d3, 0) as third_q,
            z2 / d2 - l32 * (z3 / nullif(d3, 0)) as third_c
        from second_eliminated
    ),

    forms as (
        select *, 1 as form, 1 + first_s as scale, 0.0 as constant_kw, 0.0 as sqrt_kw
        from unknowns
        union all
        select
            *,
            2 as form,
            1 + first_s - l21 * second_c as scale,
            second_c as constant_kw,
            0.0 as sqrt_kw
        from unknowns
        union all
        select
            *,
            3 as form,
            1 + first_s - l21 * third_c - l31 * third_q as scale,
            third_c as constant_kw,
            third_q as sqrt_kw
        from unknowns
    ),

    final as (
        select
            forms.key_level,
            forms.component,
            forms.key,
            forms.fold_a,
            forms.fold_b,
            forms.form,

            coalesce(forms.scale, 1.0) as scale,
            coalesce(forms.constant_kw, 0.0) as constant_kw,
            coalesce(forms.sqrt_kw, 0.0) as sqrt_kw
        from forms
        inner join
            keys
            on forms.key_level = keys.key_level
            and forms.component = keys.component
            and forms.key = keys.key
        where forms.form < 3 or keys.is_concave_fitted
    )

select *
from final
