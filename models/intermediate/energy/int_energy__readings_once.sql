-- What each attempt is charged of the devices it claims: the same joule once over all
-- runs. While several claim a device they share what it uses by the weight of their
-- claims; the time counts whole for each. One row per run, attempt and device.
with
    readings as (
        select * from {{ ref("int_energy__readings") }} where left_out_reason is null
    ),
    claims as (select * from {{ ref("int_energy__claims") }}),
    moments as (select * from {{ ref("int_energy__device_moments") }}),

    devices as (
        select
            device_key,
            min(is_meter) as is_meter,
            min(case when is_exact then 1 else 2 end) as signal_rank,
            min(boundary) as boundary,
            min(component) as component,
            min(host_key) as host_key,
            min(meter) as meter,
            max(devices) as devices
        from readings
        group by device_key
    ),

    claims_metered as (
        select
            claims.run_id,
            claims.attempt,
            claims.device_key,
            ends.known_s - starts.known_s as known_s,
            ends.energy_j - starts.energy_j as device_energy_j,
            cast(ends.energy_j_per_weight - starts.energy_j_per_weight as double)
            * claims.weight as energy_j
        from claims
        inner join
            moments as starts
            on claims.device_key = starts.device_key
            and claims.from_at_utc = starts.at_utc
        inner join
            moments as ends
            on claims.device_key = ends.device_key
            and claims.to_at_utc = ends.at_utc
        where ends.known_s > starts.known_s
    ),

    final as (
        select
            claims_metered.run_id,
            claims_metered.attempt,
            claims_metered.device_key,

            devices.boundary,
            devices.component,
            devices.host_key,
            devices.meter,
            devices.is_meter,
            devices.signal_rank,

            {{ exact_sum("claims_metered.known_s * devices.devices") }} as metered_s,
            {{ exact_sum("claims_metered.energy_j") }} / 3600000.0 as energy_kwh,
            {{ exact_sum("claims_metered.device_energy_j") }}
            / 3600000.0 as device_energy_kwh
        from claims_metered
        inner join devices on claims_metered.device_key = devices.device_key
        group by
            claims_metered.run_id,
            claims_metered.attempt,
            claims_metered.device_key,
            devices.boundary,
            devices.component,
            devices.host_key,
            devices.meter,
            devices.is_meter,
            devices.signal_rank
    )

select *
from final
