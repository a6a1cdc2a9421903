-- IT energy of runs by component, attempts added up. One row per run and component.
with
    components as (select * from {{ ref("int_energy__components") }}),
    attempts as (select * from {{ ref("int_energy__attempts") }}),

    components_before_pue as (
        select
            components.*,
            -- A facility meter has already counted the cooling.
            case
                when components.boundary = 'facility'
                then components.energy_kwh / attempts.pue_ratio
                else components.energy_kwh
            end as it_energy_kwh
        from components
        inner join attempts using (run_id, attempt)
    ),

    final as (
        select
            run_id,
            component,

            max_by(energy_method, attempt) as energy_method,
            max_by(boundary, attempt) as boundary,

            case
                when max(missing_reason) is null then {{ exact_sum("it_energy_kwh") }}
            end as it_energy_kwh,
            {{ exact_sum("covered_ratio * duration_hours") }}
            / nullif({{ exact_sum("duration_hours") }}, 0) as covered_ratio
        from components_before_pue
        group by run_id, component
    )

select *
from final
