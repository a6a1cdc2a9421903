-- Phases of jobs of managed services that tell them, in order, and whether the job had
-- machines in them. A phase nobody knows had them if the job had begun. One row per
-- source, job and phase.
with
    jobs as (select * from {{ ref("int_runs__managed_jobs") }}),
    phases_known as (select * from {{ ref("managed_job_phases") }}),

    phases as (
        select
            jobs.source,
            jobs.source_run_id,
            jobs.started_at_utc as job_started_at_utc,
            transition.status as phase,
            {{ utc_timestamp("transition.started_at_utc") }} as started_at_utc,
            coalesce(
                {{ utc_timestamp("transition.ended_at_utc") }},
                jobs.ended_at_utc,
                jobs.read_at_utc
            ) as ended_at_utc
        from jobs {{ unnested("jobs.transitions", "told", "transition") }}
    ),

    phases_numbered as (
        select
            phases.source,
            phases.source_run_id,
            phases.phase,
            phases.started_at_utc,
            phases.ended_at_utc,
            coalesce(
                phases_known.has_machines,
                phases.started_at_utc >= phases.job_started_at_utc,
                false
            ) as has_machines,
            phases_known.ends_as,
            row_number() over (
                partition by phases.source, phases.source_run_id
                order by
                    phases.started_at_utc,
                    phases.ended_at_utc nulls last,
                    phases_known.phase_rank nulls last,
                    phases.phase
            ) as phase_number
        from phases
        left join
            phases_known
            on phases.source = phases_known.source_name
            and phases.phase = phases_known.phase
    ),

    phases_compared as (
        select
            *,
            coalesce(
                lag(has_machines) over (
                    partition by source, source_run_id order by phase_number
                ),
                false
            ) as had_machines,
            lead(ends_as) over (
                partition by source, source_run_id order by phase_number
            ) as next_ends_as
        from phases_numbered
    ),

    final as (
        select
            *,
            sum(case when has_machines and not had_machines then 1 else 0 end) over (
                partition by source, source_run_id
                order by phase_number
                rows between unbounded preceding and current row
            ) as period_number
        from phases_compared
    )

select *
from final
