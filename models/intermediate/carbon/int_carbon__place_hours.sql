-- Places and hours in which runs used energy, with the zones that a factor may be
-- landed for: the place's own name first, then its grid zone. One row per provider,
-- region and hour.
with
    hours as (select * from {{ ref("int_runs__hours") }}),
    attempts as (select * from {{ ref("int_runs__located") }}),
    places as (select * from {{ ref("int_carbon__places") }}),

    hours_of_places as (
        select attempts.provider_code, attempts.region, hours.hour_start_utc
        from hours
        inner join attempts using (run_id, attempt)
        group by attempts.provider_code, attempts.region, hours.hour_start_utc
    ),

    final as (
        select
            hours_of_places.provider_code,
            hours_of_places.region,
            hours_of_places.hour_start_utc,

            places.grid_zone_id,
            places.own_intensity_g_per_kwh is not null as has_own_intensity
        from hours_of_places
        inner join
            places
            on hours_of_places.provider_code = places.provider_code
            and hours_of_places.region = places.region
    )

select *
from final
