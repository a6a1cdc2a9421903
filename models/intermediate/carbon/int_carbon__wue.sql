-- Water usage effectiveness, site water only. The year goes first (the one asked for,
-- else the latest before it), then the rung. One row per provider, region and year.
with
    place_years as (select * from {{ ref("int_carbon__place_years") }}),
    places as (select * from {{ ref("int_carbon__places") }}),
    wue as (select * from {{ ref("stg_factors__pue_yearly") }}),

    own_factors as (
        select
            place_years.provider_code,
            place_years.region,
            place_years.year,
            places.own_wue_l_per_kwh as wue_l_per_kwh,
            'site' as water_resolution,
            0 as resolution_rank,
            place_years.year as wue_year,
            concat('settings: sites.', places.region, '.wue_l_per_kwh') as source_id,
            cast(null as date) as published_on,
            cast(null as timestamp) as recorded_at_utc
        from place_years
        inner join
            places
            on place_years.provider_code = places.provider_code
            and place_years.region = places.region
        where places.own_wue_l_per_kwh is not null
    ),

    seed_factors as (
        select
            place_years.provider_code,
            place_years.region,
            place_years.year,
            wue.wue_l_per_kwh,
            wue.pue_resolution as water_resolution,
            wue.resolution_rank,
            wue.year as wue_year,
            wue.source_id,
            wue.published_on,
            wue.recorded_at_utc
        from place_years
        inner join
            wue
            on place_years.provider_code = wue.provider_code
            and wue.region in (place_years.region, '*')
        where
            wue.wue_l_per_kwh is not null
            and wue.year <= place_years.year
            and {{ known_by_as_of("wue.published_on", "wue.recorded_on") }}
    ),

    factors_ranked as (
        select
            *,
            row_number() over (
                partition by provider_code, region, year
                order by
                    wue_year desc,
                    resolution_rank,
                    published_on desc,
                    recorded_at_utc desc,
                    source_id
            ) as preference
        from
            (
                select *
                from own_factors
                union all
                select *
                from seed_factors
            ) as factors
    ),

    final as (
        select
            provider_code,
            region,
            year,

            water_resolution,
            wue_year,

            wue_l_per_kwh,
            year - wue_year as wue_age_years,

            source_id as water_source_id
        from factors_ranked
        where preference = 1
    )

select *
from final
