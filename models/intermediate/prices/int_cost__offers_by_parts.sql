-- Google's machine types at the sum of their parts' prices, where every part has one
-- and nothing else is in the machine. One row per region, machine type, currency and
-- day from which one of the parts has a new price.
with
    type_parts as (select * from {{ ref("int_cost__machine_type_parts") }}),
    part_prices as (select * from {{ ref("int_cost__part_prices") }}),

    days as (
        select
            type_parts.instance_type,
            part_prices.region,
            part_prices.price_currency,
            part_prices.valid_from_date
        from type_parts
        inner join
            part_prices
            on type_parts.instance_type_like = part_prices.instance_type_like
            and type_parts.component = part_prices.component
        group by all
    ),

    parts_of_days as (
        select
            days.*,
            type_parts.parts_needed,
            type_parts.units * part_prices.price_per_hour as part_price_per_hour,
            concat(type_parts.units, ' ', type_parts.component) as part_text,
            part_prices.sku_id,
            part_prices.received_at_utc,
            row_number() over (
                partition by
                    days.instance_type,
                    days.region,
                    days.price_currency,
                    days.valid_from_date,
                    type_parts.component
                order by part_prices.valid_from_date desc
            ) as newest_rank
        from days
        inner join type_parts on days.instance_type = type_parts.instance_type
        inner join
            part_prices
            on type_parts.instance_type_like = part_prices.instance_type_like
            and type_parts.component = part_prices.component
            and days.region = part_prices.region
            and days.price_currency = part_prices.price_currency
            and part_prices.valid_from_date <= days.valid_from_date
    ),

    final as (
        select
            'gcp' as provider_code,
            region,
            instance_type,
            price_currency,

            valid_from_date,
            cast(null as date) as told_to_date,
            max(received_at_utc) as received_at_utc,

            {{ exact_sum("part_price_per_hour", 12) }} as price_per_hour,

            'gcp_catalogue' as price_source,
            concat(
                'list price: ',
                {{
                    joined_text(
                        "concat(part_text, ' at SKU ', sku_id)", "part_text, sku_id"
                    )
                }},
                ', from ',
                valid_from_date
            ) as origin
        from parts_of_days
        where newest_rank = 1
        group by region, instance_type, price_currency, valid_from_date, parts_needed
        having count(*) = parts_needed
    )

select *
from final
