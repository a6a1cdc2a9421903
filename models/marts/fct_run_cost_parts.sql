-- What each run's cost is made of: the rung that tells each part, the resource, how the
-- share came about, and the exchange rate. One row per run and part.
with
    parts as (select * from {{ ref("int_cost__run_parts_converted") }}),

    parts_summed as (
        select
            run_id,
            cost_method,
            resource_id,
            share_text,
            part_currency,
            reporting_currency,
            price_per_hour,

            min(usage_date) as first_usage_date,
            max(usage_date) as last_usage_date,
            {{ exact_sum("part_hours") }} as part_hours,
            {{ exact_sum("whole_hours") }} as whole_hours,
            {{ exact_sum("whole_cost") }} as whole_cost,
            {{ exact_sum("part_cost") }} as part_cost,
            case
                when count(effective_cost) = count(*)
                then {{ exact_sum("effective_cost") }}
            end as effective_cost,
            min(rate_origin) as rate_origin,
            min(cost_origin) as cost_origin,
            sum(charge_rows) as charge_rows
        from parts
        group by
            run_id,
            cost_method,
            resource_id,
            share_text,
            part_currency,
            reporting_currency,
            price_per_hour
    ),

    final as (
        select
            run_id,
            cast(
                row_number() over (
                    partition by run_id
                    order by
                        effective_cost desc nulls last,
                        cost_method,
                        resource_id,
                        share_text,
                        part_currency,
                        price_per_hour
                ) as bigint
            ) as part_number,

            cost_method,
            cost_method in ('site_rate', 'list_price') as is_imputed,
            resource_id,
            share_text,
            first_usage_date,
            last_usage_date,

            part_hours,
            whole_hours,
            whole_cost,
            price_per_hour,
            part_cost,
            part_currency,
            effective_cost,
            reporting_currency as cost_currency,
            cast(effective_cost / nullif(part_cost, 0) as double) as exchange_rate,

            rate_origin,
            cost_origin,
            cast(charge_rows as bigint) as charge_rows
        from parts_summed
    )

select *
from final
