-- The configuration's contracts for electricity as known at the as-of time. One row per
-- contract and place it is for.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_settings__contracts") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = '_settings__contracts'
    ),

    final as (
        select
            landed.contract_name,
            landed.applies_to,
            landed.place,

            landed.kind as contract_kind,
            cast(landed.valid_from as timestamp) as valid_from_utc,
            cast(landed.valid_to as timestamp) as valid_to_utc,

            landed.volume_kwh,
            landed.intensity_g_per_kwh,

            landed.evidence,
            deliveries.delivery_id
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final
