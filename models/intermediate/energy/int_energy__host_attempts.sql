-- How an attempt's energy lies on its known hosts: by what the model says that each
-- gave it, evenly where it says nothing. One row per run, attempt and host.
with
    attempt_hosts as (select * from {{ ref("int_runs__attempt_hosts") }}),
    hosts as (select * from {{ ref("int_energy__hosts") }}),
    claims as (select * from {{ ref("int_energy__host_claims_shared") }}),
    modelled as (select * from {{ ref("int_energy__components_modelled") }}),

    -- One host has all of it.
    claims_powered as (
        select
            claims.run_id,
            claims.attempt,
            claims.host_number,
            {{
                exact_sum(
                    "claims.claimed_units * (coalesce(modelled.idle_w_per_unit, 0) * claims.idle_factor + (modelled.power_w_per_unit_alone - coalesce(modelled.idle_w_per_unit, 0)) * claims.dynamic_factor)"
                )
            }}
            as host_w
        from claims
        inner join modelled using (run_id, attempt, component)
        where claims.host_count > 1
        group by claims.run_id, claims.attempt, claims.host_number
    ),

    attempts_powered as (
        select run_id, attempt, {{ exact_sum("host_w") }} as attempt_w
        from claims_powered
        group by run_id, attempt
    ),

    final as (
        select
            attempt_hosts.run_id,
            attempt_hosts.attempt,
            hosts.host_number,

            case
                when attempts_powered.attempt_w > 0
                then claims_powered.host_w / attempts_powered.attempt_w
                else 1.0 / attempt_hosts.host_count
            end as fraction_of_attempt
        from attempt_hosts
        inner join hosts using (provider_code, host_key)
        left join
            claims_powered
            on attempt_hosts.run_id = claims_powered.run_id
            and attempt_hosts.attempt = claims_powered.attempt
            and hosts.host_number = claims_powered.host_number
        left join
            attempts_powered
            on attempt_hosts.run_id = attempts_powered.run_id
            and attempt_hosts.attempt = attempts_powered.attempt
    )

select *
from final
