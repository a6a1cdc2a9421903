-- The organisation's own rules of what a line of the bill pays for, as known at the
-- as-of time. One row per rule.
with
    landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_settings__line_rules") }}
    ),
    deliveries as (
        select *
        from {{ ref("stg_landing__deliveries") }}
        where dataset = '_settings__line_rules'
    ),

    final as (
        select {{ line_rule_columns("landed") }}, landed.note, deliveries.delivery_id
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
    )

select *
from final
