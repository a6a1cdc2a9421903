-- Attempts inside the periods that the bill charges shared machines for. One row per
-- resource, period, run and attempt.
with
    periods as (select * from {{ ref("int_cost__machine_periods") }}),
    resource_attempts as (select * from {{ ref("int_cost__resource_attempts") }}),

    periods_by_day as (
        select periods.*, days.touched_day
        from
            periods
            {{
                unnested(
                    days_touched("charge_start_at_utc", "period_end_at_utc"),
                    "days",
                    "touched_day",
                )
            }}
    ),

    attempts_by_day as (
        select resource_attempts.*, days.touched_day
        from
            resource_attempts
            {{
                unnested(
                    days_touched("started_at_utc", "stopped_at_utc"),
                    "days",
                    "touched_day",
                )
            }}
    ),

    final as (
        select
            periods_by_day.resource_text,
            periods_by_day.charge_start_at_utc,
            periods_by_day.period_end_at_utc,
            attempts_by_day.run_id,
            attempts_by_day.attempt,

            greatest(
                periods_by_day.charge_start_at_utc, attempts_by_day.started_at_utc
            ) as from_at_utc,
            least(
                periods_by_day.period_end_at_utc, attempts_by_day.stopped_at_utc
            ) as to_at_utc,

            attempts_by_day.held_ratio,
            attempts_by_day.activity_ratio,
            attempts_by_day.held_text
        from periods_by_day
        inner join
            attempts_by_day
            on periods_by_day.resource_text = attempts_by_day.resource_text
            and periods_by_day.touched_day = attempts_by_day.touched_day
            and periods_by_day.charge_start_at_utc < attempts_by_day.stopped_at_utc
            and periods_by_day.period_end_at_utc > attempts_by_day.started_at_utc
        group by all
    )

select *
from final
