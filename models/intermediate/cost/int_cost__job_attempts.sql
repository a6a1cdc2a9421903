-- Attempts of jobs that the bill's tags name, as long as they were inside the period of
-- a charge so tagged. One row per provider, job, period, run and attempt.
with
    charges as (select * from {{ ref("int_cost__charges_wanted") }}),
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    resources as (select * from {{ ref("int_runs__resources") }}),
    intervals as (select * from {{ ref("int_runs__intervals") }}),

    periods as (
        select
            provider_code,
            tagged_job_key as job_key,
            charge_start_at_utc,
            period_end_at_utc,
            days.touched_day
        from
            charges
            {{
                unnested(
                    days_touched("charge_start_at_utc", "period_end_at_utc"),
                    "days",
                    "touched_day",
                )
            }}
        where tagged_job_key is not null
        group by all
    ),

    job_attempts as (
        select
            resources.provider_code,
            {{ tag_value_key("attempts.job_name") }} as job_key,
            attempts.run_id,
            attempts.attempt,
            intervals.started_at_utc,
            intervals.ended_at_utc,
            days.touched_day,
            resources.instance_count
            * resources.accelerators_per_instance
            * resources.accelerator_share as accelerators,
            resources.instance_count * resources.vcpus_per_instance as vcpus
        from attempts
        inner join resources using (run_id, attempt)
        inner join
            intervals using (run_id, attempt)
            {{
                unnested(
                    days_touched(
                        "intervals.started_at_utc", "intervals.ended_at_utc"
                    ),
                    "days",
                    "touched_day",
                )
            }}
        where attempts.job_name is not null
    ),

    final as (
        select
            periods.provider_code,
            periods.job_key,
            periods.charge_start_at_utc,
            periods.period_end_at_utc,
            job_attempts.run_id,
            job_attempts.attempt,

            max(job_attempts.accelerators) as accelerators,
            max(job_attempts.vcpus) as vcpus,
            max(
                {{
                    epoch_s(
                        "least(periods.period_end_at_utc, job_attempts.ended_at_utc)"
                    )
                }}
                -
                {{
                    epoch_s(
                        "greatest(periods.charge_start_at_utc, job_attempts.started_at_utc)"
                    )
                }}
            ) as inside_s
        from periods
        inner join
            job_attempts
            on periods.provider_code = job_attempts.provider_code
            and periods.job_key = job_attempts.job_key
            and periods.touched_day = job_attempts.touched_day
            and periods.charge_start_at_utc < job_attempts.ended_at_utc
            and periods.period_end_at_utc > job_attempts.started_at_utc
        group by all
    )

select *
from final
