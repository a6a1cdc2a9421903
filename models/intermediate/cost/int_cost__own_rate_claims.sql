-- What each run that the bill does not name takes of it. One row per run, text of the
-- share, its first day in the month, billing period, provider, account, currency and
-- price.
with
    parts as (select * from {{ ref("int_cost__own_rate_parts") }}),
    rates as (select * from {{ ref("int_cost__own_rates") }}),

    final as (
        select
            parts.run_id,
            parts.share_text,
            parts.first_date as usage_date,
            rates.billing_period_date,
            rates.provider_code,
            nullif(rates.account_key, '') as sub_account_id,
            rates.billing_currency,
            rates.price_per_hour,

            sum(
                cast(rates.cost_left * parts.fraction_of_left as decimal(38, 18))
            ) as effective_cost_exact,
            sum(
                cast(rates.billed_cost_left * parts.fraction_of_left as decimal(38, 18))
            ) as billed_cost_exact,
            {{ exact_sum("parts.paid_hours") }} as paid_hours
        from parts
        inner join
            rates using (
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
