-- What nights restated in months published before, and why; of what came after a
-- version, the newest. One row per version before, month, metric, unit and cause.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_restatements") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = '_restatements'
    ),

    final as (
        select
            landed.from_version,
            landed.to_version,

            landed.month,
            cast(landed.from_as_of_utc as timestamp) as from_as_of_utc,
            cast(landed.to_as_of_utc as timestamp) as to_as_of_utc,

            landed.metric,
            landed.unit,
            landed.cause,
            landed.cause_number,

            landed.before,
            landed.after,
            landed.change,
            landed.runs,

            deliveries.delivery_id
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final
