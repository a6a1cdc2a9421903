-- The factor ladder of grid intensity: what was landed under the place's own name, what
-- its settings say, then the hour of its grid zone, its month, a year's figure in the
-- shape of typical days, a year's figure. One row per provider, region and hour.
with
    place_hours as (select * from {{ ref("int_carbon__place_hours") }}),
    landed as (select * from {{ ref("int_carbon__landed_intensity") }}),
    profiles as (select * from {{ ref("int_carbon__profile_intensity") }}),
    yearly as (select * from {{ ref("int_carbon__yearly_intensity") }}),

    candidates as (
        select
            place_hours.provider_code,
            place_hours.region,
            place_hours.hour_start_utc,
            landed.factor_resolution,
            landed.grid_zone_id as factor_zone,
            year(place_hours.hour_start_utc) as factor_year,
            landed.factor_accounting,
            landed.factor_basis,
            landed.intensity_g_per_kwh,
            cast(landed.intensity_g_per_kwh as string) as intensity_arithmetic,
            landed.factor_version,
            landed.factor_source_id,
            landed.factor_published_on,
            case when landed.grid_zone_id = place_hours.region then 0 else 10 end + case
                landed.factor_resolution
                when 'hourly_measured'
                then 1
                when 'hourly_estimated'
                then 2
                when 'monthly'
                then 3
                else 5
            end as rung
        from place_hours
        inner join
            landed
            on place_hours.hour_start_utc = landed.hour_start_utc
            and landed.grid_zone_id in (place_hours.grid_zone_id, place_hours.region)
        union all
        select
            provider_code,
            region,
            hour_start_utc,
            factor_resolution,
            factor_zone,
            factor_year,
            factor_accounting,
            factor_basis,
            intensity_g_per_kwh,
            intensity_arithmetic,
            factor_version,
            factor_source_id,
            factor_published_on,
            14 as rung
        from profiles
        union all
        select
            place_hours.provider_code,
            place_hours.region,
            place_hours.hour_start_utc,
            yearly.factor_resolution,
            yearly.factor_zone,
            yearly.factor_year,
            yearly.factor_accounting,
            yearly.factor_basis,
            yearly.intensity_g_per_kwh,
            cast(yearly.intensity_g_per_kwh as string) as intensity_arithmetic,
            yearly.factor_version,
            yearly.factor_source_id,
            yearly.factor_published_on,
            -- A place's own figure goes before its zone's.
            case when place_hours.has_own_intensity then 9 else 16 end as rung
        from place_hours
        inner join
            yearly
            on place_hours.provider_code = yearly.provider_code
            and place_hours.region = yearly.region
            and year(place_hours.hour_start_utc) = yearly.year
    ),

    candidates_ranked as (
        select
            *,
            row_number() over (
                partition by provider_code, region, hour_start_utc order by rung
            ) as preference
        from candidates
    ),

    final as (
        select
            provider_code,
            region,
            hour_start_utc,

            factor_resolution,
            factor_zone,
            factor_year,
            factor_accounting,
            factor_basis,

            intensity_g_per_kwh,
            intensity_arithmetic,
            year(hour_start_utc) - factor_year as factor_age_years,
            rung,

            factor_version,
            factor_source_id,
            factor_published_on
        from candidates_ranked
        where preference = 1
    )

select *
from final
