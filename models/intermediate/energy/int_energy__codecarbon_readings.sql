-- What CodeCarbon said each component used. A GPU's energy comes from its own counter;
-- a CPU's is measured where its counter is named; all else is an estimate. One row per
-- tracked run and component.
with
    tracked as (select * from {{ ref("int_runs__codecarbon_runs") }}),
    identities as (
        select * from {{ ref("int_runs__identities") }} where source = 'codecarbon'
    ),

    components_told as (
        select
            tracked.*,
            identities.run_id,
            identities.attempt,
            case
                when cpu_counter like '%rapl%' or tracking_mode like '%rapl%'
                then 'codecarbon_rapl'
                else 'codecarbon'
            end as cpu_meter,
            case
                when lower(gpu_model) like '%amd%' or lower(gpu_model) like '%instinct%'
                then 'codecarbon_amdsmi_energy'
                else 'codecarbon_nvml_energy'
            end as gpu_meter,
            coalesce(cpu_energy_kwh, gpu_energy_kwh, ram_energy_kwh)
            is not null as has_components
        from tracked
        inner join identities on tracked.source_run_id = identities.source_run_id
    ),

    readings as (
        {% for component, boundary, meter, energy, condition in [
            ("cpu", "component", "cpu_meter", "cpu_energy_kwh", "true"),
            ("memory", "component", "'codecarbon'", "ram_energy_kwh", "true"),
            (
                "accelerator",
                "component",
                "gpu_meter",
                "gpu_energy_kwh",
                "true",
            ),
            (
                "all",
                "node",
                "'codecarbon'",
                "energy_consumed_kwh",
                "not has_components",
            ),
        ] %}
            select
                source_run_id,
                run_id,
                attempt,
                '{{ component }}' as component,
                '{{ boundary }}' as boundary,

                started_at_utc as from_at_utc,
                {{ add_seconds("started_at_utc", "duration_s") }} as to_at_utc,

                {{ meter }} as meter,
                -- The figure is of all devices.
                {% if component == "accelerator" %}
                    greatest(cast(coalesce(gpu_count, 1) as bigint), 1)
                {% else %} cast(1 as bigint)
                {% endif %} as devices,
                {{ energy }} as energy_kwh
            from components_told
            -- 0 is what the file holds of a component that was not tracked.
            where {{ energy }} > 0 and duration_s > 0 and {{ condition }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    )

select *
from readings
