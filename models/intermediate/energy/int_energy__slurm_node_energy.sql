-- Node energy that Slurm's plugin gave to a job which had its nodes to itself. Slurm
-- charges a node's whole energy to every job on it, so a shared node's figure says
-- nothing about one job. One row per run and attempt.
with
    attempts as (select * from {{ ref("int_runs__slurm_attempts") }}),
    accounting_rows as (select * from {{ ref("stg_slurm__accounting_rows") }}),

    attempts_on_nodes as (
        select
            attempts.run_id,
            attempts.attempt,
            attempts.cluster_name,
            attempts.started_at_utc,
            {{ add_seconds("attempts.started_at_utc", "attempts.duration_s") }}
            as stopped_at_utc,
            node.node_name
        from
            (select * from attempts where duration_s > 0) as attempts
            {{ unnested("attempts.nodes", "node", "node_name") }}
    ),

    attempts_beside_others as (
        select
            run_id,
            attempt,
            coalesce(
                max(stopped_at_utc) over (
                    partition by cluster_name, node_name
                    order by started_at_utc, stopped_at_utc, run_id, attempt
                    rows between unbounded preceding and 1 preceding
                )
                > started_at_utc,
                false
            )
            or coalesce(
                lead(started_at_utc) over (
                    partition by cluster_name, node_name
                    order by started_at_utc, stopped_at_utc, run_id, attempt
                )
                < stopped_at_utc,
                false
            ) as is_node_shared
        from attempts_on_nodes
    ),

    attempts_alone as (
        select run_id, attempt
        from attempts_beside_others
        group by run_id, attempt
        having not max(is_node_shared)
    ),

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

    final as (
        select
            attempts.run_id,
            attempts.attempt,

            attempts.started_at_utc as from_at_utc,
            {{ add_seconds("attempts.started_at_utc", "attempts.duration_s") }}
            as to_at_utc,

            greatest(
                coalesce(attempts.allocation_energy_j, 0),
                coalesce(batch_energy.batch_energy_j, 0)
            )
            / 3600000.0 as energy_kwh,
            greatest(cardinality(attempts.nodes), 1) as node_count
        from attempts
        inner join attempts_alone using (run_id, attempt)
        left join
            batch_energy
            on attempts.cluster_name = batch_energy.cluster_name
            and attempts.job_id = batch_energy.job_id
            and attempts.started_at_utc = batch_energy.started_at_utc
        -- 0 J is what sacct prints where there is no plugin.
        where
            greatest(
                coalesce(attempts.allocation_energy_j, 0),
                coalesce(batch_energy.batch_energy_j, 0)
            )
            > 0
    )

select *
from final
