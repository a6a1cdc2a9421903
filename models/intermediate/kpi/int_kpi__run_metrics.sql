-- What runs said of their work: the last value of each metric, by the last attempt that
-- gave one, with what kind of metric it is. One row per run and metric.
with
    metrics as (select * from {{ ref("int_kpi__metrics_told") }}),
    sources as (select * from {{ ref("run_sources") }}),
    units as (select * from {{ ref("kpi_units") }}),

    metrics_ranked as (
        select
            metrics.run_id,
            metrics.metric_name,
            metrics.metric_value,
            translate(lower(metrics.metric_name), '/.-: ', '_____') as metric_key,
            row_number() over (
                partition by metrics.run_id, metrics.metric_name
                -- What is said at the end stands, however late a heartbeat arrives.
                order by
                    metrics.attempt desc,
                    case when metrics.is_final then 0 else 1 end,
                    sources.purpose_rank,
                    metrics.told_at_utc desc,
                    metrics.told_by desc
            ) as newest_rank
        from metrics
        inner join sources on metrics.source = sources.source_name
    ),

    names_matched as (
        select
            names.metric_key,
            units.kpi_name,
            units.kpi_unit,
            units.kpi_direction,
            units.is_functional_unit,
            row_number() over (
                partition by names.metric_key order by units.priority, units.metric_like
            ) as preference
        from (select metric_key from metrics_ranked group by metric_key) as names
        inner join units on names.metric_key like units.metric_like
    ),

    final as (
        select
            metrics_ranked.run_id,
            metrics_ranked.metric_name,

            names_matched.kpi_name,
            names_matched.kpi_unit,
            names_matched.kpi_direction,
            coalesce(names_matched.is_functional_unit, false) as is_functional_unit,

            metrics_ranked.metric_value
        from metrics_ranked
        left join
            names_matched
            on metrics_ranked.metric_key = names_matched.metric_key
            and names_matched.preference = 1
        where metrics_ranked.newest_rank = 1
    )

select *
from final
