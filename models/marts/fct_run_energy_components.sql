-- IT energy of runs by component, attempts added up. One row per run and component.
with
    components as (select * from {{ ref("int_energy__components_before_pue") }}),

    components_ranked as (
        select
            *,
            row_number() over (
                partition by run_id, component
                order by it_energy_kwh desc nulls last, attempt
            ) as share_rank
        from components
    ),

    final as (
        select
            run_id,
            component,

            -- Of several attempts, the one that used most.
            max(case when share_rank = 1 then energy_method end) as energy_method,
            max(case when share_rank = 1 then boundary end) as boundary,

            case
                when count(it_energy_kwh) = count(*)
                then {{ exact_sum("it_energy_kwh") }}
            end as it_energy_kwh,
            {{ exact_sum("covered_ratio * duration_hours") }}
            / nullif({{ exact_sum("duration_hours") }}, 0) as covered_ratio
        from components_ranked
        group by run_id, component
    )

select *
from final
