-- Power usage effectiveness. The year goes first (the one asked for, else the latest
-- before it), then the rung. One row per provider, region and year.
with
    place_years as (select * from {{ ref("int_carbon__place_years") }}),
    places as (select * from {{ ref("int_carbon__places") }}),
    pue as (select * from {{ ref("stg_factors__pue_yearly") }}),

    own_factors as (
        select
            place_years.provider_code,
            place_years.region,
            place_years.year,
            places.own_pue_ratio as pue_ratio,
            'site' as pue_resolution,
            0 as resolution_rank,
            place_years.year as pue_year,
            concat('settings: sites.', places.region, '.pue') as pue_source_id,
            cast(null as date) as published_on,
            cast(null as timestamp) as recorded_at_utc
        from place_years
        inner join
            places
            on place_years.provider_code = places.provider_code
            and place_years.region = places.region
        where places.own_pue_ratio is not null
    ),

    seed_factors as (
        select
            place_years.provider_code,
            place_years.region,
            place_years.year,
            pue.pue_ratio,
            pue.pue_resolution,
            pue.resolution_rank,
            pue.year as pue_year,
            pue.source_id as pue_source_id,
            pue.published_on,
            pue.recorded_at_utc
        from place_years
        inner join
            pue
            on place_years.provider_code = pue.provider_code
            and pue.region in (place_years.region, '*')
        where
            pue.pue_ratio is not null
            and pue.year <= place_years.year
            and {{ known_by_as_of("pue.published_on", "pue.recorded_on") }}
    ),

    factors_ranked as (
        select
            *,
            row_number() over (
                partition by provider_code, region, year
                order by
                    pue_year desc,
                    resolution_rank,
                    published_on desc,
                    recorded_at_utc desc,
                    pue_source_id
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

            pue_resolution,
            pue_year,

            pue_ratio,
            year - pue_year as pue_age_years,

            pue_source_id
        from factors_ranked
        where preference = 1
    )

select *
from final
