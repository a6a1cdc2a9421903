-- Hours of grid zones in which runs used energy and that are over at the as-of time:
-- what a source of hourly intensities is worth asking for. One row per zone and hour.
with
    place_hours as (select * from {{ ref("int_carbon__place_hours") }}),

    final as (
        select grid_zone_id, hour_start_utc
        from place_hours
        where
            has_runs
            and grid_zone_id is not null
            and not has_own_intensity
            and hour_start_utc + interval 1 hour <= {{ as_of() }}
        group by grid_zone_id, hour_start_utc
    )

select *
from final
