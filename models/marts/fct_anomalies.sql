-- Runs against three times the usual of the same job on the same hardware, with the
-- cause. One row per run and metric.
with
    comparisons as (select * from {{ ref("int_kpi__runs_against_baseline") }}),
    settings as (select * from {{ ref("int_settings__parameters") }}),

    comparisons_judged as (
        select
            comparisons.*,
            settings.anomaly_threshold as threshold,
            case
                when
                    comparisons.history_runs < settings.anomaly_min_history
                    or comparisons.ratio is null
                then 'not_enough_history'
                when comparisons.ratio >= settings.anomaly_threshold * (1 - 1e-9)
                then 'anomaly'
                else 'ok'
            end as status,
            greatest(
                coalesce(ln_hours, -99),
                coalesce(ln_devices, -99),
                coalesce(ln_power, -99),
                coalesce(ln_intensity, -99),
                coalesce(ln_price, -99)
            ) as largest_part
        from comparisons
        cross join settings
    ),

    final as (
        select
            md5(concat(run_id, '|', metric)) as anomaly_id,
            run_id,
            job_name,
            owner,
            metric,

            value,
            case
                when status <> 'not_enough_history' then baseline_value
            end as baseline_value,
            case
                when status <> 'not_enough_history' then baseline_run_id
            end as baseline_run_id,
            case when status <> 'not_enough_history' then ratio end as ratio,
            threshold,
            status,
            case
                when status <> 'anomaly'
                then null
                when largest_part = ln_hours
                then 'longer'
                when largest_part = ln_devices
                then 'more_devices'
                when largest_part = ln_power
                then 'higher_power'
                when largest_part = ln_intensity
                then 'dirtier_hours'
                when largest_part = ln_price
                then 'higher_price'
            end as main_cause,
            case when status <> 'not_enough_history' then ln_hours end as ln_hours,
            case when status <> 'not_enough_history' then ln_devices end as ln_devices,
            case when status <> 'not_enough_history' then ln_power end as ln_power,
            case
                when status <> 'not_enough_history' then ln_intensity
            end as ln_intensity,
            case when status <> 'not_enough_history' then ln_price end as ln_price,
            case when status = 'anomaly' then 'open' end as state,
            received_at_utc as detected_at_utc
        from comparisons_judged
    )

select *
from final
