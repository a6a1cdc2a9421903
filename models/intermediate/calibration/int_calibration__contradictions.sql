-- Workloads that a key's calibration is not for: three or more runs were metered, and
-- most of them lie so far from the others that they were screened out. One row per
-- level, component, key and workload kind.
with
    points as (select * from {{ ref("int_calibration__points") }}),

    final as (
        select
            key_level,
            component,
            key,
            workload_kind,

            count(*) as points,
            sum(case when is_outlier then 1 else 0 end) as outliers
        from points
        where workload_kind is not null
        group by key_level, component, key, workload_kind
        having
            count(*) >= 3 and 2 * sum(case when is_outlier then 1 else 0 end) > count(*)
    )

select *
from final
