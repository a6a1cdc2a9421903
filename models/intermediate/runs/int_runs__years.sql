-- Attempts split over the years of UTC they ran in. The fractions of an attempt add up
-- to one. One row per run, attempt and year.
with
    intervals as (select * from {{ ref("int_runs__intervals") }}),

    attempt_years as (
        select
            intervals.run_id,
            intervals.attempt,
            intervals.started_at_utc,
            intervals.ended_at_utc,
            cast(calendar.year as bigint) as year
        from
            intervals
            {{
                unnested(
                    years_between(
                        "year(intervals.started_at_utc)",
                        "year(intervals.ended_at_utc - interval 1 microsecond)",
                    ),
                    "calendar",
                    "year",
                )
            }}
    ),

    final as (
        select
            run_id,
            attempt,
            year,
            (
                {{
                    epoch_s(
                        "least(ended_at_utc, make_timestamp(year + 1, 1, 1, 0, 0, 0))"
                    )
                }}
                - {{
                    epoch_s(
                        "greatest(started_at_utc, make_timestamp(year, 1, 1, 0, 0, 0))"
                    )
                }}
            ) / (
                {{ epoch_s("ended_at_utc") }} - {{ epoch_s("started_at_utc") }}
            ) as fraction_of_attempt
        from attempt_years
    )

select *
from final
