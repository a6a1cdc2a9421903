-- The settings that models read, side by side, with their defaults. One row.
with
    parameters as (select * from {{ ref("stg_settings__parameters") }}),

    final as (
        select
            coalesce(
                max(case when parameter = 'reporting.currency' then value end), 'EUR'
            ) as reporting_currency,
            coalesce(
                max(case when parameter = 'attribution.idle_policy' then value end),
                'reserved'
            ) as attribution_idle_policy,
            coalesce(
                max(
                    case
                        when parameter = 'anomaly.threshold' then cast(value as double)
                    end
                ),
                3.0
            ) as anomaly_threshold,
            coalesce(
                max(
                    case
                        when parameter = 'anomaly.min_history'
                        then cast(value as bigint)
                    end
                ),
                3
            ) as anomaly_min_history,
            coalesce(
                max(
                    case
                        when parameter = 'anomaly.window' then cast(value as bigint)
                    end
                ),
                20
            ) as anomaly_window,
            coalesce(
                max(
                    case
                        when parameter = 'factors.stale_after_years'
                        then cast(value as double)
                    end
                ),
                2.0
            ) as stale_after_years,
            coalesce(
                max(
                    case
                        when parameter = 'runs.lost_after_hours'
                        then cast(value as double)
                    end
                ),
                24.0
            ) as lost_after_hours
        from parameters
    )

select *
from final
