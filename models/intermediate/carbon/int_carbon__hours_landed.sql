-- What each source says of each hour, from its intervals of an hour or less. The
-- newest delivery that knows the hour. One row per source, instance, zone, accounting
-- and hour.
with
    intervals as (
        select *
        from {{ ref("int_carbon__intensity_intervals") }}
        where interval_s <= 3600
    ),

    intervals_by_hour as (
        select
            intervals.*,
            cast(hours.hour_start_utc as timestamp) as hour_start_utc,
            {{
                epoch_s(
                    "least(intervals.to_at_utc, cast(hours.hour_start_utc as timestamp) + interval 1 hour)"
                )
            }}
            -
            {{
                epoch_s(
                    "greatest(intervals.from_at_utc, cast(hours.hour_start_utc as timestamp))"
                )
            }}
            as seconds_in_hour
        from
            intervals
            {{
                unnested(
                    hours_touched("intervals.from_at_utc", "intervals.to_at_utc"),
                    "hours",
                    "hour_start_utc",
                )
            }}
    ),

    -- A delivery holds whole hours: half-hours of one and quarters of another are not
    -- mixed.
    hours_delivered as (
        select
            source_name,
            instance,
            grid_zone_id,
            accounting,
            hour_start_utc,
            delivery_id,
            received_at_utc,
            min(basis) as basis,
            max(case when is_estimated then 1 else 0 end) = 1 as is_estimated,
            {{ exact_sum("case when is_final then seconds_in_hour else 0.0 end") }}
            >= 3600 as is_final,
            -- A part of an hour does not tell the hour.
            case
                when {{ exact_sum("seconds_known") }} >= 3600
                then
                    {{ exact_sum("intensity_g_per_kwh * seconds_known") }}
                    / {{ exact_sum("seconds_known") }}
            end as intensity_g_per_kwh,
            min(source_rank) as source_rank,
            max(source_version) as source_version,
            max(published_on) as published_on
        from
            (
                select
                    *,
                    case
                        when intensity_g_per_kwh is not null
                        then seconds_in_hour
                        else 0.0
                    end as seconds_known
                from intervals_by_hour
            ) as intervals_known
        group by
            source_name,
            instance,
            grid_zone_id,
            accounting,
            hour_start_utc,
            delivery_id,
            received_at_utc
    ),

    hours_ranked as (
        select
            *,
            max(case when is_final then 1 else 0 end) over (
                partition by
                    source_name, instance, grid_zone_id, accounting, hour_start_utc
            )
            = 1 as is_final_by_any,
            row_number() over (
                partition by
                    source_name, instance, grid_zone_id, accounting, hour_start_utc
                order by
                    case when intensity_g_per_kwh is null then 1 else 0 end,
                    received_at_utc desc,
                    delivery_id desc
            ) as preference
        from hours_delivered
    ),

    final as (
        select
            source_name,
            instance,
            grid_zone_id,
            accounting,
            hour_start_utc,

            basis,
            is_estimated,
            is_final_by_any as is_final,

            intensity_g_per_kwh,

            source_rank,
            source_version,
            published_on,
            delivery_id
        from hours_ranked
        where preference = 1
    )

select *
from final
