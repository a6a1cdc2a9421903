-- What runs and their idle machines claim of the bill, added up by day. One row per
-- day, allocation and combination of the bill's keys.
with
    claims as (select * from {{ ref("int_cost__claims") }}),
    teams as (select * from {{ ref("int_cost__tag_teams") }}),

    final as (
        select
            {{ bill_line_keys() }},
            allocation,

            sum(line_rows) as line_rows,
            sum(consumed_quantity_claimed) as consumed_quantity_exact,
            sum(effective_cost_claimed) as effective_cost_exact,
            sum(billed_cost_claimed) as billed_cost_exact,
            sum(list_cost_claimed) as list_cost_exact
        from claims
        left join teams on claims.tags_json = teams.tags_json
        group by all
    )

select *
from final
