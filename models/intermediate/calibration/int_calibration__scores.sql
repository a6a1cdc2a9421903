-- Errors of each key before and after calibration, the latter on jobs that neither fit
-- nor form had seen; what was screened out has no part in them. One row per level,
-- component and key.
with
    predictions as (select * from {{ ref("int_calibration__predictions") }}),
    intervals as (select * from {{ ref("int_calibration__intervals") }}),

    judged as (
        select
            predictions.*,
            predictions.modelled_energy_kwh
            - predictions.measured_energy_kwh as error_before_kwh,
            predictions.predicted_energy_kwh
            - predictions.measured_energy_kwh as error_after_kwh,
            case
                when intervals.log_sd is null
                then null
                when
                    abs(
                        ln(
                            predictions.measured_energy_kwh
                            / predictions.predicted_energy_kwh
                        )
                    )
                    <= {{ z_90() }} * intervals.log_sd + 1e-9
                then 1.0
                else 0.0
            end as is_covered
        from predictions
        left join
            intervals
            on predictions.key_level = intervals.key_level
            and predictions.component = intervals.component
            and predictions.key = intervals.key
            and predictions.fold = intervals.kept_apart
    ),

    keys_scored as (
        select
            key_level,
            component,
            key,
            {% for side in ["before", "after"] %}
                {{
                    exact_sum(
                        "case when not is_outlier then abs(error_"
                        ~ side
                        ~ "_kwh) / measured_energy_kwh end"
                    )
                }} / count(
                    case when not is_outlier then error_{{ side }}_kwh end
                ) as mape_{{ side }},
                {{
                    exact_sum(
                        "case when not is_outlier then abs(error_"
                        ~ side
                        ~ "_kwh) end"
                    )
                }}
                /
                {{ exact_sum("case when not is_outlier then measured_energy_kwh end") }}
                as wape_{{ side }},
                {{
                    exact_sum(
                        "case when not is_outlier then error_" ~ side ~ "_kwh end"
                    )
                }}
                /
                {{ exact_sum("case when not is_outlier then measured_energy_kwh end") }}
                as bias_{{ side }},
            {% endfor %}
            count(*) as points,
            sum(case when is_outlier then 1 else 0 end) as outliers,
            count(case when not is_outlier then is_covered end) as intervals,
            {{ exact_sum("case when not is_outlier then is_covered end") }} / nullif(
                count(case when not is_outlier then is_covered end), 0
            ) as interval_coverage_ratio,
            {{
                group_key(
                    "concat(run_id, '|', attempt, '|', modelled_energy_kwh, '|', measured_energy_kwh, '|', is_outlier)"
                )
            }}
            as points_key
        from judged
        group by key_level, component, key
    )

select *
from keys_scored
