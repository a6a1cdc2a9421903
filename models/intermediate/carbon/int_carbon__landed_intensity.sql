-- Landed grid intensity by the hour, from an hour's own interval or a longer one: the
-- finer goes first. One row per zone, hour and factor resolution.
with
    hourly as (select * from {{ ref("int_carbon__hourly_intensity") }}),
    long_intervals as (select * from {{ ref("int_carbon__long_intervals") }}),

    final as (
        select *
        from hourly
        union all
        select *
        from long_intervals
    )

select *
from final
