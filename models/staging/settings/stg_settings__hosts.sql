-- The configuration's hosts as known at the as-of time. One row per site and host type.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_settings__hosts") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = '_settings__hosts'
    ),

    final as (
        select
            landed.site_name,
            landed.host_type,
            landed.vcpus,
            landed.memory_gib,
            landed.cpu_model,
            landed.accelerator_model,
            landed.accelerator_count,
            landed.rated_w,

            deliveries.delivery_id
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final
