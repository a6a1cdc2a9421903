-- Runs + idle + unallocated + not_ml + shared = the bill, effective and billed, per
-- provider, period and currency.
with
    allocated as (
        select
            coalesce(provider, '') as provider,
            billing_period,
            cost_currency,
            sum(effective_cost) as effective_cost,
            sum(billed_cost) as billed_cost
        from {{ ref("fct_cost_allocation") }}
        group by all
    ),

    bill as (
        select
            coalesce(
                providers.provider_code, lower(charges.provider_name), ''
            ) as provider,
            charges.billing_period_date as billing_period,
            charges.billing_currency as cost_currency,
            cast(sum(charges.effective_cost_exact) as double) as effective_cost,
            cast(sum(charges.billed_cost_exact) as double) as billed_cost,
            cast(sum(abs(charges.effective_cost_exact)) as double) as effective_size,
            cast(sum(abs(charges.billed_cost_exact)) as double) as billed_size
        from {{ ref("int_billing__charges_daily") }} as charges
        left join
            {{ ref("providers") }} as providers
            on lower(charges.provider_name) = providers.provider_name_key
        group by all
    )

select bill.*
from bill
full outer join
    allocated
    on bill.provider = allocated.provider
    and bill.billing_period = allocated.billing_period
    and bill.cost_currency = allocated.cost_currency
where
    bill.provider is null
    or allocated.provider is null
    or abs(bill.effective_cost - allocated.effective_cost)
    > 1e-9 * (1e-6 + bill.effective_size)
    or abs(bill.billed_cost - allocated.billed_cost) > 1e-9 * (1e-6 + bill.billed_size)
