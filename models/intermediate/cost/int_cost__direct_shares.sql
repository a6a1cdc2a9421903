-- Charges that are a run's, or a job's and so its runs', by what the charge itself
-- says: a resource that was the run's alone, else a tag of the run, else one of the
-- job. One row per charge and run.
with
    charges as (select * from {{ ref("int_cost__charges_wanted") }}),
    run_resources as (select * from {{ ref("int_cost__run_resources") }}),
    job_shares as (select * from {{ ref("int_cost__job_shares") }}),

    told as (
        select
            charges.charge_number,
            run_resources.run_id,
            1 as rung,
            'billed_resource' as cost_method,
            cast(1.0 as double) as share,
            cast(null as double) as part_hours,
            cast(null as double) as whole_hours,
            'no other run had it' as share_text
        from charges
        inner join
            run_resources
            on charges.resource_text = run_resources.resource_text
            and charges.charge_start_at_utc < run_resources.stopped_at_utc
            and charges.charge_end_at_utc > run_resources.started_at_utc
            -- A charge of more than a day may span two tenures: it belongs to a sole
            -- one only.
            and (
                run_resources.tenures = 1
                or charges.charge_end_at_utc
                <= charges.charge_start_at_utc + interval 1 day
            )
        union all
        select
            charge_number,
            tagged_run_id as run_id,
            2 as rung,
            'billed_tag' as cost_method,
            cast(1.0 as double) as share,
            cast(null as double) as part_hours,
            cast(null as double) as whole_hours,
            'tagged with the run' as share_text
        from charges
        where tagged_run_id is not null
        union all
        select
            charges.charge_number,
            job_shares.run_id,
            3 as rung,
            'billed_tag' as cost_method,
            job_shares.share,
            job_shares.part_hours,
            job_shares.whole_hours,
            job_shares.share_text
        from charges
        inner join
            job_shares
            on charges.provider_code = job_shares.provider_code
            and charges.tagged_job_key = job_shares.job_key
            and charges.charge_start_at_utc = job_shares.charge_start_at_utc
            and charges.period_end_at_utc = job_shares.period_end_at_utc
    ),

    told_ranked as (
        select *, min(rung) over (partition by charge_number) as best_rung from told
    ),

    final as (
        select
            charge_number,
            run_id,
            cost_method,
            share,
            part_hours,
            whole_hours,
            share_text
        from told_ranked
        where rung = best_rung
    )

select *
from final
