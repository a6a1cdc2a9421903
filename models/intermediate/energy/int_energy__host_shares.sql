-- The parts of known hosts that an attempt pays, over all its hosts: of the idle power
-- of what it holds, and of the power that its work adds. One row per run, attempt and
-- component.
with
    claims as (select * from {{ ref("int_energy__host_claims_shared") }}),
    attempt_hosts as (select * from {{ ref("int_runs__attempt_hosts") }}),
    hosts as (select * from {{ ref("int_energy__hosts") }}),

    final as (
        select
            run_id,
            attempt,
            component,

            -- The hosts of an attempt carry the same part of it.
            {{ exact_sum("idle_factor") }} / max(host_count) as idle_factor,
            {{ exact_sum("dynamic_factor") }} / max(host_count) as dynamic_factor
        from claims
        group by run_id, attempt, component
        union all
        -- A rented machine that an attempt had to itself is shared with nobody.
        select
            attempt_hosts.run_id,
            attempt_hosts.attempt,
            components.component,
            1.0 as idle_factor,
            1.0 as dynamic_factor
        from attempt_hosts
        left join hosts using (provider_code, host_key)
        cross join
            (
                select 'cpu' as component
                union all
                select 'memory' as component
                union all
                select 'accelerator' as component
            ) as components
        where hosts.host_number is null
    )

select *
from final
