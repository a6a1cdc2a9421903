-- Every delivery of a factor table or of list prices known at the as-of time: a later
-- one adds to the earlier ones and hides none. One row per delivery.
with
    deliveries as (select * from {{ source("landing", "_deliveries") }}),

    final as (
        select
            delivery_id, dataset, cast(received_at_utc as timestamp) as received_at_utc
        from deliveries
        where
            (dataset like '#_factors#_#_%' escape '#' or dataset = 'prices__list')
            and cast(received_at_utc as timestamp) <= {{ as_of("factors") }}
    )

select *
from final
