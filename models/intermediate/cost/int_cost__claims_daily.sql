-- What runs claim of the bill, added up like int_billing__charges_daily. One row per
-- day
-- and combination of the keys.
with
    claims as (select * from {{ ref("int_cost__claims") }}),

    final as (
        select
            {{ bill_line_columns() }},

            count(*) as line_rows,
            sum(cast(consumed_quantity as decimal(38, 12))) as consumed_quantity_exact,
            sum(effective_cost) as effective_cost_exact,
            sum(billed_cost) as billed_cost_exact,
            sum(list_cost) as list_cost_exact
        from claims
        group by all
    )

select *
from final
