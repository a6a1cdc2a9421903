-- Power usage effectiveness over an attempt: that of its year, or of its years by the
-- time in each. The year with the most of its time gives the provenance. One row per
-- run and attempt whose place has a PUE in every year it ran in.
with
    years as (select * from {{ ref("int_runs__years") }}),
    attempts as (select * from {{ ref("int_runs__located") }}),
    pue as (select * from {{ ref("int_carbon__pue") }}),

    years_matched as (
        select
            years.*,
            pue.pue_ratio,
            pue.pue_resolution,
            pue.pue_year,
            pue.pue_age_years,
            pue.pue_source_id,
            row_number() over (
                partition by years.run_id, years.attempt
                order by years.fraction_of_attempt desc, years.year
            ) as share_rank
        from years
        inner join attempts using (run_id, attempt)
        left join
            pue
            on attempts.provider_code = pue.provider_code
            and attempts.region = pue.region
            and years.year = pue.year
    ),

    final as (
        select
            run_id,
            attempt,

            max(case when share_rank = 1 then pue_resolution end) as pue_resolution,
            max(case when share_rank = 1 then pue_year end) as pue_year,

            -- One year's figure as it stands, without the rounding of a mean.
            case
                when count(*) = 1
                then max(pue_ratio)
                else {{ exact_sum("fraction_of_attempt * pue_ratio") }}
            end as pue_ratio,
            max(case when share_rank = 1 then pue_age_years end) as pue_age_years,

            max(case when share_rank = 1 then pue_source_id end) as pue_source_id
        from years_matched
        group by run_id, attempt
        having count(pue_ratio) = count(*)
    )

select *
from final
