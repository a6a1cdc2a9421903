-- What each run that the bill does not name takes of it. One row per run, text of the
-- share, its first day in the month, billing period, provider, account, currency and
-- price.
with
    machine_lines as (select * from {{ ref("int_cost__machine_lines") }}),
    parts as (select * from {{ ref("int_cost__own_rate_parts") }}),

    pools as (
        select
            billing_period_date,
            provider_code,
            account_key,
            region,
            hardware_key,
            billing_currency,
            max(sub_account_id) as sub_account_id,
            cast(sum(effective_cost_exact_left) as double) as effective_cost,
            cast(sum(billed_cost_exact_left) as double) as billed_cost
        from machine_lines
        where is_unallocated
        group by
            billing_period_date,
            provider_code,
            account_key,
            region,
            hardware_key,
            billing_currency
    ),

    final as (
        select
            parts.run_id,
            parts.share_text,
            parts.first_date as usage_date,
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
            {{ exact_sum("parts.paid_hours") }} as paid_hours
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
