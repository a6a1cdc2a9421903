-- Energy readings of run events, of CodeCarbon, of MLflow and of Slurm's node plugin,
-- one shape. A copy of an event brings none of its own; of a device that others used
-- too
-- it is the part that the reading says. One row per reading.
with
    readings as (select * from {{ ref("stg_run_events__energy_readings") }}),
    events as (select * from {{ ref("int_runs__events_once") }}),
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    hosts as (select * from {{ ref("int_runs__hosts") }}),
    nodes as (select * from {{ ref("int_energy__slurm_node_energy") }}),
    tracked as (select * from {{ ref("int_energy__codecarbon_readings") }}),
    sampled as (select * from {{ ref("int_energy__mlflow_readings") }}),

    -- An attempt on one host alone need not say it with each reading.
    sole_hosts as (
        select run_id, attempt, max(host_key) as host_key
        from hosts
        group by run_id, attempt
        having count(*) = 1
    ),

    final as (
        select
            events.run_id,
            events.attempt,
            readings.component,
            readings.boundary,
            coalesce(
                sole_hosts.host_key,
                {{ host_key("attempts.region", "readings.host_id") }}
            ) as host_key,
            lower(readings.device_id) as device_name,

            readings.from_at_utc,
            readings.to_at_utc,

            coalesce(readings.meter, 'unnamed meter') as meter,
            readings.energy_kwh
            * 3600000.0
            * coalesce(readings.share_ratio, 1.0) as energy_j,
            1 as devices,
            false as is_mean_of_nodes,
            readings.share_ratio is not null as is_share
        from readings
        inner join
            events
            on readings.delivery_id = events.delivery_id
            and readings.source_file = events.source_file
            and readings.source_row = events.source_row
        inner join
            attempts
            on events.run_id = attempts.run_id
            and events.attempt = attempts.attempt
        left join
            sole_hosts
            on events.run_id = sole_hosts.run_id
            and events.attempt = sole_hosts.attempt
        union all
        select
            run_id,
            attempt,
            'all' as component,
            'node' as boundary,
            host_key,
            cast(null as string) as device_name,

            from_at_utc,
            to_at_utc,

            'slurm_energy' as meter,
            energy_j,
            nodes as devices,
            is_mean_of_nodes,
            false as is_share
        from nodes
        union all
        select
            tracked.run_id,
            tracked.attempt,
            tracked.component,
            tracked.boundary,
            sole_hosts.host_key,
            cast(null as string) as device_name,

            tracked.from_at_utc,
            tracked.to_at_utc,

            tracked.meter,
            tracked.energy_kwh * 3600000.0 as energy_j,
            tracked.devices,
            false as is_mean_of_nodes,
            false as is_share
        from tracked
        left join
            sole_hosts
            on tracked.run_id = sole_hosts.run_id
            and tracked.attempt = sole_hosts.attempt
        union all
        select
            sampled.run_id,
            sampled.attempt,
            'accelerator' as component,
            'component' as boundary,
            sole_hosts.host_key,
            sampled.device_name,

            sampled.from_at_utc,
            sampled.to_at_utc,

            'mlflow' as meter,
            sampled.energy_j,
            1 as devices,
            false as is_mean_of_nodes,
            false as is_share
        from sampled
        left join
            sole_hosts
            on sampled.run_id = sole_hosts.run_id
            and sampled.attempt = sole_hosts.attempt
    )

select *
from final
