-- Google Cloud's bill as Google itself says it in FOCUS, our names and units.
-- One row per charge.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "gcp_billing__focus") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = 'gcp_billing__focus'
    ),

    final as (
        select
            {{
                focus_charges(
                    "gcp_billing",
                    "cast(date_trunc('month', cast(landed.billingperiodstart as timestamp)) as date)",
                )
            }}
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final
