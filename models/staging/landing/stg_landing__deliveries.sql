-- The newest delivery of each scope known at the as-of time of its kind of knowledge.
-- One row per dataset and scope.
with
    deliveries as (select * from {{ source("landing", "_deliveries") }}),

    deliveries_known as (
        select
            delivery_id,
            dataset,
            scope,
            source,
            instance,
            cast(received_at_utc as timestamp) as received_at_utc,
            rows_in,
            rows_landed,
            rows_rejected,
            code_version
        from deliveries
        where cast(received_at_utc as timestamp) <= {{ as_of_dataset("dataset") }}
    ),

    deliveries_ranked as (
        select
            *,
            min(received_at_utc) over (
                partition by dataset, scope
            ) as first_received_at_utc,
            row_number() over (
                partition by dataset, scope
                order by received_at_utc desc, delivery_id desc
            ) as newest_rank
        from deliveries_known
    ),

    final as (
        select
            delivery_id,
            dataset,
            scope,
            source,
            instance,

            received_at_utc,
            first_received_at_utc,

            rows_in,
            rows_landed,
            rows_rejected,

            code_version
        from deliveries_ranked
        where newest_rank = 1
    )

select *
from final
