-- The exchange rate of each day that a run's cost needs: the one that holds on that day
-- and was published last. One row per currency and day that has one.
with
    run_parts as (select * from {{ ref("int_cost__run_parts") }}),
    rates as (select * from {{ ref("int_cost__exchange_rates") }}),

    days as (
        select part_currency as currency, usage_date
        from run_parts
        group by part_currency, usage_date
    ),

    rates_ranked as (
        select
            days.currency,
            days.usage_date,
            rates.rate,
            rates.rate_origin,
            row_number() over (
                partition by days.currency, days.usage_date
                order by
                    rates.published_on desc,
                    rates.is_inverse,
                    rates.valid_from_date desc,
                    rates.rate_origin
            ) as preference
        from days
        inner join
            rates
            on days.currency = rates.currency
            and days.usage_date >= rates.valid_from_date
            and days.usage_date < rates.valid_to_date
    )

select currency, usage_date, rate, rate_origin
from rates_ranked
where preference = 1
