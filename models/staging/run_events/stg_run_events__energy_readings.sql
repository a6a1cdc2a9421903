-- Energy readings inside run events, in kWh. One row per event and reading.
with
    events as (select * from {{ ref("stg_run_events__events") }}),

    final as (
        select
            events.event_id,
            events.run_id,
            events.attempt,
            events.host_id,
            reading.component,
            reading.device_id,

            cast(reading.from_at as timestamp) as from_at_utc,
            cast(reading.to_at as timestamp) as to_at_utc,

            reading.method as meter,
            case
                when reading.component = 'all'
                then coalesce(reading.boundary, 'node')
                else 'component'
            end as boundary,

            reading.energy_j / 3600000.0 as energy_kwh,
            reading.share as share_ratio,

            events.delivery_id,
            events.source_file,
            events.source_row
        from events {{ unnested("events.energy", "readings", "reading") }}
    )

select *
from final
