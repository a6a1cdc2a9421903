-- A run's cost is the sum of its parts, and its part of the bill is what the bill's
-- allocation says it is.
with
    runs as (select * from {{ ref("fct_runs") }}),
    parts as (
        select
            run_id,
            sum(effective_cost) as effective_cost,
            sum(abs(effective_cost)) as cost_size
        from {{ ref("fct_run_cost_parts") }}
        group by run_id
    ),

    parts_of_bills as (
        select
            run_id,
            part_currency,
            sum(part_cost) as part_cost,
            sum(abs(part_cost)) as part_size
        from {{ ref("fct_run_cost_parts") }}
        where not is_imputed
        group by run_id, part_currency
    ),

    allocated as (
        select run_id, cost_currency, sum(effective_cost) as effective_cost
        from {{ ref("fct_cost_allocation") }}
        where run_id is not null
        group by run_id, cost_currency
    )

select runs.run_id, runs.effective_cost as told, parts.effective_cost as added
from runs
left join parts on runs.run_id = parts.run_id
where
    runs.effective_cost is not null
    and (
        parts.effective_cost is null
        or abs(runs.effective_cost - parts.effective_cost)
        > 1e-9 * (1e-6 + parts.cost_size)
    )
union all
select allocated.run_id, allocated.effective_cost, parts_of_bills.part_cost
from allocated
full outer join
    parts_of_bills
    on allocated.run_id = parts_of_bills.run_id
    and allocated.cost_currency = parts_of_bills.part_currency
where
    allocated.run_id is null
    or parts_of_bills.run_id is null
    or abs(allocated.effective_cost - parts_of_bills.part_cost)
    > 1e-9 * (1e-6 + parts_of_bills.part_size)
