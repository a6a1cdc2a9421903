-- Machines and managed jobs that attempts in clouds name: what they call their
-- resource, and their hosts; and what part of the machine they hold. One row per run,
-- attempt and name as told.
with
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    hosts as (select * from {{ ref("int_runs__hosts") }}),
    resources as (select * from {{ ref("int_runs__resources") }}),
    intervals as (select * from {{ ref("int_runs__intervals") }}),
    hardware as (select * from {{ ref("int_energy__hardware") }}),

    names as (
        select
            run_id, attempt, lower(trim(resource_id)) as told_name, 1 as is_own_resource
        from attempts
        where trim(resource_id) <> ''
        union all
        select run_id, attempt, lower(trim(host_name)) as told_name, 0
        from hosts
    ),

    names_once as (
        select run_id, attempt, told_name, max(is_own_resource) as is_own_resource
        from names
        group by run_id, attempt, told_name
    ),

    names_held as (
        select
            names_once.*,
            coalesce(resources.provider_code, '') as provider_code,
            coalesce(resources.region, '') as region,
            intervals.started_at_utc,
            intervals.ended_at_utc as stopped_at_utc,
            coalesce(
                case
                    when resources.accelerators_per_instance > 0
                    then resources.accelerator_utilization_ratio
                end,
                resources.cpu_utilization_ratio,
                1.0
            ) as activity_ratio,
            resources.accelerators_per_instance
            * resources.accelerator_share as accelerators_held,
            resources.vcpus_per_instance as vcpus_held,
            hardware.accelerator_count as machine_accelerators,
            hardware.vcpus as machine_vcpus
        from names_once
        inner join resources using (run_id, attempt)
        inner join intervals using (run_id, attempt)
        left join
            hardware
            on resources.provider_code = hardware.provider_code
            and resources.site_name = hardware.site_name
            and resources.hardware_key = hardware.hardware_key
        where resources.site_name = ''
    ),

    final as (
        select
            run_id,
            attempt,
            told_name,

            provider_code,
            region,
            started_at_utc,
            stopped_at_utc,

            is_own_resource,
            activity_ratio,
            machine_accelerators,
            machine_vcpus,
            -- A machine's accelerators are what it is rented for.
            least(
                case
                    when machine_accelerators > 0 and accelerators_held > 0
                    then accelerators_held / machine_accelerators
                    else vcpus_held / nullif(machine_vcpus, 0)
                end,
                1.0
            ) as held_ratio,
            case
                when machine_accelerators > 0 and accelerators_held > 0
                then
                    concat(
                        accelerators_held, ' of ', machine_accelerators, ' accelerators'
                    )
                when vcpus_held is not null and machine_vcpus is not null
                then concat(vcpus_held, ' of ', machine_vcpus, ' vCPUs')
                else 'all of it, as its size is unknown'
            end as held_text
        from names_held
    )

select *
from final
