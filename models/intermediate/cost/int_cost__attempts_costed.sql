-- Attempts whose machine some rung tells the cost of. One row per run and attempt.
with
    attempts_billed as (select * from {{ ref("int_cost__attempts_billed") }}),
    site_rates as (select * from {{ ref("int_cost__site_rates") }}),

    final as (
        select run_id, attempt
        from attempts_billed
        union
        select run_id, attempt
        from site_rates
        where effective_cost is not null
    )

select *
from final
