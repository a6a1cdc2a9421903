-- The causes of a restated figure follow each other without a gap, and each one's
-- change is what lies between its before and its after.
with
    chained as (
        select
            *,
            lag(after) over (
                partition by from_version, month, metric, unit order by cause_number
            ) as ended_at,
            row_number() over (
                partition by from_version, month, metric, unit order by cause_number
            ) as place
        from {{ ref("fct_restatements") }}
    )

select from_version, month, metric, unit, cause
from chained
where
    (place > 1 and before is distinct from ended_at)
    or abs(coalesce(after, 0) - coalesce(before, 0) - change)
    > 1e-9 * greatest(abs(coalesce(after, 0)), abs(coalesce(before, 0)), abs(change))
