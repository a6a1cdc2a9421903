-- Runs + idle + unallocated + not_ml + shared = the bill, per provider, period and
-- currency.
with
    allocated as (
        select
            provider,
            billing_period,
            cost_currency,
            sum(effective_cost) as effective_cost
        from {{ ref("fct_cost_allocation") }}
        group by all
    ),

    bill as (
        select
            provider,
            billing_period_date as billing_period,
            cost_currency,
            sum(effective_cost) as effective_cost,
            sum(abs(effective_cost)) as size
        from {{ ref("fct_billing_daily") }}
        group by all
    )

select bill.*
from bill
full outer join
    allocated
    on coalesce(bill.provider, '') = coalesce(allocated.provider, '')
    and bill.billing_period = allocated.billing_period
    and bill.cost_currency = allocated.cost_currency
where
    abs(coalesce(bill.effective_cost, 0) - coalesce(allocated.effective_cost, 0))
    > 1e-6 * (1e-6 + coalesce(bill.size, 0))
