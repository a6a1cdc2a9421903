-- The bill by period and by whom it belongs to; Σ over allocations = the bill. In the
-- billing currency. One row per billing period, provider, sub-account, allocation, run
-- and currency.
with
    daily as (select * from {{ ref("fct_billing_daily") }}),
    billed as (select * from {{ ref("int_cost__billed_resources") }}),

    parts as (
        select
            billed.billing_period_date as billing_period,
            billed.provider_code as provider,
            billed.sub_account_id,
            'run' as allocation,
            billed.run_id,
            'billed_resource' as cost_method,
            billed.effective_cost_exact,
            billed.billing_currency as cost_currency
        from billed
        union all
        select
            daily.billing_period_date as billing_period,
            daily.provider,
            daily.sub_account_id,
            daily.allocation,
            cast(null as string) as run_id,
            cast(null as string) as cost_method,
            cast(daily.effective_cost as decimal(38, 18)) as effective_cost_exact,
            daily.cost_currency
        from daily
        where daily.allocation <> 'run'
    ),

    final as (
        select
            billing_period,
            provider,
            sub_account_id,
            allocation,
            run_id,
            cost_method,

            cast(sum(effective_cost_exact) as double) as effective_cost,
            cost_currency
        from parts
        group by all
    )

select *
from final
