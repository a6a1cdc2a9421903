-- Readings of meters with the same joule left in once: of readings of one device that
-- overlap, the later ones keep only the part that no earlier one covered. One row per
-- reading with a part of its own.
with
    readings_told as (select * from {{ ref("stg_run_events__energy_readings") }}),
    events as (select * from {{ ref("int_runs__events_once") }}),
    slurm_readings as (select * from {{ ref("int_energy__slurm_node_energy") }}),
    attempts as (select * from {{ ref("int_runs__attempts") }}),

    readings as (
        -- A copy of an event brings no reading of its own.
        select
            readings_told.run_id,
            readings_told.attempt,
            readings_told.component,
            readings_told.boundary,
            coalesce(readings_told.host_id, '') as host_id,
            coalesce(readings_told.device_id, '') as device_id,
            readings_told.from_at_utc,
            readings_told.to_at_utc,
            coalesce(readings_told.meter, 'unnamed meter') as meter,
            readings_told.energy_kwh,
            readings_told.event_id as reading_id
        from readings_told
        inner join
            events
            on readings_told.delivery_id = events.delivery_id
            and readings_told.source_file = events.source_file
            and readings_told.source_row = events.source_row
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

    -- What a meter saw while the attempt did not run is not the attempt's.
    readings_of_attempts as (
        select readings.*
        from readings
        inner join
            attempts
            on readings.run_id = attempts.run_id
            and readings.attempt = attempts.attempt
        where
            attempts.started_at_utc is null
            or attempts.duration_s is null
            or (
                readings.to_at_utc > attempts.started_at_utc
                and readings.from_at_utc
                < {{
                    add_seconds(
                        "attempts.started_at_utc", "greatest(attempts.duration_s, 1)"
                    )
                }}
            )
    ),

    readings_in_order as (
        select
            *,
            max(to_at_utc) over (
                partition by run_id, attempt, boundary, component, host_id, device_id
                -- The longer first; a counter goes before samples of power.
                order by
                    from_at_utc,
                    to_at_utc desc,
                    case when meter like '%power%' then 1 else 0 end,
                    reading_id,
                    energy_kwh
                rows between unbounded preceding and 1 preceding
            ) as covered_until_at_utc
        from readings_of_attempts
    ),

    readings_with_own_part as (
        select
            *,
            {{ epoch_s("to_at_utc") }} - {{ epoch_s("from_at_utc") }} as reading_s,
            {{ epoch_s("to_at_utc") }}
            - {{
                epoch_s(
                    "greatest(from_at_utc, coalesce(covered_until_at_utc, from_at_utc))"
                )
            }} as own_s
        from readings_in_order
    ),

    final as (
        select
            run_id,
            attempt,
            boundary,
            component,
            host_id,
            device_id,

            meter,

            own_s,
            energy_kwh * own_s / reading_s as energy_kwh
        from readings_with_own_part
        where own_s > 0
    )

select *
from final
