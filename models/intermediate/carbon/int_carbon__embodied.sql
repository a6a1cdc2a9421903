-- Embodied emissions of attempts: the manufacture of what they held, by the time they
-- held it. Each attempt has a server and, where it has any, accelerators. One row per
-- run, attempt and part.
with
    servers as (select * from {{ ref("int_carbon__embodied_servers_held") }}),
    accelerators as (select * from {{ ref("int_carbon__embodied_accelerators_held") }}),

    parts as (
        select *
        from servers
        union all
        select *
        from accelerators
    ),

    parts_judged as (
        select
            *,
            coalesce(
                missing_reason, case when kg_co2e is null then 'no_embodied_factor' end
            ) as missing_embodied_reason
        from parts
    ),

    final as (
        select
            run_id,
            attempt,
            part,

            case
                when missing_embodied_reason is null then embodied_method else 'missing'
            end as embodied_method,
            uncertainty_key,
            quantity_unit,
            quantity_arithmetic,

            kg_co2e,
            low_kg_co2e,
            high_kg_co2e,
            quantity,
            duration_hours,
            lifetime_hours,
            case
                when missing_embodied_reason is null
                then kg_co2e * 1000 * quantity * duration_hours / lifetime_hours
            end as emissions_embodied_g_co2e,

            kg_arithmetic,
            case
                when missing_embodied_reason is null
                then
                    concat(
                        kg_co2e,
                        ' * 1000 * ',
                        quantity,
                        ' * ',
                        duration_hours,
                        ' / ',
                        lifetime_hours
                    )
            end as embodied_arithmetic,
            factor_key,
            source_id,
            hardware_origin,
            missing_embodied_reason as missing_reason
        from parts_judged
    )

select *
from final
