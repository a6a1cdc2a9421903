-- What meters saw of each component. A wider boundary (facility before node before
-- component) wins where it covers as much of the attempt as the narrower ones. One row
-- per run, attempt and component.
with
    readings as (select * from {{ ref("int_energy__readings_once") }}),
    resources as (select * from {{ ref("int_runs__resources") }}),

    components_metered as (
        select
            run_id,
            attempt,
            boundary,
            component,
            min(meter) as meter,
            count(distinct concat(host_id, '/', device_id)) as devices_seen,
            count(distinct host_id) as hosts_seen,
            {{ exact_sum("energy_kwh") }} as measured_energy_kwh,
            {{ exact_sum("own_s") }} as metered_device_s
        from readings
        group by run_id, attempt, boundary, component
    ),

    components_covered as (
        select
            components_metered.run_id,
            components_metered.attempt,
            components_metered.boundary,
            components_metered.component,
            components_metered.meter,
            components_metered.measured_energy_kwh,
            -- Device-seconds measured over device-seconds allocated. How many packages
            -- a machine has is known only from the machines that were seen.
            components_metered.metered_device_s / nullif(
                resources.duration_hours
                * 3600.0
                * case
                    when components_metered.meter = 'slurm_energy'
                    then 1.0
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

    boundaries_ranked as (
        select
            run_id,
            attempt,
            boundary,
            row_number() over (
                partition by run_id, attempt
                order by
                    case
                        when max(covered_ratio) >= 0.95 then 1.0 else max(covered_ratio)
                    end desc,
                    case boundary when 'facility' then 1 when 'node' then 2 else 3 end
            ) as preference
        from components_capped
        group by run_id, attempt, boundary
    ),

    final as (
        select
            components_capped.run_id,
            components_capped.attempt,
            components_capped.component,

            components_capped.boundary,
            components_capped.meter,

            components_capped.measured_energy_kwh,
            components_capped.covered_ratio
        from components_capped
        inner join
            boundaries_ranked
            on components_capped.run_id = boundaries_ranked.run_id
            and components_capped.attempt = boundaries_ranked.attempt
            and components_capped.boundary = boundaries_ranked.boundary
        where boundaries_ranked.preference = 1
    )

select *
from final
