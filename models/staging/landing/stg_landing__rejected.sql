-- Rows refused by their contract, in the current deliveries. One row per rejected row
-- or file.
with
    rejected as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_rejected") }}
    ),
    deliveries as (select * from {{ ref("stg_landing__deliveries") }}),

    final as (
        select
            deliveries.delivery_id,
            deliveries.source,
            deliveries.dataset,
            rejected.source_file,
            rejected.source_row,

            deliveries.received_at_utc,

            rejected.field,
            rejected.reason,
            rejected.detail
        from rejected
        inner join deliveries on rejected.delivery_id = deliveries.delivery_id
    )

select *
from final
