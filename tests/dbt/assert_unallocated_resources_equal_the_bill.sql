-- The resources on no run come to what the bill has unallocated, effective and billed,
-- per provider, period and currency.
with
    resources as (
        select
            coalesce(provider, '') as provider,
            billing_period_date,
            cost_currency,
            sum(effective_cost) as effective_cost,
            sum(billed_cost) as billed_cost
        from {{ ref("fct_unallocated_resources") }}
        group by all
    ),

    bill as (
        select
            coalesce(provider, '') as provider,
            billing_period_date,
            cost_currency,
            sum(effective_cost) as effective_cost,
            sum(billed_cost) as billed_cost,
            sum(abs(effective_cost)) + sum(abs(billed_cost)) as size
        from {{ ref("fct_billing_daily") }}
        where allocation = 'unallocated'
        group by all
    )

select
    coalesce(bill.provider, resources.provider) as provider,
    coalesce(
        bill.billing_period_date, resources.billing_period_date
    ) as billing_period_date,
    coalesce(bill.cost_currency, resources.cost_currency) as cost_currency,
    bill.effective_cost as effective_cost_of_bill,
    resources.effective_cost as effective_cost_of_resources
from bill
full outer join
    resources
    on bill.provider = resources.provider
    and bill.billing_period_date = resources.billing_period_date
    and bill.cost_currency = resources.cost_currency
where
    abs(coalesce(bill.effective_cost, 0) - coalesce(resources.effective_cost, 0))
    > 1e-9 * (1e-3 + coalesce(bill.size, 0))
    or abs(coalesce(bill.billed_cost, 0) - coalesce(resources.billed_cost, 0))
    > 1e-9 * (1e-3 + coalesce(bill.size, 0))
