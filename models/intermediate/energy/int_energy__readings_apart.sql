-- Readings as the power of their device over time. Copies are one, and a reading inside
-- a longer one of its kind tells nothing more: its joules are in the longer one. One
-- row per device, kind of meter and interval.
with
    readings as (
        select * from {{ ref("int_energy__readings") }} where left_out_reason is null
    ),

    readings_once as (
        select
            device_key,
            is_exact,
            from_at_utc,
            to_at_utc,
            {{ exact_sum("energy_j") }} / count(*) as energy_j
        from readings
        group by device_key, is_exact, from_at_utc, to_at_utc
    ),

    readings_in_order as (
        select
            *,
            max(to_at_utc) over (
                partition by device_key, is_exact
                order by from_at_utc, to_at_utc desc
                rows between unbounded preceding and 1 preceding
            ) as covered_until_at_utc
        from readings_once
    ),

    final as (
        select
            device_key,
            is_exact,
            from_at_utc,
            to_at_utc,

            energy_j
            / ({{ epoch_s("to_at_utc") }} - {{ epoch_s("from_at_utc") }}) as power_w
        from readings_in_order
        where covered_until_at_utc is null or to_at_utc > covered_until_at_utc
    )

select *
from final
