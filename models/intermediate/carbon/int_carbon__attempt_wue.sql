-- Water usage effectiveness over an attempt: that of its year, or of its years by the
-- time in each. The year with the most of its time gives the provenance. One row per
-- run and attempt whose place has a WUE in every year it ran in.
with
    years as (select * from {{ ref("int_runs__years") }}),
    attempts as (select * from {{ ref("int_runs__located") }}),
    wue as (select * from {{ ref("int_carbon__wue") }}),

    years_matched as (
        select
            years.run_id,
            years.attempt,
            years.fraction_of_attempt,
            wue.wue_l_per_kwh,
            wue.water_resolution,
            wue.wue_year,
            wue.wue_age_years,
            wue.water_source_id,
            row_number() over (
                partition by years.run_id, years.attempt
                order by years.fraction_of_attempt desc, years.year
            ) as share_rank
        from years
        inner join attempts using (run_id, attempt)
        left join
            wue
            on attempts.provider_code = wue.provider_code
            and attempts.region = wue.region
            and years.year = wue.year
    ),

    final as (
        select
            run_id,
            attempt,

            max(case when share_rank = 1 then water_resolution end) as water_resolution,
            max(case when share_rank = 1 then wue_year end) as wue_year,

            -- One year's figure as it stands, without the rounding of a mean.
            case
                when count(*) = 1
                then max(wue_l_per_kwh)
                else {{ exact_sum("fraction_of_attempt * wue_l_per_kwh") }}
            end as wue_l_per_kwh,
            max(case when share_rank = 1 then wue_age_years end) as wue_age_years,

            max(case when share_rank = 1 then water_source_id end) as water_source_id
        from years_matched
        group by run_id, attempt
        having count(wue_l_per_kwh) = count(*)
    )

select *
from final
