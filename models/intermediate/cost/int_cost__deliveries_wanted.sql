-- Deliveries of bills that have charges which runs may claim, with a key of which these
-- are: as long as it stays, so do they. One row per delivery.
with
    identities as (select * from {{ ref("int_cost__identities_wanted") }}),

    identities_keyed as (
        select
            delivery_id,
            md5(
                concat_ws('|', resource_id, tags_json, wanted_from_utc, wanted_to_utc)
            ) as identity_key
        from identities
    ),

    final as (
        select
            delivery_id,
            md5({{ joined_text("identity_key", "identity_key") }}) as wanted_key
        from identities_keyed
        group by delivery_id
    )

select *
from final
