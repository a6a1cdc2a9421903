-- Billing months with a key of all that decides their rows of
-- int_billing__lines_claimed: deliveries, what runs claim, classes of SKUs, teams of
-- tags, names of places. As long as it stays, so do they. One row per billing period.
with
    charges as (select * from {{ ref("int_billing__resource_charges") }}),
    claims_daily as (select * from {{ ref("int_cost__claims_daily") }}),
    teams as (select * from {{ ref("int_cost__tag_teams") }}),
    classes as (select * from {{ ref("int_billing__sku_classes") }}),
    regions_named as (select * from {{ ref("int_carbon__regions_named") }}),

    parts as (
        select billing_period_date, delivery_id as part_text
        from charges
        group by billing_period_date, delivery_id
        union all
        select billing_period_date, {{ row_text("claims_daily") }} as part_text
        from claims_daily
        union all
        select charges.billing_period_date, {{ row_text("teams") }} as part_text
        from charges
        inner join teams on charges.tags_json = teams.tags_json
        group by all
        union all
        select charges.billing_period_date, {{ row_text("classes") }} as part_text
        from charges
        inner join classes on charges.sku_key = classes.sku_key
        group by all
        union all
        select charges.billing_period_date, {{ row_text("regions_named") }} as part_text
        from charges
        inner join
            regions_named
            on coalesce(charges.provider_name, '') = regions_named.told_provider
            and coalesce(charges.told_region, '') = regions_named.told_region
            and regions_named.told_zone = ''
        group by all
    ),

    final as (
        select billing_period_date, {{ group_key("part_text") }} as claimed_key
        from parts
        group by billing_period_date
    )

select *
from final
