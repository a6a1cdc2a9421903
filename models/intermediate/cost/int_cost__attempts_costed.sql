-- Attempts of which some rung tells what their machine cost, in every month that they
-- were in. One row per run and attempt.
with
    attempts_billed as (select * from {{ ref("int_cost__attempts_billed") }}),
    attempts_unbilled as (select * from {{ ref("int_cost__attempts_unbilled") }}),
    own_rate_parts as (select * from {{ ref("int_cost__own_rate_parts") }}),
    list_parts as (select * from {{ ref("int_cost__list_parts") }}),
    site_rates as (select * from {{ ref("int_cost__site_rates") }}),

    months_priced as (
        select run_id, attempt, billing_period_date
        from own_rate_parts
        union
        select run_id, attempt, billing_period_date
        from list_parts
    ),

    attempts_priced as (
        select attempts_unbilled.run_id, attempts_unbilled.attempt
        from attempts_unbilled
        left join months_priced using (run_id, attempt, billing_period_date)
        group by attempts_unbilled.run_id, attempts_unbilled.attempt
        having min(case when months_priced.run_id is not null then 1 else 0 end) = 1
    ),

    final as (
        select run_id, attempt
        from attempts_billed
        union
        select run_id, attempt
        from attempts_priced
        union
        select run_id, attempt
        from site_rates
        where effective_cost is not null
    )

select *
from final
