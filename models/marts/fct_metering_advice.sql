-- What to meter next to learn most. Of the energy of a hardware that no meter saw, its
-- sigma is what it is unsure by; the prior being worth one job, J metered jobs leave
-- sigma² / (J + 1), so one job more takes sigma² / ((J + 1)(J + 2)) away. Jobs with the
-- most energy first; those metered on the hardware already are left out. One row per
-- component, hardware and job.
with
    components as (select * from {{ ref("int_energy__components") }}),
    subjects as (
        select *
        from {{ ref("int_calibration__subjects") }}
        where component <> 'all' and hardware is not null and job_key <> ''
    ),
    comparisons as (select * from {{ ref("int_calibration__comparisons") }}),
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    factors as (
        select * from {{ ref("int_uncertainty__factors") }} where kind = 'energy'
    ),

    metered as (
        select component, hardware, job_key
        from comparisons
        group by component, hardware, job_key
    ),

    metered_jobs as (
        select component, hardware, count(*) as metered_jobs
        from metered
        group by component, hardware
    ),

    parts as (
        select
            subjects.component,
            subjects.hardware,
            subjects.job_key,
            subjects.run_id,
            attempts.started_at_utc,
            components.energy_kwh
            - coalesce(components.measured_energy_kwh, 0.0) as unmetered_energy_kwh,
            case
                when components.calibration_id is not null
                then concat('calibrated:', components.calibration_id)
                else concat(components.modelled_method, ':', components.component)
            end as factor_key
        from subjects
        inner join
            components
            on subjects.run_id = components.run_id
            and subjects.attempt = components.attempt
            and subjects.component = components.component
        inner join
            attempts
            on subjects.run_id = attempts.run_id
            and subjects.attempt = attempts.attempt
        where components.covered_ratio < 0.95
    ),

    parts_ranked as (
        select
            parts.*,
            parts.unmetered_energy_kwh * factors.log_sd as sigma_kwh,
            row_number() over (
                partition by parts.component, parts.hardware, parts.job_key
                order by parts.started_at_utc desc nulls last, parts.run_id desc
            ) as newest_rank
        from parts
        inner join factors on parts.factor_key = factors.factor_key
        where parts.unmetered_energy_kwh > 0
    ),

    jobs as (
        select
            component,
            hardware,
            job_key,
            max(case when newest_rank = 1 then run_id end) as run_id,
            {{ exact_sum("unmetered_energy_kwh") }} as job_energy_kwh,
            {{ exact_sum("sigma_kwh") }} as job_sigma_kwh
        from parts_ranked
        group by component, hardware, job_key
    ),

    hardware_summed as (
        select
            component,
            hardware,
            {{ exact_sum("job_energy_kwh") }} as unmetered_energy_kwh,
            {{ exact_sum("job_sigma_kwh") }} as sigma_kwh
        from jobs
        group by component, hardware
    ),

    jobs_in_turn as (
        select
            jobs.component,
            jobs.hardware,
            jobs.job_key,
            jobs.run_id,
            coalesce(metered_jobs.metered_jobs, 0) as metered_jobs,
            hardware_summed.unmetered_energy_kwh,
            hardware_summed.sigma_kwh,
            jobs.job_energy_kwh,
            coalesce(metered_jobs.metered_jobs, 0) + row_number() over (
                partition by jobs.component, jobs.hardware
                order by jobs.job_energy_kwh desc, jobs.job_key
            ) as jobs_with_it
        from jobs
        inner join hardware_summed using (component, hardware)
        left join metered_jobs using (component, hardware)
        left join metered using (component, hardware, job_key)
        where metered.job_key is null
    ),

    final as (
        select
            component,
            hardware,
            job_key as job_name,
            run_id,

            cast(metered_jobs as bigint) as metered_jobs,
            unmetered_energy_kwh,
            job_energy_kwh,
            sigma_kwh / unmetered_energy_kwh as log_sd,
            sigma_kwh,
            sigma_kwh
            / sqrt(cast(jobs_with_it * (jobs_with_it + 1) as double)) as learned_kwh
        from jobs_in_turn
    )

select
    row_number() over (
        order by learned_kwh desc, component, hardware, job_name
    ) as advice_rank,
    *
from final
