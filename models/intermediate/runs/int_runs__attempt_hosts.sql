-- The machines that an attempt is known to have run on, where each of them is named and
-- of known hardware. One row per run, attempt and host.
with
    attempts as (select * from {{ ref("int_runs__resources") }}),
    intervals as (select * from {{ ref("int_runs__intervals") }}),
    jobs as (select * from {{ ref("int_runs__slurm_attempts") }}),
    events as (select * from {{ ref("int_runs__events_once") }}),
    hardware as (select * from {{ ref("int_energy__hardware") }}),

    hosts_named as (
        select jobs.run_id, jobs.attempt, node.host_id
        from jobs {{ unnested("jobs.nodes", "node", "host_id") }}
        union all
        -- The scheduler knows where its jobs ran.
        select events.run_id, events.attempt, events.host_id
        from events
        left join jobs using (run_id, attempt)
        where events.host_id is not null and jobs.run_id is null
    ),

    hosts_once as (
        select run_id, attempt, host_id
        from hosts_named
        group by run_id, attempt, host_id
    ),

    attempts_named as (
        select run_id, attempt, count(*) as host_count
        from hosts_once
        group by run_id, attempt
    ),

    attempts_on_hosts as (
        select
            hosts_once.run_id,
            hosts_once.attempt,
            hosts_once.host_id,

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

            attempts_named.host_count,
            {{ epoch_s("intervals.ended_at_utc") }}
            - {{ epoch_s("intervals.started_at_utc") }} as wall_s,
            attempts.duration_hours * 3600 as duration_s
        from hosts_once
        inner join attempts_named using (run_id, attempt)
        inner join attempts using (run_id, attempt)
        inner join intervals using (run_id, attempt)
        -- A machine of unknown processor (hardware_key '*') has no site.
        inner join
            hardware
            on attempts.provider_code = hardware.provider_code
            and attempts.site_name = hardware.site_name
            and attempts.hardware_key = hardware.hardware_key
        where
            attempts.hardware_key <> '*'
            and attempts_named.host_count = attempts.instance_count
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
            host_id,

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
