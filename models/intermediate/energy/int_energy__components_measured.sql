-- What meters saw of each component, the same joule once: copies of a reading and
-- readings inside a
-- longer one of the same device are left out. The widest boundary wins, facility
-- before node before
-- component. One row per run, attempt and component.
with
    event_readings as (select * from {{ ref("stg_run_events__energy_readings") }}),
    slurm_readings as (select * from {{ ref("int_energy__slurm_node_energy") }}),
    resources as (select * from {{ ref("int_runs__resources") }}),

    readings as (
        select
            run_id,
            attempt,
            component,
            boundary,
            coalesce(host_id, '') as host_id,
            coalesce(device_id, '') as device_id,
            from_at_utc,
            to_at_utc,
            coalesce(meter, 'unnamed meter') as meter,
            energy_kwh,
            event_id as reading_id
        from event_readings
        union all
        select
            run_id,
            attempt,
            'all' as component,
            'node' as boundary,
            '' as host_id,
            concat('all ', node_count, ' nodes') as device_id,
            from_at_utc,
            to_at_utc,
            'slurm_energy' as meter,
            energy_kwh,
            run_id as reading_id
        from slurm_readings
    ),

    readings_widest as (
        select
            *,
            min(
                case boundary when 'facility' then 1 when 'node' then 2 else 3 end
            ) over (partition by run_id, attempt) as widest_boundary_rank,
            case
                boundary when 'facility' then 1 when 'node' then 2 else 3
            end as boundary_rank
        from readings
    ),

    readings_covered as (
        select
            *,
            max(to_at_utc) over (
                partition by run_id, attempt, component, host_id, device_id
                -- A counter goes before samples of power.
                order by
                    from_at_utc,
                    to_at_utc desc,
                    case when meter like '%power%' then 1 else 0 end,
                    reading_id
                rows between unbounded preceding and 1 preceding
            ) as covered_until_at_utc
        from readings_widest
        where boundary_rank = widest_boundary_rank
    ),

    readings_once as (
        select *
        from readings_covered
        where covered_until_at_utc is null or covered_until_at_utc < to_at_utc
    ),

    components_metered as (
        select
            run_id,
            attempt,
            component,
            max(boundary) as boundary,
            min(meter) as meter,
            count(distinct concat(host_id, '/', device_id)) as devices_seen,
            {{ exact_sum("energy_kwh") }} as measured_energy_kwh,
            {{ exact_sum(epoch_s("to_at_utc") ~ " - " ~ epoch_s("from_at_utc")) }}
            as metered_device_s
        from readings_once
        group by run_id, attempt, component
    ),

    final as (
        select
            components_metered.run_id,
            components_metered.attempt,
            components_metered.component,

            components_metered.boundary,
            components_metered.meter,

            components_metered.measured_energy_kwh,
            -- Device-seconds measured over device-seconds allocated.
            least(
                components_metered.metered_device_s / nullif(
                    resources.duration_hours
                    * 3600.0
                    * case
                        when
                            components_metered.component = 'accelerator'
                            and resources.accelerators_per_instance > 0
                        then
                            resources.accelerators_per_instance
                            * resources.instance_count
                        when
                            components_metered.component = 'all'
                            and components_metered.meter <> 'slurm_energy'
                        then cast(resources.instance_count as double)
                        else components_metered.devices_seen
                    end,
                    0
                ),
                1.0
            ) as covered_ratio
        from components_metered
        inner join resources using (run_id, attempt)
    )

select *
from final
