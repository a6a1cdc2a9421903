-- Resources of the bill that belonged to one run alone. One row per resource.
with
    attempts as (select * from {{ ref("int_runs__attempts") }}),

    final as (
        select resource_id, max(run_id) as run_id
        from attempts
        where resource_id is not null and duration_s > 0
        group by resource_id
        -- A machine that several runs used in turn is shared out by another rung.
        having count(distinct run_id) = 1
    )

select *
from final
