-- The form with the least error on unseen jobs; the simpler one where they are equal to
-- nine digits. One row per level, component, key and fold that is kept apart (-1:
-- none).
with
    errors as (select * from {{ ref("int_calibration__form_errors") }}),

    errors_ranked as (
        select
            *,
            row_number() over (
                partition by key_level, component, key, kept_apart
                order by round(mape, 9), form
            ) as preference
        from errors
    ),

    final as (
        select key_level, component, key, kept_apart, form
        from errors_ranked
        where preference = 1
    )

select *
from final
