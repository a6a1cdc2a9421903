-- Attempts split over the hours of UTC they touch. The fractions of an attempt add up
-- to one. One row per run, attempt and hour.
with
    attempts_timed as (select * from {{ ref("int_runs__intervals") }}),

    attempt_hours as (
        select
            attempts_timed.run_id,
            attempts_timed.attempt,
            attempts_timed.started_at_utc,
            attempts_timed.ended_at_utc,
            hours.hour_start_utc
        from
            attempts_timed
            {{
                unnested(
                    hours_touched(
                        "attempts_timed.started_at_utc", "attempts_timed.ended_at_utc"
                    ),
                    "hours",
                    "hour_start_utc",
                )
            }}
    ),

    final as (
        select
            run_id,
            attempt,
            cast(hour_start_utc as timestamp) as hour_start_utc,

            (
                {{ epoch_s("least(ended_at_utc, hour_start_utc + interval 1 hour)") }}
                - {{ epoch_s("greatest(started_at_utc, hour_start_utc)") }}
            ) / (
                {{ epoch_s("ended_at_utc") }} - {{ epoch_s("started_at_utc") }}
            ) as fraction_of_attempt
        from attempt_hours
    )

select *
from final
