-- Deliveries of bills that are read. One row per delivery.
with
    deliveries as (select * from {{ ref("stg_landing__deliveries") }}),

    final as (
        select delivery_id
        from deliveries
        where
            dataset in (
                'focus__charges',
                'azure__charges',
                'aws_cur__lines',
                'gcp_billing__lines',
                'gcp_billing__focus'
            )
    )

select *
from final
