-- The part of the unallocated machine-hours that runs take which the bill does not
-- name. One row per billing period, provider, account, region, type and currency.
with
    parts as (select * from {{ ref("int_cost__own_rate_parts") }}),

    final as (
        select
            billing_period_date,
            provider_code,
            account_key,
            region,
            hardware_key,
            billing_currency,

            {{ exact_sum("fraction_of_left") }} as taken_ratio
        from parts
        group by all
    )

select *
from final
