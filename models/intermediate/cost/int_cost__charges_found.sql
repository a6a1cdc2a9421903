-- The few charges that runs may claim, one by one: usage, with corrections of it; no
-- commitment that was not used. A delivery of which the same is wanted as on an earlier
-- night is not read again. One row per charge.
{{
    config(
        materialized="incremental" if target.type == "duckdb" else "table",
        incremental_strategy="append",
        pre_hook="{{ forget_old_parts(this, ref('int_cost__deliveries_wanted'), ['delivery_id', 'wanted_key']) }}",
    )
}}
{% set wanted = ref("int_cost__deliveries_wanted") %}
with
    charges as (select * from {{ ref("int_billing__charges") }}),
    identities as (select * from {{ ref("int_cost__identities_wanted") }}),
    deliveries as (select * from {{ wanted }}),

    charges_found as (
        select charges.*
        from charges
        inner join
            identities
            on charges.delivery_id = identities.delivery_id
            and coalesce(charges.resource_id, '') = identities.resource_id
            and coalesce(charges.tags_json, '') = identities.tags_json
            and charges.charge_start_at_utc < identities.wanted_to_utc
            and charges.charge_end_at_utc > identities.wanted_from_utc
        where
            {{
                is_new_part(
                    "charges.delivery_id", this, wanted, ["delivery_id", "wanted_key"]
                )
            }}
            and charges.charge_category = 'Usage'
            and coalesce(charges.commitment_discount_status, '') <> 'Unused'
    ),

    charges_parted as (
        select
            {{ charge_columns() }},

            charge_start_at_utc,
            charge_end_at_utc,
            consumed_quantity,
            effective_cost,
            billed_cost,
            list_cost,
            x_split_effective_cost,
            x_split_unused_cost,

            source_name,
            source_file,
            source_row
        from charges_found
    ),

    final as (
        select
            charges_parted.*,
            {{ sku_key("charges_parted") }} as sku_key,
            deliveries.wanted_key
        from charges_parted
        inner join deliveries on charges_parted.delivery_id = deliveries.delivery_id
    )

select *
from final
