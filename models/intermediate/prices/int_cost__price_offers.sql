-- Prices of whole machines on demand without a Windows licence: as a list tells them.
-- One row per delivery, offer and first day.
with
    list_prices as (select * from {{ ref("stg_prices__list_prices") }}),

    final as (
        select
            provider_code,
            region,
            instance_type,
            price_currency,

            valid_from_date,
            valid_to_date as told_to_date,
            received_at_utc,

            price_per_hour,

            price_source,
            concat(
                'list price: ',
                source_file,
                ' row ',
                source_row,
                coalesce(concat(', SKU ', sku_id), ''),
                ', from ',
                valid_from_date
            ) as origin
        from list_prices
        where
            component = 'machine'
            and term = 'on_demand'
            and coalesce(operating_system, 'linux') in ('linux', 'na')
            and price_per_hour is not null
    )

select *
from final
