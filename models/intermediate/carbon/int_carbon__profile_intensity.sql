-- A year's figure in the typical shape of its zone's days: the local clock tells month
-- and hour. One row per provider, region and hour of a zone with a shape.
with
    place_hours as (select * from {{ ref("int_carbon__place_hours") }}),
    profiles as (select * from {{ ref("stg_factors__hourly_profiles") }}),
    landed as (
        select *
        from {{ ref("int_carbon__long_intervals") }}
        where factor_resolution = 'zone_yearly'
    ),
    yearly as (select * from {{ ref("int_carbon__yearly_intensity") }}),

    profiles_ranked as (
        select
            *,
            row_number() over (
                partition by grid_zone_id, month, hour_local
                order by
                    profile_year desc,
                    published_on desc,
                    recorded_at_utc desc,
                    source_id
            ) as preference
        from profiles
        where {{ known_by_as_of("published_on", "recorded_on") }}
    ),

    shapes as (select * from profiles_ranked where preference = 1),

    zone_clocks as (
        select grid_zone_id, min(timezone_name) as timezone_name
        from shapes
        group by grid_zone_id
    ),

    place_hours_local as (
        select
            place_hours.*,
            {{ local_time("place_hours.hour_start_utc", "zone_clocks.timezone_name") }}
            as hour_start_local
        from place_hours
        inner join zone_clocks on place_hours.grid_zone_id = zone_clocks.grid_zone_id
    ),

    final as (
        select
            place_hours_local.provider_code,
            place_hours_local.region,
            place_hours_local.hour_start_utc,

            'hourly_profile' as factor_resolution,
            coalesce(landed.grid_zone_id, yearly.factor_zone) as factor_zone,
            case
                when landed.grid_zone_id is not null
                then year(place_hours_local.hour_start_utc)
                else yearly.factor_year
            end as factor_year,
            coalesce(
                landed.factor_accounting, yearly.factor_accounting
            ) as factor_accounting,
            case
                when landed.grid_zone_id is not null
                then landed.factor_basis
                else yearly.factor_basis
            end as factor_basis,

            coalesce(landed.intensity_g_per_kwh, yearly.intensity_g_per_kwh)
            * shapes.intensity_ratio as intensity_g_per_kwh,
            concat(
                coalesce(landed.intensity_g_per_kwh, yearly.intensity_g_per_kwh),
                ' * ',
                shapes.intensity_ratio
            ) as intensity_arithmetic,

            coalesce(landed.factor_version, yearly.factor_version) as factor_version,
            concat(
                coalesce(landed.factor_source_id, yearly.factor_source_id),
                ' in the shape of ',
                shapes.source_id
            ) as factor_source_id,
            coalesce(
                landed.factor_published_on, yearly.factor_published_on
            ) as factor_published_on
        from place_hours_local
        inner join
            shapes
            on place_hours_local.grid_zone_id = shapes.grid_zone_id
            and month(place_hours_local.hour_start_local) = shapes.month
            and hour(place_hours_local.hour_start_local) = shapes.hour_local
        left join
            landed
            on place_hours_local.grid_zone_id = landed.grid_zone_id
            and place_hours_local.hour_start_utc = landed.hour_start_utc
        left join
            yearly
            on place_hours_local.provider_code = yearly.provider_code
            and place_hours_local.region = yearly.region
            and year(place_hours_local.hour_start_utc) = yearly.year
        where
            coalesce(landed.intensity_g_per_kwh, yearly.intensity_g_per_kwh) is not null
    )

select *
from final
