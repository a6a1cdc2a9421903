-- The machines that an attempt is known to have run on, where each of them is named and
-- of known hardware. One row per run, attempt and host.
with
    hosts as (select * from {{ ref("int_runs__hosts") }}),
    attempts as (select * from {{ ref("int_runs__resources") }}),
    intervals as (select * from {{ ref("int_runs__intervals") }}),
    hardware as (select * from {{ ref("int_energy__hardware") }}),

    attempts_on_hosts as (
        select
            hosts.run_id,
            hosts.attempt,
            hosts.host_key,
            hosts.host_name,

            intervals.started_at_utc,
            intervals.ended_at_utc as stopped_at_utc,

            attempts.provider_code,
            coalesce(attempts.region, '') as region,
            attempts.site_name,
            hardware.machine_key,
            attempts.vcpus_per_instance = hardware.vcpus
            and attempts.memory_gib_per_instance = hardware.memory_gib
            -- Accelerators that were attached to a type without any are the attempt's.
            and (
                hardware.accelerator_count = 0
                or hardware.accelerator_count
                = attempts.accelerators_per_instance * attempts.accelerator_share
            ) as holds_all,

            hosts.hosts as host_count,
            {{ epoch_s("intervals.ended_at_utc") }}
            - {{ epoch_s("intervals.started_at_utc") }} as wall_s,
            attempts.duration_hours * 3600 as duration_s
        from hosts
        inner join attempts using (run_id, attempt)
        inner join intervals using (run_id, attempt)
        -- A machine of unknown processor (hardware_key '*') has no site.
        inner join
            hardware
            on attempts.provider_code = hardware.provider_code
            and attempts.site_name = hardware.site_name
            and attempts.hardware_key = hardware.hardware_key
        where attempts.hardware_key <> '*' and hosts.hosts = attempts.instance_count
    ),

    attempts_running as (
        select
            *,
            -- A suspended job held its part of the host for some of the time. Instants
            -- are exact to a microsecond.
            case
                when abs(duration_s - wall_s) < 0.000002
                then 1.0
                else duration_s / wall_s
            end as running_ratio
        from attempts_on_hosts
    ),

    final as (
        select
            run_id,
            attempt,
            host_key,
            host_name,

            started_at_utc,
            stopped_at_utc,

            provider_code,
            region,
            site_name,
            machine_key,
            coalesce(
                holds_all and host_count = 1 and running_ratio = 1, false
            ) as is_whole_machine,

            host_count,
            wall_s,
            running_ratio
        from attempts_running
    )

select *
from final
