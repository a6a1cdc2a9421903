-- Work that runs did, as amounts that emissions may be divided by. Where a run reports
-- the same amount under several names, the smallest counts. One row per run and KPI.
with
    metrics as (select * from {{ ref("int_kpi__run_metrics") }}),

    units_ranked as (
        select
            *,
            row_number() over (
                partition by run_id, kpi_name order by metric_value, metric_name
            ) as name_rank
        from metrics
        where is_functional_unit
    ),

    final as (
        select
            run_id,
            kpi_name,

            metric_name,
            kpi_unit,
            kpi_direction,

            metric_value as functional_units
        from units_ranked
        where name_rank = 1
    )

select *
from final
