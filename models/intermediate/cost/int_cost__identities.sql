-- What charges say of whose they are: their resource, what it runs inside of, their
-- tags; with the time that such charges span. A delivery that was read on an earlier
-- night is not read again. One row per delivery and combination.
{{
    config(
        materialized="incremental" if target.type == "duckdb" else "table",
        incremental_strategy="append",
        pre_hook="{{ forget_old_deliveries(this, ref('int_billing__deliveries')) }}",
    )
}}
{% set deliveries = ref("int_billing__deliveries") %}
with
    charges as (select * from {{ ref("int_billing__resource_charges") }}),

    charges_new as (
        select *
        from charges
        where {{ is_new_delivery("delivery_id", this, deliveries) }}
    ),

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
        from charges_new
        where
            charge_category = 'Usage'
            and coalesce(resource_id, resource_name, nullif(tags_json, '{}'))
            is not null
        group by all
    )

select *
from final
