-- Places and hours in which runs used energy, and the hours of the days that the bill
-- speaks of. One row per provider, region and hour.
with
    hours as (select * from {{ ref("int_runs__hours") }}),
    attempts as (select * from {{ ref("int_runs__located") }}),
    bill as (select * from {{ ref("int_billing__place_days") }}),
    places as (select * from {{ ref("int_carbon__places") }}),

    hours_of_runs as (
        select
            attempts.provider_code,
            attempts.region,
            hours.hour_start_utc,
            1 as hours_with_runs
        from hours
        inner join attempts using (run_id, attempt)
        group by attempts.provider_code, attempts.region, hours.hour_start_utc
    ),

    days_of_bill as (
        select
            provider_code,
            member_region as region,
            cast(usage_date as timestamp) as day_start_utc
        from bill
        group by provider_code, member_region, usage_date
    ),

    hours_of_bill as (
        select
            days_of_bill.provider_code,
            days_of_bill.region,
            cast(hours.hour_start_utc as timestamp) as hour_start_utc,
            0 as hours_with_runs
        from
            days_of_bill
            {{
                unnested(
                    hours_touched(
                        "days_of_bill.day_start_utc",
                        "days_of_bill.day_start_utc + interval 1 day",
                    ),
                    "hours",
                    "hour_start_utc",
                )
            }}
    ),

    hours_of_places as (
        select
            provider_code, region, hour_start_utc, max(hours_with_runs) = 1 as has_runs
        from
            (
                select *
                from hours_of_runs
                union all
                select *
                from hours_of_bill
            ) as hours_used
        group by provider_code, region, hour_start_utc
    ),

    final as (
        select
            hours_of_places.provider_code,
            hours_of_places.region,
            hours_of_places.hour_start_utc,

            places.grid_zone_id,
            hours_of_places.has_runs,
            places.own_intensity_g_per_kwh is not null as has_own_intensity
        from hours_of_places
        inner join
            places
            on hours_of_places.provider_code = places.provider_code
            and hours_of_places.region = places.region
    )

select *
from final
