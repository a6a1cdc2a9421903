-- What runs said of their work and of how good it is: the last value of each metric.
-- One row per run and metric.
with
    metrics as (select * from {{ ref("int_kpi__run_metrics") }}),
    runs as (select * from {{ ref("int_runs__runs") }}),

    final as (
        select
            metrics.run_id,
            metrics.metric_name,

            metrics.metric_value,

            metrics.kpi_name,
            metrics.kpi_unit,
            metrics.kpi_direction
        from metrics
        inner join runs on metrics.run_id = runs.run_id
    )

select *
from final
