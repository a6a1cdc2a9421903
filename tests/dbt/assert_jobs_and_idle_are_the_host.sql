-- Whatever the idle policy: what attempts pay of a host's idle power and what stays
-- idle are the host, and no device works for two attempts at once. Of hosts without a
-- meter, as a meter of the whole host has counted the idle power too.
with
    components as (select * from {{ ref("int_energy__host_components") }}),
    claims as (select * from {{ ref("int_energy__host_claims") }}),
    claims_shared as (select * from {{ ref("int_energy__host_claims_shared") }}),
    idle_hours as (select * from {{ ref("int_energy__host_idle") }}),

    hosts_paid as (
        select
            claims.host_number,
            claims.component,
            {{
                exact_sum(
                    "claims.modelled_units * claims_shared.idle_factor * claims.wall_s / 3600"
                )
            }}
            as paid_unit_hours,
            {{
                exact_sum(
                    "claims.modelled_units * claims_shared.dynamic_factor * claims.wall_s / 3600"
                )
            }}
            as served_unit_hours,
            {{ exact_sum("claims.metered_units") }} as metered_units
        from claims
        inner join claims_shared using (run_id, attempt, host_number, component)
        group by claims.host_number, claims.component
    ),

    hosts_on as (
        select
            host_number,
            component,
            {{ exact_sum("units * on_s / 3600") }} as unit_hours,
            {{ exact_sum("idle_unit_hours") }} as idle_unit_hours
        from idle_hours
        group by host_number, component
    )

select
    components.host_number,
    components.component,
    hosts_on.unit_hours,
    hosts_on.idle_unit_hours,
    hosts_paid.paid_unit_hours,
    hosts_paid.served_unit_hours
from components
left join hosts_on using (host_number, component)
left join
    hosts_paid
    on components.host_number = hosts_paid.host_number
    and components.component = hosts_paid.component
where
    coalesce(hosts_paid.metered_units, 0) = 0
    and components.missing_reason is null
    and (
        hosts_on.unit_hours is null
        or abs(
            hosts_on.idle_unit_hours
            + coalesce(hosts_paid.paid_unit_hours, 0)
            - hosts_on.unit_hours
        )
        > 1e-9 * hosts_on.unit_hours
        or hosts_paid.served_unit_hours > hosts_on.unit_hours * (1 + 1e-9)
    )
