-- Grid intensity from files that the user brings, our names and units. One row per
-- delivery, zone, interval, signal and accounting.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "intensity_file__intensity") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = 'intensity_file__intensity'
    ),

    final as (
        select
            landed.grid_zone as grid_zone_id,

            cast(landed.from_at_utc as timestamp) as from_at_utc,
            cast(landed.to_at_utc as timestamp) as to_at_utc,

            'intensity_file' as source_name,
            landed.signal,
            landed.accounting,
            landed.basis,
            landed.is_estimated,
            landed.estimation_method,
            landed.is_final,

            landed.intensity_g_per_kwh,

            landed.source_version,
            cast(landed.published_at_utc as timestamp) as published_at_utc,
            landed.source_file,
            landed.source_row,
            deliveries.delivery_id,
            deliveries.received_at_utc
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final
