-- Parts of what is tagged with a job that the job's runs have: by their device-hours
-- inside the charge's period, by their time where devices of any are not known. One row
-- per provider, job, period and run.
with
    job_attempts as (select * from {{ ref("int_cost__job_attempts") }}),

    periods_judged as (
        select
            *,
            min(coalesce(accelerators, 0)) over (
                partition by
                    provider_code, job_key, charge_start_at_utc, period_end_at_utc
            ) as fewest_accelerators,
            min(coalesce(vcpus, 0)) over (
                partition by
                    provider_code, job_key, charge_start_at_utc, period_end_at_utc
            ) as fewest_vcpus
        from job_attempts
    ),

    runs_weighted as (
        select
            provider_code,
            job_key,
            charge_start_at_utc,
            period_end_at_utc,
            run_id,
            case
                when min(fewest_accelerators) > 0
                then 'accelerator hours'
                when min(fewest_vcpus) > 0
                then 'vCPU hours'
                else 'hours'
            end as weight_unit,
            {{
                exact_sum(
                    "inside_s / 3600 * case when fewest_accelerators > 0 then accelerators when fewest_vcpus > 0 then vcpus else 1.0 end"
                )
            }}
            as weight
        from periods_judged
        group by provider_code, job_key, charge_start_at_utc, period_end_at_utc, run_id
    ),

    runs_summed as (
        select
            *,
            cast(
                sum(cast(weight as decimal(38, 18))) over (
                    partition by
                        provider_code, job_key, charge_start_at_utc, period_end_at_utc
                ) as double
            ) as job_weight
        from runs_weighted
    ),

    final as (
        select
            provider_code,
            job_key,
            charge_start_at_utc,
            period_end_at_utc,
            run_id,

            weight / job_weight as share,
            weight as part_hours,
            job_weight as whole_hours,
            concat('of the job''s ', weight_unit) as share_text
        from runs_summed
        where job_weight > 0
    )

select *
from final
