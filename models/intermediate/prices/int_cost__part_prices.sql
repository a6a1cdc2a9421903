-- What a vCPU, a GiB of memory or an accelerator of Google's machine types costs by the
-- hour on demand; of prices from one day the one received last counts, two at once are
-- none. One row per pattern of machine types, part, region, currency and first day.
with
    list_prices as (select * from {{ ref("stg_prices__list_prices") }}),
    machine_parts as (select * from {{ ref("gcp_machine_parts") }}),

    offers as (
        select
            machine_parts.instance_type_like,
            machine_parts.component,
            list_prices.region,
            list_prices.price_currency,
            list_prices.valid_from_date,
            list_prices.received_at_utc,
            list_prices.price_per_hour,
            list_prices.sku_id,
            max(list_prices.received_at_utc) over (
                partition by
                    machine_parts.instance_type_like,
                    machine_parts.component,
                    list_prices.region,
                    list_prices.price_currency,
                    list_prices.valid_from_date
            ) as last_received_at_utc
        from list_prices
        inner join
            machine_parts
            on list_prices.component = machine_parts.component
            and list_prices.sku_text like machine_parts.sku_text_like
        where
            list_prices.provider_code = 'gcp'
            and list_prices.term = 'on_demand'
            and list_prices.price_per_hour is not null
    ),

    final as (
        select
            instance_type_like,
            component,
            region,
            price_currency,
            valid_from_date,

            max(received_at_utc) as received_at_utc,

            max(price_per_hour) as price_per_hour,

            min(sku_id) as sku_id
        from offers
        where received_at_utc = last_received_at_utc
        group by instance_type_like, component, region, price_currency, valid_from_date
        having min(price_per_hour) = max(price_per_hour)
    )

select *
from final
