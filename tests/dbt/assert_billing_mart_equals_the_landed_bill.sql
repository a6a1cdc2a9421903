-- Not a cent of the bill is created or lost, per provider, billing period and currency.
with
    landed as (
        select
            coalesce(
                providers.provider_code, lower(charges.provider_name), ''
            ) as provider,
            charges.billing_period_date,
            charges.billing_currency as cost_currency,
            count(*) as line_rows,
            sum(charges.effective_cost) as effective_cost,
            sum(charges.billed_cost) as billed_cost
        from {{ ref("int_billing__charges") }} as charges
        left join
            {{ ref("providers") }} as providers
            on lower(charges.provider_name) = providers.provider_name_key
        group by all
    ),

    published as (
        select
            coalesce(provider, '') as provider,
            billing_period_date,
            cost_currency,
            sum(line_rows) as line_rows,
            sum(effective_cost) as effective_cost,
            sum(billed_cost) as billed_cost,
            sum(abs(effective_cost)) + sum(abs(billed_cost)) as size
        from {{ ref("fct_billing_daily") }}
        group by all
    )

select landed.*
from landed
full outer join
    published
    on landed.provider = published.provider
    and landed.billing_period_date = published.billing_period_date
    and landed.cost_currency = published.cost_currency
where
    coalesce(landed.line_rows, 0) <> coalesce(published.line_rows, 0)
    or abs(
        cast(coalesce(landed.effective_cost, 0) as double)
        - coalesce(published.effective_cost, 0)
    )
    > 1e-9 * (1 + coalesce(published.size, 0))
    or abs(
        cast(coalesce(landed.billed_cost, 0) as double)
        - coalesce(published.billed_cost, 0)
    )
    > 1e-9 * (1 + coalesce(published.size, 0))
