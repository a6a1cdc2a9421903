-- Billing rows in FOCUS, our names and units. One row per charge.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "focus__charges") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = 'focus__charges'
    ),

    final as (
        select {{ focus_charges("focus") }}
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final
