-- Cloud regions and on-premise sites, and the grid that feeds them. One row per
-- provider and region.
with
    places as (select * from {{ ref("int_carbon__places") }}),
    regions as (select * from {{ ref("cloud_regions") }}),

    final as (
        select
            places.provider_code as provider,
            places.region,

            coalesce(regions.region_name, places.region) as region_name,
            regions.city,
            places.country_iso3,
            places.grid_zone_id,

            regions.latitude,
            regions.longitude,

            regions.grid_zone_source_id,
            places.subdivision_iso3166_2
        from places
        left join
            regions
            on places.provider_code = regions.provider_code
            and places.region = regions.region
    )

select *
from final
