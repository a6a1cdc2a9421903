-- Every input of a run's embodied emissions, with its origin and the arithmetic: what
-- `explain` prints. One row per run, attempt and part.
with
    parts as (select * from {{ ref("int_carbon__embodied") }}),

    final as (
        select
            run_id,
            cast(attempt as bigint) as attempt,
            part,

            embodied_method,
            kg_co2e,
            low_kg_co2e,
            high_kg_co2e,
            kg_arithmetic,
            quantity,
            quantity_unit,
            quantity_arithmetic,
            duration_hours as hours,
            cast(lifetime_hours as double) as lifetime_hours,
            emissions_embodied_g_co2e,
            embodied_arithmetic as arithmetic,

            factor_key,
            source_id,
            hardware_origin,
            missing_reason
        from parts
    )

select *
from final
