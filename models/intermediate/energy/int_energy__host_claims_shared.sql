-- What of its claim an attempt got from a host, and the part of the host's idle power
-- that it pays: both as shares of the claim. One row per run, attempt, host and
-- component.
with
    claims as (select * from {{ ref("int_energy__host_claims") }}),
    timeline as (select * from {{ ref("int_energy__host_timeline") }}),

    claims_read as (
        select
            claims.run_id,
            claims.attempt,
            claims.host_number,
            claims.component,

            claims.host_count,
            claims.claimed_units,
            claims.activity_ratio,
            at_stop.idle_policy,
            cast(at_stop.served_s_before - at_start.served_s_before as double)
            / claims.wall_s as dynamic_factor,
            cast(at_stop.idle_s_before - at_start.idle_s_before as double)
            / claims.wall_s as idle_s_ratio
        from claims
        inner join
            timeline as at_start
            on claims.host_number = at_start.host_number
            and claims.component = at_start.component
            and claims.started_at_utc = at_start.from_at_utc
        inner join
            timeline as at_stop
            on claims.host_number = at_stop.host_number
            and claims.component = at_stop.component
            and claims.stopped_at_utc = at_stop.from_at_utc
    ),

    final as (
        select
            run_id,
            attempt,
            host_number,
            component,

            host_count,
            claimed_units,
            -- Instants are exact to a microsecond, so a share is not exact beyond this.
            round(dynamic_factor, 12) as dynamic_factor,
            round(
                case
                    when idle_policy = 'activity'
                    then activity_ratio * idle_s_ratio
                    else idle_s_ratio
                end,
                12
            ) as idle_factor
        from claims_read
    )

select *
from final
