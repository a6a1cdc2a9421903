-- Machines of jobs of managed services, those of one kind added up; the pool with the
-- most accelerators, else machines, comes last. One row per source, job and kind of
-- machine.
with
    jobs as (select * from {{ ref("int_runs__managed_jobs") }}),

    pools as (
        select
            jobs.source,
            jobs.source_run_id,
            pool.machine_type,
            pool.accelerator_type,
            pool.accelerators,
            pool.tpu_topology,
            sum(coalesce(pool.machines, 1)) as machines
        from jobs {{ unnested("jobs.pools", "told", "pool") }}
        where coalesce(pool.machines, 1) > 0
        group by all
    ),

    final as (
        select
            source,
            source_run_id,
            row_number() over (
                partition by source, source_run_id
                order by
                    coalesce(accelerators, 0) * machines,
                    machines,
                    machine_type,
                    accelerator_type,
                    tpu_topology
            ) as pool_number,

            machine_type,
            accelerator_type,
            tpu_topology,

            machines,
            accelerators,
            count(*) over (partition by source, source_run_id) as pools
        from pools
    )

select *
from final
