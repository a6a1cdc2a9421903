-- Landed intensities of intervals longer than an hour, for the hours they hold whole. A
-- shorter interval goes before a longer one. One row per zone and hour.
with
    intervals as (
        select *
        from {{ ref("int_carbon__intensity_intervals") }}
        where interval_s > 3600 and intensity_g_per_kwh is not null
    ),
    place_hours as (select * from {{ ref("int_carbon__place_hours") }}),

    zone_hours as (
        select grid_zone_id, hour_start_utc
        from place_hours
        where grid_zone_id is not null
        group by grid_zone_id, hour_start_utc
        union
        select region as grid_zone_id, hour_start_utc
        from place_hours
        group by region, hour_start_utc
    ),

    -- Zones are few and long intervals are few of each: this join is small.
    hours_covered as (
        select
            zone_hours.hour_start_utc,
            intervals.*,
            row_number() over (
                partition by zone_hours.grid_zone_id, zone_hours.hour_start_utc
                order by
                    intervals.interval_s,
                    case when intervals.is_estimated then 1 else 0 end,
                    intervals.source_rank,
                    intervals.received_at_utc desc,
                    intervals.source_name,
                    intervals.instance,
                    intervals.accounting,
                    intervals.from_at_utc
            ) as preference
        from zone_hours
        inner join intervals on zone_hours.grid_zone_id = intervals.grid_zone_id
        where
            intervals.from_at_utc <= zone_hours.hour_start_utc
            and zone_hours.hour_start_utc + interval 1 hour <= intervals.to_at_utc
    ),

    final as (
        select
            grid_zone_id,
            hour_start_utc,

            -- Up to 31 days, and the hour more of a local October.
            case
                when interval_s <= 31 * 86400.0 + 3600 then 'monthly' else 'zone_yearly'
            end as factor_resolution,
            accounting as factor_accounting,
            basis as factor_basis,

            intensity_g_per_kwh,

            source_version as factor_version,
            concat(source_name, '.', instance) as factor_source_id,
            published_on as factor_published_on
        from hours_covered
        where preference = 1
    )

select *
from final
