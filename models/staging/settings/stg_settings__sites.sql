-- The configuration's sites as known at the as-of time. One row per site.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_settings__sites") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = '_settings__sites'
    ),

    final as (
        select
            landed.site_name,
            landed.grid_zone as grid_zone_id,
            landed.intensity_g_per_kwh,
            landed.pue as pue_ratio,
            landed.wue_l_per_kwh,
            landed.price_per_device_hour,
            landed.price_per_vcpu_hour,
            landed.price_currency,

            deliveries.delivery_id
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final
