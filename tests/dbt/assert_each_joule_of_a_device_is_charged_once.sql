-- What attempts are charged of a device adds up to what the device used.
with
    used as (
        select device_key, max(energy_j) / 3600000.0 as energy_kwh
        from {{ ref("int_energy__device_moments") }}
        group by device_key
    ),

    charged as (
        select device_key, sum(energy_kwh) as energy_kwh
        from {{ ref("int_energy__readings_once") }}
        group by device_key
    )

select used.device_key
from used
left join charged on used.device_key = charged.device_key
where
    abs(coalesce(charged.energy_kwh, 0) - used.energy_kwh)
    > 1e-9 * used.energy_kwh + 1e-15
