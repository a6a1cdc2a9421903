-- IT energy of each component: what a facility meter saw has counted the cooling
-- already. One row per run, attempt and component.
with
    components as (select * from {{ ref("int_energy__components") }}),
    attempts as (select * from {{ ref("int_energy__attempts") }}),

    final as (
        select
            components.*,
            case
                when components.boundary = 'facility'
                then components.energy_kwh / attempts.pue_ratio
                else components.energy_kwh
            end as it_energy_kwh,
            case
                when components.boundary = 'facility'
                then
                    concat(
                        '(', components.energy_arithmetic, ') / ', attempts.pue_ratio
                    )
                else components.energy_arithmetic
            end as it_energy_arithmetic
        from components
        inner join attempts using (run_id, attempt)
    )

select *
from final
