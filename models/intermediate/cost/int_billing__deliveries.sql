-- Deliveries of bills that are read, with the keys by which tags tell a team: as long
-- as both stay, so do a delivery's charges by day. One row per delivery.
with
    deliveries as (select * from {{ ref("stg_landing__deliveries") }}),
    tag_keys as (select * from {{ ref("int_settings__tag_keys") }}),

    owner_keys as (
        select
            coalesce(
                {{
                    joined_text(
                        "concat(tag_kind, ' ', tag_key)",
                        "tag_kind, tag_rank, tag_key",
                    )
                }},
                ''
            ) as owner_keys
        from tag_keys
        where tag_kind in ('team', 'project')
    ),

    final as (
        select deliveries.delivery_id, owner_keys.owner_keys
        from deliveries
        cross join owner_keys
        where
            deliveries.dataset in (
                'focus__charges',
                'azure__charges',
                'aws_cur__lines',
                'gcp_billing__lines',
                'gcp_billing__focus'
            )
    )

select *
from final
