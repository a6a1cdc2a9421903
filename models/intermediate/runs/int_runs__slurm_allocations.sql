-- Slurm allocations, each known once however many dumps hold it, with what Slurm calls
-- its state. One row per cluster, job id and submit time.
with
    accounting_rows as (select * from {{ ref("stg_slurm__accounting_rows") }}),
    states as (select * from {{ ref("slurm_states") }}),

    allocations as (
        select
            accounting_rows.*,
            coalesce(states.status, 'lost') as status,
            row_number() over (
                partition by
                    accounting_rows.cluster_name,
                    accounting_rows.job_id,
                    accounting_rows.submitted_at_utc
                -- The dump that saw the job furthest along tells; between equals, the
                -- newest.
                order by
                    coalesce(states.is_terminal, false) desc,
                    accounting_rows.ended_at_utc desc nulls last,
                    accounting_rows.elapsed_s desc nulls last,
                    accounting_rows.received_at_utc desc,
                    accounting_rows.delivery_id desc,
                    accounting_rows.source_row desc
            ) as copy_rank
        from accounting_rows
        left join states on accounting_rows.slurm_state = states.slurm_state
        where accounting_rows.step_id is null
    ),

    allocations_in_order as (
        select
            *,
            lag(job_name) over (
                partition by cluster_name, job_id
                order by
                    submitted_at_utc,
                    started_at_utc,
                    delivery_id,
                    source_file,
                    source_row
            ) as job_name_before,
            lag(user_name) over (
                partition by cluster_name, job_id
                order by
                    submitted_at_utc,
                    started_at_utc,
                    delivery_id,
                    source_file,
                    source_row
            ) as user_name_before
        from allocations
        where copy_rank = 1
    ),

    -- Job ids start again when a controller is reset: another job or user under an id
    -- that was seen before is another run.
    allocations_counted as (
        select
            *,
            sum(
                case
                    when job_name_before <> job_name or user_name_before <> user_name
                    then 1
                    else 0
                end
            ) over (
                partition by cluster_name, job_id
                order by
                    submitted_at_utc,
                    started_at_utc,
                    delivery_id,
                    source_file,
                    source_row
                rows between unbounded preceding and current row
            ) as ids_reused
        from allocations_in_order
    )

select *
from allocations_counted
