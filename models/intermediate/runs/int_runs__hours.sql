-- Attempts split over the hours of UTC they touch. The fractions of an attempt add up
-- to one. One row per run, attempt and hour.
with
    attempts as (select * from {{ ref("int_runs__attempts") }}),

    attempts_bounded as (
        select
            run_id,
            attempt,
            started_at_utc,
            coalesce(
                ended_at_utc, {{ add_seconds("started_at_utc", "duration_s") }}
            ) as ended_at_utc
        from attempts
        where started_at_utc is not null and duration_s is not null
    ),

    attempts_timed as (
        select
            run_id,
            attempt,
            started_at_utc,
            -- A job that was suspended ends later than its running time says, never
            -- earlier.
            case
                when ended_at_utc > started_at_utc
                then ended_at_utc
                else {{ add_seconds("started_at_utc", "1") }}
            end as ended_at_utc
        from attempts_bounded
    ),

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
