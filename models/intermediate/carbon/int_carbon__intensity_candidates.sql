-- Every yearly grid factor that a place could take in a year, known at the as-of time:
-- a site's own, its region's, its subdivision's, its country's, the world's, of that
-- year and earlier. One row per provider, region, year and factor.
with
    place_years as (select * from {{ ref("int_carbon__place_years") }}),
    places as (select * from {{ ref("int_carbon__places") }}),
    place_zones as (select * from {{ ref("int_carbon__place_zones") }}),
    grid as (select * from {{ ref("stg_factors__grid_intensity_yearly") }}),

    grid_known as (
        select * from grid where {{ known_by_as_of("published_on", "recorded_on") }}
    ),

    own_factors as (
        select
            place_years.provider_code,
            place_years.region,
            place_years.year,
            places.own_intensity_g_per_kwh as intensity_g_per_kwh,
            'region_yearly' as factor_resolution,
            0 as source_rank,
            place_years.year as factor_year,
            concat(
                'settings: sites.', places.region, '.intensity_g_per_kwh'
            ) as factor_source_id,
            'settings' as factor_version,
            cast(null as date) as factor_published_on,
            cast(null as timestamp) as factor_recorded_at_utc,
            places.region as factor_zone,
            cast(null as string) as factor_accounting,
            cast(null as string) as factor_basis
        from place_years
        inner join
            places
            on place_years.provider_code = places.provider_code
            and place_years.region = places.region
        where places.own_intensity_g_per_kwh is not null
    ),

    seed_factors as (
        select
            place_years.provider_code,
            place_years.region,
            place_years.year,
            grid_known.intensity_g_per_kwh,
            grid_known.factor_resolution,
            grid_known.source_rank,
            grid_known.year as factor_year,
            grid_known.source_id as factor_source_id,
            grid_known.version as factor_version,
            grid_known.published_on as factor_published_on,
            grid_known.recorded_at_utc as factor_recorded_at_utc,
            grid_known.zone_id as factor_zone,
            grid_known.accounting as factor_accounting,
            grid_known.basis as factor_basis
        from place_years
        inner join
            place_zones
            on place_years.provider_code = place_zones.provider_code
            and place_years.region = place_zones.region
        inner join
            grid_known
            on place_zones.zone_type = grid_known.zone_type
            and place_zones.zone_id = grid_known.zone_id
            and place_zones.zone_provider_code = coalesce(grid_known.provider_code, '')
        where grid_known.year <= place_years.year
    ),

    final as (
        select *
        from own_factors
        union all
        select *
        from seed_factors
    )

select *
from final
