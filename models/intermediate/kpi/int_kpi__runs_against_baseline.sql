-- Each run beside its usual one, metric by metric, with the exact parts of the ratio.
-- One row per run and metric.
with
    runs as (select * from {{ ref("int_runs__runs") }}),
    baselines as (select * from {{ ref("int_kpi__baselines") }}),

    runs_measured as (
        select
            run_id,
            duration_s / 3600.0 as wall_hours,
            coalesce(
                nullif(accelerator_count, 0),
                vcpu_hours / nullif(duration_s / 3600.0, 0)
            ) as devices,
            facility_energy_kwh,
            emissions_location_g_co2e,
            effective_cost,
            duration_s,
            grid_intensity_g_per_kwh
        from runs
    ),

    pairs as (
        select
            runs.run_id,
            runs.job_name,
            runs.owner,
            runs.received_at_utc,
            baselines.baseline_run_id,
            coalesce(baselines.history_runs, 0) as history_runs,
            mine.facility_energy_kwh,
            usual.facility_energy_kwh as usual_facility_energy_kwh,
            mine.emissions_location_g_co2e,
            usual.emissions_location_g_co2e as usual_emissions_location_g_co2e,
            mine.effective_cost,
            usual.effective_cost as usual_effective_cost,
            mine.duration_s,
            usual.duration_s as usual_duration_s,
            ln(nullif(mine.wall_hours, 0) / nullif(usual.wall_hours, 0)) as ln_hours,
            ln(nullif(mine.devices, 0) / nullif(usual.devices, 0)) as ln_devices,
            ln(
                nullif(mine.grid_intensity_g_per_kwh, 0)
                / nullif(usual.grid_intensity_g_per_kwh, 0)
            ) as ln_intensity
        from runs
        inner join runs_measured as mine on runs.run_id = mine.run_id
        left join baselines on runs.run_id = baselines.run_id
        left join runs_measured as usual on baselines.baseline_run_id = usual.run_id
        where runs.started_at_utc is not null
    ),

    final as (
        {% for metric in [
            "facility_energy_kwh",
            "effective_cost",
            "emissions_location_g_co2e",
            "duration_s",
        ] %}
            select
                run_id,
                job_name,
                owner,
                received_at_utc,
                baseline_run_id,
                history_runs,
                '{{ metric }}' as metric,
                {{ metric }} as value,
                usual_{{ metric }} as baseline_value,
                -- A refund can make a cost negative; then there is no ratio to speak
                -- of.
                case
                    when {{ metric }} > 0 and usual_{{ metric }} > 0
                    then {{ metric }} / usual_{{ metric }}
                end as ratio,
                ln_hours,
                {% if metric == "duration_s" %} cast(null as double)
                {% else %} ln_devices
                {% endif %} as ln_devices,
                {% if metric in ("facility_energy_kwh", "emissions_location_g_co2e") %}
                    case
                        when facility_energy_kwh > 0 and usual_facility_energy_kwh > 0
                        then
                            ln(facility_energy_kwh / usual_facility_energy_kwh)
                            - ln_hours
                            - ln_devices
                    end
                {% else %} cast(null as double)
                {% endif %} as ln_power,
                {% if metric == "emissions_location_g_co2e" %} ln_intensity
                {% else %} cast(null as double)
                {% endif %} as ln_intensity,
                {% if metric == "effective_cost" %}
                    case
                        when effective_cost > 0 and usual_effective_cost > 0
                        then
                            ln(effective_cost / usual_effective_cost)
                            - ln_hours
                            - ln_devices
                    end
                {% else %} cast(null as double)
                {% endif %} as ln_price
            from pairs
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    )

select *
from final
