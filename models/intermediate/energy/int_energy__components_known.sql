-- What meters, our model and other tools know of each component: what was metered, and
-- for what was not the best of the others. One row per run, attempt and component.
with
    candidates_compared as (select * from {{ ref("int_energy__components_compared") }}),
    others as (select * from {{ ref("int_energy__others") }}),

    components as (
        select *
        from candidates_compared
        union all
        select *
        from others
    ),

    final as (
        select
            *,
            case
                when missing_reason is not null
                then null
                when measured_energy_kwh is null
                then modelled_energy_kwh
                else
                    measured_energy_kwh
                    + coalesce((1 - covered_ratio) * modelled_energy_kwh, 0.0)
            end as energy_kwh,
            case
                when missing_reason is not null
                then null
                when measured_energy_kwh is null
                then modelled_arithmetic
                when modelled_energy_kwh is null or covered_ratio = 1
                then cast(measured_energy_kwh as string)
                else
                    concat(
                        measured_energy_kwh,
                        ' + (1 - ',
                        covered_ratio,
                        ') * ',
                        modelled_arithmetic
                    )
            end as energy_arithmetic
        from components
    )

select *
from final
