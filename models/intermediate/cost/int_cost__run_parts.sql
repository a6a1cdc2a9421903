-- What each run costs, part by part, by the rung that tells it: in the currency of the
-- bill or the price. One row per run, rung, resource, text of the share, day and
-- currency; and price.
with
    claimed_parts as (select * from {{ ref("int_cost__claimed_parts") }}),
    own_rate_claims as (select * from {{ ref("int_cost__own_rate_claims") }}),
    list_parts as (select * from {{ ref("int_cost__list_parts") }}),
    site_rates as (select * from {{ ref("int_cost__site_rates") }}),

    final as (
        select
            run_id,
            cost_method,
            resource_id,
            share_text,
            usage_date,
            billing_currency as part_currency,

            cast(sum(effective_cost_exact) as double) as part_cost,
            cast(sum(whole_cost_exact) as double) as whole_cost,
            {{ exact_sum("part_hours") }} as part_hours,
            {{ exact_sum("whole_hours") }} as whole_hours,
            cast(null as double) as price_per_hour,

            min(one_line) as cost_origin,
            cast(sum(charge_rows) as bigint) as charge_rows
        from claimed_parts
        group by
            run_id, cost_method, resource_id, share_text, usage_date, billing_currency
        union all
        select
            run_id,
            'own_rate' as cost_method,
            '' as resource_id,
            share_text,
            usage_date,
            billing_currency as part_currency,
            cast(sum(effective_cost_exact) as double) as part_cost,
            cast(null as double) as whole_cost,
            {{ exact_sum("paid_hours") }} as part_hours,
            cast(null as double) as whole_hours,
            price_per_hour,

            'unallocated machine-hours of the bill' as cost_origin,
            cast(0 as bigint) as charge_rows
        from own_rate_claims
        group by run_id, share_text, usage_date, billing_currency, price_per_hour
        union all
        select
            run_id,
            'list_price' as cost_method,
            '' as resource_id,
            share_text,
            usage_date,
            price_currency as part_currency,
            {{ exact_sum("effective_cost") }} as part_cost,
            cast(null as double) as whole_cost,
            {{ exact_sum("instance_hours") }} as part_hours,
            cast(null as double) as whole_hours,
            price_per_instance_hour as price_per_hour,

            min(origin) as cost_origin,
            cast(0 as bigint) as charge_rows
        from list_parts
        group by run_id, share_text, usage_date, price_currency, price_per_instance_hour
        union all
        select
            run_id,
            'site_rate' as cost_method,
            '' as resource_id,
            'the site''s price' as share_text,
            usage_date,
            price_currency as part_currency,
            {{ exact_sum("effective_cost") }} as part_cost,
            cast(null as double) as whole_cost,
            {{ exact_sum("priced_hours") }} as part_hours,
            cast(null as double) as whole_hours,
            price as price_per_hour,

            min(cost_origin) as cost_origin,
            cast(0 as bigint) as charge_rows
        from site_rates
        where effective_cost is not null
        group by run_id, usage_date, price_currency, price
    )

select *
from final
