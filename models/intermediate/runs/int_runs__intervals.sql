-- From when to when each attempt ran, as far as its hours, years and hosts are
-- concerned: never an empty interval. One row per run and attempt with a known start
-- and duration.
with
    attempts as (select * from {{ ref("int_runs__attempts") }}),

    attempts_bounded as (
        select
            run_id,
            attempt,
            started_at_utc,
            -- A job that was suspended ends later than its running time says, never
            -- earlier.
            greatest(
                coalesce(ended_at_utc, started_at_utc),
                {{ add_seconds("started_at_utc", "duration_s") }}
            ) as ended_at_utc
        from attempts
        where started_at_utc is not null and duration_s is not null
    ),

    final as (
        select
            run_id,
            attempt,
            started_at_utc,
            case
                when ended_at_utc > started_at_utc
                then ended_at_utc
                else {{ add_seconds("started_at_utc", "1") }}
            end as ended_at_utc
        from attempts_bounded
    )

select *
from final
