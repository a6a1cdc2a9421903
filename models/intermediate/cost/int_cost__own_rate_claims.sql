-- What each run that the bill does not name takes of it, day by day of the bill. One
-- row
-- per run, text of the share, day, billing period, provider, account and currency.
with
    machine_lines as (select * from {{ ref("int_cost__machine_lines") }}),
    parts as (select * from {{ ref("int_cost__own_rate_parts") }}),

    pool_days as (
        select
            billing_period_date,
            provider_code,
            account_key,
            region,
            hardware_key,
            billing_currency,
            usage_date,
            sub_account_id,
            cast(sum(effective_cost_exact_left) as double) as effective_cost,
            cast(sum(billed_cost_exact_left) as double) as billed_cost
        from machine_lines
        where is_unallocated
        group by all
    ),

    pools as (
        select
            *,
            cast(
                sum(cast(effective_cost as decimal(38, 18))) over (
                    partition by
                        billing_period_date,
                        provider_code,
                        account_key,
                        region,
                        hardware_key,
                        billing_currency
                ) as double
            ) as pool_cost
        from pool_days
    ),

    final as (
        select
            parts.run_id,
            parts.share_text,
            pools.usage_date,
            pools.billing_period_date,
            pools.provider_code,
            pools.sub_account_id,
            pools.billing_currency,
            parts.price_per_hour,

            sum(
                cast(pools.effective_cost * parts.fraction_of_left as decimal(38, 18))
            ) as effective_cost_exact,
            sum(
                cast(pools.billed_cost * parts.fraction_of_left as decimal(38, 18))
            ) as billed_cost_exact,
            {{ exact_sum("parts.paid_hours * pools.effective_cost / pools.pool_cost") }}
            as paid_hours
        from parts
        inner join
            pools using (
                billing_period_date,
                provider_code,
                account_key,
                region,
                hardware_key,
                billing_currency
            )
        group by all
    )

select *
from final
