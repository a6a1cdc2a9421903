-- Water of runs, attempts added up. An unknown part makes the run's unknown; the factor
-- named is the one of the largest part. One row per run.
with
    attempts as (select * from {{ ref("int_carbon__water") }}),

    attempts_ranked as (
        select
            *,
            row_number() over (
                partition by run_id order by water_l desc nulls last, attempt desc
            ) as share_rank
        from attempts
    ),

    final as (
        select
            run_id,

            max(case when share_rank = 1 then water_resolution end) as water_resolution,
            max(case when share_rank = 1 then wue_year end) as wue_year,

            case
                when max(missing_water_reason) is null then {{ exact_sum("water_l") }}
            end as water_l,
            case
                when max(missing_water_reason) is not null
                then null
                when min(wue_l_per_kwh) = max(wue_l_per_kwh)
                then max(wue_l_per_kwh)
                else
                    {{ exact_sum("water_l") }}
                    / nullif({{ exact_sum("it_energy_kwh") }}, 0)
            end as wue_l_per_kwh,
            max(case when share_rank = 1 then wue_age_years end) as wue_age_years,

            max(case when share_rank = 1 then water_source_id end) as water_source_id,
            min(missing_water_reason) as missing_water_reason
        from attempts_ranked
        group by run_id
    )

select *
from final
