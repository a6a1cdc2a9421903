-- What runs said of their work: the last value of each metric, by the last attempt that
-- gave one, with what kind of metric it is. One row per run and metric.
with
    metrics as (select * from {{ ref("stg_run_events__metrics") }}),
    events as (select * from {{ ref("int_runs__events_once") }}),
    units as (select * from {{ ref("kpi_units") }}),

    metrics_ranked as (
        select
            events.run_id,
            metrics.metric_name,
            metrics.metric_value,
            translate(lower(metrics.metric_name), '/.-: ', '_____') as metric_key,
            row_number() over (
                partition by events.run_id, metrics.metric_name
                -- What `finished` says stands, however late a heartbeat arrives.
                order by
                    events.attempt desc,
                    case events.event_type when 'finished' then 0 else 1 end,
                    metrics.event_at_utc desc,
                    metrics.event_id desc
            ) as newest_rank
        from metrics
        -- Of copies of an event one counts.
        inner join
            events
            on metrics.event_id = events.event_id
            and metrics.run_id = events.source_run_id
            and metrics.attempt = events.source_attempt
            and metrics.delivery_id = events.delivery_id
            and metrics.source_file = events.source_file
            and metrics.source_row = events.source_row
        where metrics.metric_value is not null
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
