-- The organisation's own price of an instance-hour, from all its machine-hours, and
-- what of these is unallocated. One row per billing period, provider, account, region,
-- type and currency.
with
    machine_lines as (select * from {{ ref("int_cost__machine_lines") }}),

    lines_summed as (
        select
            billing_period_date,
            provider_code,
            account_key,
            region,
            hardware_key,
            billing_currency,

            sum(effective_cost_exact_in_all) as cost_in_all,
            {{ exact_sum("hours_in_all", 12) }} as hours_in_all,
            sum(
                case when is_unallocated then effective_cost_exact_left else 0 end
            ) as cost_left,
            {{ exact_sum("case when is_unallocated then hours_left else 0.0 end", 12) }}
            as hours_left
        from machine_lines
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
            hours_left
        from lines_summed
        where hours_in_all > 0 and cost_in_all > 0 and cost_left > 0 and hours_left > 0
    )

select *
from final
