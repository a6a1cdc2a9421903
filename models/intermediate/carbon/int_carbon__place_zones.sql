-- The zones that a factor of a place may be published for, the nearest first. One row
-- per provider, region and zone type.
with
    places as (select * from {{ ref("int_carbon__places") }}),

    zones as (
        select
            provider_code,
            region,
            'cloud_region' as zone_type,
            provider_code as zone_provider_code,
            region as zone_id,
            1 as zone_rank
        from places
        union all
        select
            provider_code,
            region,
            'grid_zone' as zone_type,
            '' as zone_provider_code,
            grid_zone_id as zone_id,
            2 as zone_rank
        from places
        union all
        select
            provider_code,
            region,
            'subdivision' as zone_type,
            '' as zone_provider_code,
            subdivision_iso3166_2 as zone_id,
            3 as zone_rank
        from places
        union all
        select
            provider_code,
            region,
            'country' as zone_type,
            '' as zone_provider_code,
            country_iso3 as zone_id,
            4 as zone_rank
        from places
        union all
        select
            provider_code,
            region,
            'world' as zone_type,
            '' as zone_provider_code,
            'WLD' as zone_id,
            5 as zone_rank
        from places
    ),

    final as (select * from zones where zone_id is not null)

select *
from final
