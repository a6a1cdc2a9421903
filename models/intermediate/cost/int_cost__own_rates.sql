-- The organisation's own price of an instance-hour, from all its machine-hours, and
-- what of these is unallocated. One row per billing period, provider, account, region,
-- type and currency.
with
    lines_claimed as (select * from {{ ref("int_billing__lines_claimed") }}),

    lines_summed as (
        select
            billing_period_date,
            provider_code,
            account_key,
            coalesce(region, '') as region,
            hardware_key,
            billing_currency,

            sum(effective_cost_exact) as cost_in_all,
            {{ exact_sum("hardware_hours", 12) }} as hours_in_all,
            sum(
                case when is_unclaimed_machine then effective_cost_exact else 0 end
            ) as cost_left,
            sum(
                case when is_unclaimed_machine then billed_cost_exact else 0 end
            ) as billed_cost_left,
            {{
                exact_sum(
                    "case when is_unclaimed_machine then hardware_hours else 0.0 end",
                    12,
                )
            }} as hours_left
        from lines_claimed
        where hardware_key is not null
        group by all
    ),

    final as (
        select
            billing_period_date,
            provider_code,
            account_key,
            region,
            hardware_key,
            billing_currency,

            cast(cost_in_all as double) / hours_in_all as price_per_hour,
            cast(cost_left as double) as cost_left,
            cast(billed_cost_left as double) as billed_cost_left,
            hours_left
        from lines_summed
        where hours_in_all > 0 and cost_in_all > 0 and cost_left > 0 and hours_left > 0
    )

select *
from final
