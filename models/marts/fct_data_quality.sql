-- How complete the data is. Rows count on the day they were received, runs on the day
-- they started. One row per day and source.
with
    deliveries as (select * from {{ ref("stg_landing__deliveries") }}),
    runs as (select * from {{ ref("int_runs__runs") }}),
    unmatched as (select * from {{ ref("int_runs__unmatched") }}),

    rows_received as (
        select
            cast(date_trunc('day', received_at_utc) as date) as day,
            source,
            sum(rows_in) as rows_in,
            sum(rows_landed) as rows_landed,
            sum(rows_rejected) as rows_rejected
        from deliveries
        where dataset not like '#_%' escape '#'
        group by all
    ),

    run_days as (
        select
            cast(
                date_trunc('day', coalesce(started_at_utc, received_at_utc)) as date
            ) as day,
            source,
            runs.run_id,
            facility_energy_kwh,
            it_energy_kwh,
            measured_energy_ratio,
            effective_cost,
            factor_age_years,
            missing_reason,
            unmatched.is_unmatched
        from runs
        left join unmatched on runs.run_id = unmatched.run_id
    ),

    runs_seen as (
        select
            day,
            source,
            count(*) as runs,
            cast(count(facility_energy_kwh) as double)
            / count(*) as runs_with_energy_ratio,
            cast(count(effective_cost) as double) / count(*) as runs_with_cost_ratio,
            {{ exact_sum("measured_energy_ratio * it_energy_kwh") }}
            / nullif({{ exact_sum("it_energy_kwh") }}, 0) as measured_energy_ratio,
            max(factor_age_years) as oldest_factor_age_years,
            cast(sum(case when is_unmatched then 1 else 0 end) as double)
            / nullif(count(is_unmatched), 0) as unmatched_runs_ratio
        from run_days
        group by day, source
    ),

    reasons_counted as (
        select day, source, missing_reason, count(*) as runs
        from run_days
        where missing_reason is not null
        group by day, source, missing_reason
    ),

    reasons as (
        select
            day,
            source,
            {{ joined_text("concat(missing_reason, ': ', runs)", "missing_reason") }}
            as missing_reasons
        from reasons_counted
        group by day, source
    ),

    days as (
        select day, source
        from rows_received
        union
        select day, source
        from runs_seen
    ),

    final as (
        select
            days.day,
            days.source,

            cast(coalesce(rows_received.rows_in, 0) as bigint) as rows_in,
            cast(coalesce(rows_received.rows_landed, 0) as bigint) as rows_landed,
            cast(coalesce(rows_received.rows_rejected, 0) as bigint) as rows_rejected,

            cast(coalesce(runs_seen.runs, 0) as bigint) as runs,
            runs_seen.runs_with_energy_ratio,
            runs_seen.runs_with_cost_ratio,
            runs_seen.measured_energy_ratio,
            cast(
                runs_seen.oldest_factor_age_years as bigint
            ) as oldest_factor_age_years,
            reasons.missing_reasons,
            runs_seen.unmatched_runs_ratio
        from days
        left join rows_received using (day, source)
        left join runs_seen using (day, source)
        left join reasons using (day, source)
    )

select *
from final
