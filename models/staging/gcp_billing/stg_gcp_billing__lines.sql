-- Lines of Google Cloud's usage cost export, in the newest delivery of their day of
-- export. One row per line.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "gcp_billing__lines") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = 'gcp_billing__lines'
    ),

    final as (
        select
            landed.*,
            -- The invoice's month, which is Google's own by Pacific time.
            coalesce(
                cast(
                    concat(
                        left(landed.invoice_month, 4),
                        '-',
                        right(landed.invoice_month, 2),
                        '-01'
                    ) as date
                ),
                cast(
                    date_trunc(
                        'month', cast(landed.usage_start_time as timestamp)
                    ) as date
                )
            ) as billing_period_date,
            -- A multi-region (`us`, `europe`, `global`) has no region of its own.
            coalesce(landed.location_region, landed.location_location) as region,
            coalesce(landed.resource_global_name, landed.resource_name) as resource_id,
            nullif(
                regexp_extract(landed.resource_global_name, '/([^/]+)/[^/]+$', 1), ''
            ) as resource_type,
            deliveries.received_at_utc
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final
