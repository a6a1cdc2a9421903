-- What charges say of whose they are: their resource, what it runs inside of, their
-- tags; with the time that such charges span. One row per delivery and combination.
with
    charges as (select * from {{ ref("int_billing__resource_charges") }}),

    final as (
        select
            delivery_id,
            provider_name,
            told_region,
            resource_id,
            resource_name,
            parent_resource_id,
            tags_json,

            min(first_start_at_utc) as first_start_at_utc,
            max(last_end_at_utc) as last_end_at_utc
        from charges
        where
            charge_category = 'Usage'
            and coalesce(resource_id, resource_name, nullif(tags_json, '{}'))
            is not null
        group by all
    )

select *
from final
