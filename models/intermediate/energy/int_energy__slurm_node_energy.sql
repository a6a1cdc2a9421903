-- Node energy that Slurm's plugin gave to a job, by node. Slurm charges a node's whole
-- energy to every job on it: it is a reading of the node, not of the job. Of a job on
-- several nodes only the sum is known, so each has the mean. One row per run, attempt
-- and node; one without a host where no node is named.
with
    attempts as (select * from {{ ref("int_runs__slurm_attempts") }}),
    accounting_rows as (select * from {{ ref("stg_slurm__accounting_rows") }}),
    hosts as (select * from {{ ref("int_runs__hosts") }}),
    intervals as (select * from {{ ref("int_runs__intervals") }}),

    -- Energy of a batch-only job stands only in its .batch row; batch and steps
    -- overlap.
    batch_energy as (
        select
            cluster_name,
            job_id,
            started_at_utc,
            max(consumed_energy_j) as batch_energy_j
        from accounting_rows
        where step_id = 'batch'
        group by cluster_name, job_id, started_at_utc
    ),

    attempts_with_energy as (
        select
            attempts.run_id,
            attempts.attempt,
            attempts.instance_count,
            intervals.started_at_utc as from_at_utc,
            intervals.ended_at_utc as to_at_utc,
            greatest(
                coalesce(attempts.allocation_energy_j, 0),
                coalesce(batch_energy.batch_energy_j, 0)
            ) as energy_j
        from attempts
        inner join
            intervals
            on attempts.run_id = intervals.run_id
            and attempts.attempt = intervals.attempt
        left join
            batch_energy
            on attempts.cluster_name = batch_energy.cluster_name
            and attempts.job_id = batch_energy.job_id
            and attempts.started_at_utc = batch_energy.started_at_utc
        where attempts.duration_s > 0
    ),

    final as (
        select
            attempts_with_energy.run_id,
            attempts_with_energy.attempt,
            hosts.host_key,

            from_at_utc,
            to_at_utc,

            energy_j / cast(coalesce(hosts.hosts, 1) as double) as energy_j,
            -- Nodes that the row stands for.
            case when hosts.hosts is null then instance_count else 1 end as nodes,
            coalesce(hosts.hosts, 1) > 1 as is_mean_of_nodes
        from attempts_with_energy
        left join
            hosts
            on attempts_with_energy.run_id = hosts.run_id
            and attempts_with_energy.attempt = hosts.attempt
        -- 0 J is what sacct prints where there is no plugin.
        where energy_j > 0
    )

select *
from final
