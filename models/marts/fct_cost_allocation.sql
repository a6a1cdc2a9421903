-- The bill by period and by whom it belongs to; Σ over allocations = the bill,
-- effective and billed. In the billing currency. One row per billing period, provider,
-- sub-account, allocation, run, rung and currency.
with
    daily as (select * from {{ ref("fct_billing_daily") }}),
    claimed_parts as (select * from {{ ref("int_cost__claimed_parts") }}),
    own_rate_claims as (select * from {{ ref("int_cost__own_rate_claims") }}),

    parts as (
        select
            billing_period_date as billing_period,
            provider_code as provider,
            sub_account_id,
            'run' as allocation,
            run_id,
            cost_method,
            effective_cost_exact,
            billed_cost_exact,
            billing_currency as cost_currency
        from claimed_parts
        union all
        select
            billing_period_date as billing_period,
            provider_code as provider,
            sub_account_id,
            'run' as allocation,
            run_id,
            'own_rate' as cost_method,
            effective_cost_exact,
            billed_cost_exact,
            billing_currency as cost_currency
        from own_rate_claims
        union all
        select
            billing_period_date as billing_period,
            provider,
            sub_account_id,
            allocation,
            cast(null as string) as run_id,
            cast(null as string) as cost_method,
            cast(effective_cost as decimal(38, 18)) as effective_cost_exact,
            cast(billed_cost as decimal(38, 18)) as billed_cost_exact,
            cost_currency
        from daily
        where allocation <> 'run'
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
            cost_currency,
            cast(sum(billed_cost_exact) as double) as billed_cost
        from parts
        group by all
    )

select *
from final
