-- What other tools' models say each component used, where they say it for the whole
-- attempt. One row per run, attempt and component.
with
    readings as (
        select * from {{ ref("int_energy__readings_once") }} where not is_meter
    ),
    resources as (select * from {{ ref("int_runs__resources") }}),

    components_told as (
        select
            run_id,
            attempt,
            component,
            boundary,
            case when component = 'all' then meter end as tool,
            min(meter) as meter,
            count(distinct device_key) as devices_seen,
            greatest(count(distinct host_key), 1) as hosts_seen,
            {{ exact_sum("energy_kwh") }} as estimated_energy_kwh,
            {{ exact_sum("metered_s") }} as told_device_s
        from readings
        group by
            run_id,
            attempt,
            component,
            boundary,
            case when component = 'all' then meter end
    ),

    components_covered as (
        select
            components_told.*,
            resources.duration_hours,
            coalesce(
                components_told.told_device_s / nullif(
                    resources.duration_hours
                    * 3600.0
                    * cast(components_told.devices_seen as double)
                    * resources.instance_count
                    / components_told.hosts_seen,
                    0
                ),
                1.0
            ) as covered_ratio
        from components_told
        inner join resources using (run_id, attempt)
    ),

    components_ranked as (
        select
            *,
            row_number() over (
                partition by run_id, attempt, component
                order by
                    case
                        when covered_ratio >= 0.95 then 1.0 else covered_ratio
                    end desc,
                    case boundary when 'facility' then 1 else 2 end,
                    meter
            ) as preference
        from components_covered
    ),

    final as (
        select
            run_id,
            attempt,
            component,

            boundary,
            meter,
            duration_hours,

            estimated_energy_kwh,
            case
                when covered_ratio > 1 then 1.0 else covered_ratio
            end as covered_ratio,
            covered_ratio >= 0.95 as is_whole
        from components_ranked
        where preference = 1
    )

select *
from final
