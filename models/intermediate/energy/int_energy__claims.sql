-- When an attempt lays claim to what a device used: while its readings of it ran; to a
-- host's meter, as long as it was on the host. Claims weigh the same, on a host's meter
-- by the power that the model gives the attempts, where it can tell all of them. One
-- row per device, attempt and unbroken stretch of time.
with
    readings as (
        select * from {{ ref("int_energy__readings") }} where left_out_reason is null
    ),
    hosts as (select * from {{ ref("int_runs__hosts") }}),
    intervals as (select * from {{ ref("int_runs__intervals") }}),
    modelled_power as (select * from {{ ref("int_energy__modelled_power") }}),

    host_meters as (
        select device_key, host_key
        from readings
        where component = 'all' and is_meter and host_key is not null
        group by device_key, host_key
    ),

    spans as (
        select device_key, run_id, attempt, from_at_utc, to_at_utc
        from readings
        union all
        select
            host_meters.device_key,
            hosts.run_id,
            hosts.attempt,
            intervals.started_at_utc as from_at_utc,
            intervals.ended_at_utc as to_at_utc
        from host_meters
        inner join hosts on host_meters.host_key = hosts.host_key
        inner join
            intervals
            on hosts.run_id = intervals.run_id
            and hosts.attempt = intervals.attempt
    ),

    spans_in_order as (
        select
            *,
            max(to_at_utc) over (
                partition by device_key, run_id, attempt
                order by from_at_utc, to_at_utc
                rows between unbounded preceding and 1 preceding
            ) as until_at_utc
        from spans
    ),

    spans_in_stretches as (
        select
            *,
            sum(case when from_at_utc <= until_at_utc then 0 else 1 end) over (
                partition by device_key, run_id, attempt
                order by from_at_utc, to_at_utc
                rows between unbounded preceding and current row
            ) as stretch
        from spans_in_order
    ),

    claims as (
        select
            device_key,
            run_id,
            attempt,
            min(from_at_utc) as from_at_utc,
            max(to_at_utc) as to_at_utc
        from spans_in_stretches
        group by device_key, run_id, attempt, stretch
    ),

    claims_powered as (
        select
            claims.*,
            case
                when host_meters.device_key is null
                then null
                when modelled_power.machine_w > 0
                then modelled_power.machine_w
            end as machine_w
        from claims
        left join host_meters on claims.device_key = host_meters.device_key
        left join
            modelled_power
            on claims.run_id = modelled_power.run_id
            and claims.attempt = modelled_power.attempt
    ),

    final as (
        select
            device_key,
            run_id,
            attempt,
            from_at_utc,
            to_at_utc,

            case
                when
                    count(machine_w) over (partition by device_key)
                    = count(*) over (partition by device_key)
                then machine_w
                else 1.0
            end as weight
        from claims_powered
    )

select *
from final
