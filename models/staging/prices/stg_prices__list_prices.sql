-- List prices of machines and of their parts, by the hour: every one that was landed
-- and known at the as-of time; a later list adds to the earlier ones and hides none.
-- One row per delivery and offer.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "prices__list") }}
    ),
    deliveries as (select * from {{ ref("stg_factors__deliveries") }}),
    providers as (select * from {{ ref("providers") }}),
    units as (select * from {{ ref("consumed_units") }}),

    final as (
        select
            coalesce(providers.provider_code, lower(landed.provider)) as provider_code,
            lower(landed.region) as region,
            landed.component,
            lower(landed.instance_type) as instance_type,
            lower(landed.operating_system) as operating_system,
            landed.term,
            landed.sku_id,
            lower(landed.description) as sku_text,
            landed.currency as price_currency,

            -- A list that does not say since when holds from the day it came.
            cast(
                coalesce(
                    cast(landed.effective_from as timestamp), deliveries.received_at_utc
                ) as date
            ) as valid_from_date,
            cast(cast(landed.effective_to as timestamp) as date) as valid_to_date,

            -- Null where the unit is no time of what the price is of.
            case
                when landed.component = 'memory' and units.dimension = 'gb_hours'
                then
                    cast(landed.price as double)
                    * gib_hours.factor
                    / units.factor
                    / {{ units_in_block("lower(landed.unit)") }}
                when landed.component <> 'memory' and units.dimension = 'hours'
                then
                    cast(landed.price as double)
                    / units.factor
                    / {{ units_in_block("lower(landed.unit)") }}
            end as price_per_hour,
            landed.unit as told_unit,

            landed.price_source,
            landed.source_file,
            landed.source_row,
            deliveries.delivery_id,
            deliveries.received_at_utc
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
        left join providers on lower(landed.provider) = providers.provider_name_key
        left join units on {{ unit_of_block("lower(landed.unit)") }} = units.unit_key
        left join units as gib_hours on gib_hours.unit_key = 'gib-hours'
    )

select *
from final
