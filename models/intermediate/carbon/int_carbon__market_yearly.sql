-- Market-based intensity where no contract covers the energy: what the provider claims
-- for that very year, else the residual mix of the nearest year not after it. One row
-- per provider, region and year that has one.
with
    place_years as (select * from {{ ref("int_carbon__place_years") }}),
    zones as (select * from {{ ref("int_carbon__place_zones") }}),
    market as (select * from {{ ref("stg_factors__market_intensity_yearly") }}),

    factors_ranked as (
        select
            place_years.provider_code,
            place_years.region,
            place_years.year,
            market.instrument,
            market.year as market_year,
            market.zone_id as market_zone,
            market.intensity_g_per_kwh,
            market.source_id,
            market.version,
            row_number() over (
                partition by
                    place_years.provider_code, place_years.region, place_years.year
                order by
                    case market.instrument when 'provider' then 1 else 2 end,
                    zones.zone_rank,
                    market.year desc,
                    market.published_on desc,
                    market.recorded_at_utc desc,
                    market.source_id
            ) as preference
        from place_years
        inner join
            zones
            on place_years.provider_code = zones.provider_code
            and place_years.region = zones.region
        inner join
            market
            on zones.zone_type = market.zone_type
            and zones.zone_id = market.zone_id
            and zones.zone_provider_code = coalesce(market.provider_code, '')
        where
            {{ known_by_as_of("market.published_on", "market.recorded_on") }}
            -- A claim is made for one year; what is untracked changes slowly.
            and market.year <= place_years.year
            and (market.instrument = 'residual_mix' or market.year = place_years.year)
    ),

    final as (
        select
            provider_code,
            region,
            year,

            instrument as market_method,
            market_zone,
            market_year,

            intensity_g_per_kwh,

            source_id as market_source_id,
            version as market_version
        from factors_ranked
        where preference = 1
    )

select *
from final
