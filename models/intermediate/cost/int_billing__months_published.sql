-- Billing months with a key of all that decides their published rows: the lines and
-- whose they are, what runs take at the own price, the energy of their SKUs, what a
-- currency unit is worth in energy, the factors of their places and days. As long as it
-- stays, so do they. One row per billing period.
with
    months as (select * from {{ ref("int_billing__months_claimed") }}),
    lines_claimed as (select * from {{ ref("int_billing__lines_claimed") }}),
    charges as (select * from {{ ref("int_billing__resource_charges") }}),
    own_rate_taken as (select * from {{ ref("int_cost__own_rate_taken") }}),
    sku_energy as (select * from {{ ref("int_billing__sku_energy") }}),
    spend_rates as (select * from {{ ref("int_energy__spend_rates") }}),
    place_factors as (select * from {{ ref("int_billing__place_factors") }}),

    place_days as (
        select billing_period_date, provider_code, region, usage_date
        from lines_claimed
        group by all
    ),

    parts as (
        select billing_period_date, claimed_key as part_text
        from months
        union all
        select billing_period_date, {{ row_text("own_rate_taken") }} as part_text
        from own_rate_taken
        union all
        select billing_period_date, {{ row_text("spend_rates") }} as part_text
        from spend_rates
        union all
        select charges.billing_period_date, {{ row_text("sku_energy") }} as part_text
        from charges
        inner join sku_energy on charges.sku_key = sku_energy.sku_key
        group by all
        union all
        select
            place_days.billing_period_date, {{ row_text("place_factors") }} as part_text
        from place_days
        inner join
            place_factors
            on place_days.provider_code = place_factors.provider_code
            and place_days.region = place_factors.region
            and place_days.usage_date = place_factors.usage_date
    ),

    final as (
        select parts.billing_period_date, {{ group_key("part_text") }} as published_key
        from parts
        group by parts.billing_period_date
    )

select *
from final
