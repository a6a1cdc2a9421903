-- Hours in which a known host ran an attempt. One row per host and hour.
with
    attempt_hosts as (select * from {{ ref("int_runs__attempt_hosts") }}),
    hosts as (select * from {{ ref("int_energy__hosts") }}),
    hours as (select * from {{ ref("int_runs__hours") }}),

    final as (
        select hosts.host_number, hours.hour_start_utc
        from attempt_hosts
        inner join hosts using (provider_code, host_key)
        inner join
            hours
            on attempt_hosts.run_id = hours.run_id
            and attempt_hosts.attempt = hours.attempt
        group by hosts.host_number, hours.hour_start_utc
    )

select *
from final
