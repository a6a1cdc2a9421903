-- Embodied emissions of runs, the parts of all attempts added up. An unknown part makes
-- the run's unknown. One row per run.
with
    parts as (select * from {{ ref("int_carbon__embodied") }}),

    runs_summed as (
        select
            run_id,
            case
                when max(missing_reason) is null
                then {{ exact_sum("emissions_embodied_g_co2e") }}
            end as emissions_embodied_g_co2e,
            min(missing_reason) as missing_embodied_reason
        from parts
        group by run_id
    ),

    -- The method that carries the largest share; between equals, by name.
    methods_ranked as (
        select
            run_id,
            embodied_method,
            row_number() over (
                partition by run_id
                order by
                    {{ exact_sum("emissions_embodied_g_co2e") }} desc nulls last,
                    embodied_method
            ) as share_rank
        from parts
        group by run_id, embodied_method
    ),

    final as (
        select
            runs_summed.run_id,

            case
                when runs_summed.missing_embodied_reason is null
                then methods_ranked.embodied_method
                else 'missing'
            end as embodied_method,

            runs_summed.emissions_embodied_g_co2e,

            runs_summed.missing_embodied_reason
        from runs_summed
        inner join methods_ranked using (run_id)
        where methods_ranked.share_rank = 1
    )

select *
from final
