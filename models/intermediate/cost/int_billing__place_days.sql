-- Places and days that the bill speaks of. A region of several (Google's us) has a row
-- for each of its regions. One row per provider, region, date and member region.
with
    lines_claimed as (select * from {{ ref("int_billing__lines_claimed") }}),
    multi_regions as (select * from {{ ref("multi_regions") }}),

    places as (
        select provider_code, region, usage_date
        from lines_claimed
        where region is not null
        group by provider_code, region, usage_date
    ),

    final as (
        select
            places.provider_code,
            places.region,
            places.usage_date,
            coalesce(multi_regions.member_region, places.region) as member_region,

            multi_regions.member_region is not null as is_multi_region
        from places
        left join
            multi_regions
            on places.provider_code = multi_regions.provider_code
            and lower(places.region) = multi_regions.multi_region
    )

select *
from final
