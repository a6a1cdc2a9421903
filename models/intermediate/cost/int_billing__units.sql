-- Units of the bills: how many of which simple unit (Azure's 1000 GB/Month are 1000),
-- and what that is. One row per unit as the bills write it, in lower case.
with
    skus as (select * from {{ ref("int_billing__skus") }}),
    consumed_units as (select * from {{ ref("consumed_units") }}),

    units_parted as (
        select
            unit_text,
            {{ units_in_block("unit_text") }} as units,
            {{ unit_of_block("unit_text") }} as unit_key
        from skus
        group by unit_text
    ),

    final as (
        select
            units_parted.unit_text,

            consumed_units.dimension,
            units_parted.units * consumed_units.factor as factor,
            units_parted.units * consumed_units.memory_gib_factor as memory_gib_factor,
            coalesce(consumed_units.is_per_month, false) as is_per_month,

            -- However hours are written, a rule may call them hours.
            concat(
                units_parted.unit_text, ' ', coalesce(consumed_units.also_called, '')
            ) as unit_names
        from units_parted
        left join consumed_units on units_parted.unit_key = consumed_units.unit_key
    )

select *
from final
