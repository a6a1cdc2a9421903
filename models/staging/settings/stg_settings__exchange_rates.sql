-- The configuration's exchange rates as known at the as-of time. One row per pair of
-- currencies, first day and publication.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_settings__exchange_rates") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = '_settings__exchange_rates'
    ),

    final as (
        select
            landed.from_currency,
            landed.to_currency,
            landed.valid_from as valid_from_date,
            landed.valid_to as valid_to_date,
            landed.published_on,

            landed.rate,

            landed.source as rate_source,
            landed.source_row,
            deliveries.delivery_id
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final
