-- What meters saw of each component. A wider boundary (facility before node before
-- component) wins where it covers as much of the attempt as the narrower ones; so does
-- the counter of several kinds of meters of the whole. One row per run, attempt and
-- component.
with
    readings as (
        select
            *,
            -- Meters of the whole see the same joules, those of components each their
            -- own.
            case when component = 'all' then meter else 'components' end as instrument
        from {{ ref("int_energy__readings_once") }}
        where is_meter
    ),
    resources as (select * from {{ ref("int_runs__resources") }}),

    components_metered as (
        select
            run_id,
            attempt,
            boundary,
            instrument,
            component,
            min(meter) as meter,
            min(signal_rank) as signal_rank,
            count(distinct device_key) as devices_seen,
            greatest(count(distinct host_key), 1) as hosts_seen,
            {{ exact_sum("energy_kwh") }} as measured_energy_kwh,
            {{ exact_sum("device_energy_kwh") }} as devices_energy_kwh,
            {{ exact_sum("metered_s") }} as metered_device_s
        from readings
        group by run_id, attempt, boundary, instrument, component
    ),

    components_covered as (
        select
            components_metered.*,
            -- Device-seconds measured over device-seconds allocated. How many packages
            -- a machine has is known only from the machines that were seen.
            components_metered.metered_device_s / nullif(
                resources.duration_hours
                * 3600.0
                * case
                    when
                        components_metered.component = 'accelerator'
                        and resources.accelerators_per_instance > 0
                    then resources.accelerators_per_instance * resources.instance_count
                    when components_metered.component = 'all'
                    then cast(resources.instance_count as double)
                    else
                        cast(components_metered.devices_seen as double)
                        * resources.instance_count
                        / components_metered.hosts_seen
                end,
                0
            ) as uncapped_covered_ratio
        from components_metered
        inner join resources using (run_id, attempt)
    ),

    components_capped as (
        select
            *,
            case
                when uncapped_covered_ratio > 1
                then 1.0
                else coalesce(uncapped_covered_ratio, 1.0)
            end as covered_ratio
        from components_covered
    ),

    instruments_ranked as (
        select
            run_id,
            attempt,
            boundary,
            instrument,
            row_number() over (
                partition by run_id, attempt
                order by
                    case
                        when max(covered_ratio) >= 0.95 then 1.0 else max(covered_ratio)
                    end desc,
                    case boundary when 'facility' then 1 when 'node' then 2 else 3 end,
                    min(signal_rank),
                    instrument
            ) as preference
        from components_capped
        group by run_id, attempt, boundary, instrument
    ),

    final as (
        select
            components_capped.run_id,
            components_capped.attempt,
            components_capped.component,

            components_capped.boundary,
            components_capped.meter,

            components_capped.measured_energy_kwh,
            components_capped.devices_energy_kwh,
            components_capped.covered_ratio
        from components_capped
        inner join
            instruments_ranked
            on components_capped.run_id = instruments_ranked.run_id
            and components_capped.attempt = instruments_ranked.attempt
            and components_capped.boundary = instruments_ranked.boundary
            and components_capped.instrument = instruments_ranked.instrument
        where instruments_ranked.preference = 1
    )

select *
from final
