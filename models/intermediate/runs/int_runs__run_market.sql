-- Market-based emissions of runs, by the method that carries the largest share of the
-- energy. One row per run.
with
    run_hours as (select * from {{ ref("int_runs__run_hours") }}),

    methods_summed as (
        select
            run_id,
            market_method,
            market_source_id,
            max(market_age_years) as market_age_years,
            {{ exact_sum("facility_energy_kwh") }} as facility_energy_kwh
        from run_hours
        group by run_id, market_method, market_source_id
    ),

    methods_ranked as (
        select
            *,
            row_number() over (
                partition by run_id
                order by
                    facility_energy_kwh desc nulls last, market_method, market_source_id
            ) as share_rank
        from methods_summed
    ),

    runs_summed as (
        select
            run_id,
            case
                when count(emissions_market_g_co2e) = count(*)
                then {{ exact_sum("emissions_market_g_co2e") }}
            end as emissions_market_g_co2e,
            {{ exact_sum("contract_energy_kwh") }} as contract_energy_kwh
        from run_hours
        group by run_id
    ),

    final as (
        select
            runs_summed.run_id,

            coalesce(methods_ranked.market_method, 'missing') as market_method,

            runs_summed.emissions_market_g_co2e,
            runs_summed.contract_energy_kwh,
            methods_ranked.market_age_years,

            methods_ranked.market_source_id
        from runs_summed
        inner join
            methods_ranked
            on runs_summed.run_id = methods_ranked.run_id
            and methods_ranked.share_rank = 1
    )

select *
from final
