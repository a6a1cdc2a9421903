-- Places where energy is used, with what is needed to find their factors: cloud regions
-- and sites. One row per provider and region.
with
    regions as (select * from {{ ref("cloud_regions") }}),
    sites as (select * from {{ ref("stg_settings__sites") }}),
    countries as (select * from {{ ref("countries") }}),

    site_places as (
        select
            'on_premise' as provider_code,
            sites.site_name as region,

            sites.grid_zone_id,
            -- A zone code starts with its country: FR, US-CAL-CISO, or an ISO 3166-2
            -- subdivision.
            countries.country_iso3,
            sites.grid_zone_id as subdivision_iso3166_2,

            sites.intensity_g_per_kwh as own_intensity_g_per_kwh,
            sites.pue_ratio as own_pue_ratio,
            sites.wue_l_per_kwh as own_wue_l_per_kwh
        from sites
        left join
            countries
            on upper(split_part(sites.grid_zone_id, '-', 1))
            in (countries.country_iso2, countries.country_iso3)
    ),

    cloud_places as (
        select
            provider_code,
            region,

            grid_zone_id,
            country_iso3,
            subdivision_iso3166_2,

            cast(null as double) as own_intensity_g_per_kwh,
            cast(null as double) as own_pue_ratio,
            cast(null as double) as own_wue_l_per_kwh
        from regions
    ),

    final as (
        select *
        from cloud_places
        union all
        select *
        from site_places
    )

select *
from final
