-- Energy readings with the device that each is of. A device is known by its UUID, else
-- by its name on its host; one without a name or a host is the run's own. Meters of a
-- whole host go by their kind. A reading that does not count says why. One row per
-- reading.
with
    readings as (select * from {{ ref("int_energy__readings_told") }}),
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    meters as (select * from {{ ref("int_energy__meters") }}),
    zones as (select * from {{ ref("meter_zones") }}),

    readings_of_devices as (
        select
            *,
            case
                -- Its part alone: nobody else claims that.
                when is_share
                then null
                when
                    regexp_extract(
                        device_name,
                        '^(mig-)?(gpu-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(/[0-9]+)*$',
                        0
                    )
                    <> ''
                then device_name
                when component = 'all' and host_key is not null
                then concat(host_key, ' ', meter, ' ', coalesce(device_name, ''))
                when host_key is not null and device_name is not null
                then concat(host_key, ' ', device_name)
            end as device,
            -- The last word of package-0, package-0-core, energy-cores.
            case
                when component in ('cpu', 'memory', 'other')
                then regexp_extract(device_name, '([a-z]+)[^a-z]*$', 1)
            end as zone_name
        from readings
    ),

    -- MLflow knows a device by its number: what a job's own meter names is the same.
    own_meters as (
        select readings.run_id, readings.attempt, readings.component
        from readings
        inner join meters on readings.meter = meters.meter
        where meters.is_meter and readings.meter <> 'mlflow'
        group by readings.run_id, readings.attempt, readings.component
    ),

    final as (
        select
            readings_of_devices.run_id,
            readings_of_devices.attempt,
            concat(
                case when meters.is_meter then '' else 'estimate of ' end,
                readings_of_devices.boundary,
                ' ',
                readings_of_devices.component,
                ' ',
                coalesce(
                    readings_of_devices.device,
                    concat(
                        'of run ',
                        readings_of_devices.run_id,
                        ' attempt ',
                        readings_of_devices.attempt,
                        ' ',
                        coalesce(readings_of_devices.host_key, ''),
                        ' ',
                        case
                            when readings_of_devices.component = 'all'
                            then readings_of_devices.meter
                            else ''
                        end,
                        ' ',
                        coalesce(readings_of_devices.device_name, '')
                    )
                )
            ) as device_key,
            readings_of_devices.from_at_utc,
            readings_of_devices.to_at_utc,

            readings_of_devices.component,
            readings_of_devices.boundary,
            readings_of_devices.host_key,
            readings_of_devices.meter,
            meters.is_meter,
            meters.signal = 'counter'
            and not readings_of_devices.is_mean_of_nodes as is_exact,

            readings_of_devices.energy_j,
            readings_of_devices.devices,

            case
                when zones.zone is not null
                then 'inside_another_zone'
                when
                    readings_of_devices.meter = 'mlflow'
                    and own_meters.run_id is not null
                then 'another_meter_tells'
                -- What a meter saw while the attempt did not run is not the attempt's.
                when
                    readings_of_devices.to_at_utc <= attempts.started_at_utc
                    or readings_of_devices.from_at_utc
                    >= {{
                        add_seconds(
                            "attempts.started_at_utc",
                            "greatest(attempts.duration_s, 1)",
                        )
                    }}
                then 'outside_the_attempt'
            end as left_out_reason
        from readings_of_devices
        inner join
            attempts
            on readings_of_devices.run_id = attempts.run_id
            and readings_of_devices.attempt = attempts.attempt
        inner join meters on readings_of_devices.meter = meters.meter
        left join zones on readings_of_devices.zone_name = zones.zone
        left join
            own_meters
            on readings_of_devices.run_id = own_meters.run_id
            and readings_of_devices.attempt = own_meters.attempt
            and readings_of_devices.component = own_meters.component
    )

select *
from final
