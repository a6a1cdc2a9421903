-- Known hosts and which machine each is, but for rented ones that a single attempt had
-- to itself. A node that is one partition's today and another's tomorrow is the machine
-- that it was for most of the time. One row per host.
with
    attempt_hosts as (select * from {{ ref("int_runs__attempt_hosts") }}),

    machines_seen as (
        select
            provider_code,
            region,
            host_key,
            site_name,
            machine_key,
            min(host_name) as host_name,
            {{ exact_sum("wall_s") }} as seen_s,
            count(*) as attempts,
            min(case when is_whole_machine then 1 else 0 end) as whole_machines
        from attempt_hosts
        group by provider_code, region, host_key, site_name, machine_key
    ),

    machines_ranked as (
        select
            *,
            row_number() over (
                partition by provider_code, host_key
                order by seen_s desc, site_name, machine_key
            ) as preference,
            sum(attempts) over (partition by provider_code, host_key) as host_attempts
        from machines_seen
    ),

    final as (
        select
            row_number() over (order by provider_code, host_key) as host_number,
            provider_code,
            region,
            host_key,
            host_name as host_id,
            site_name,
            machine_key,
            -- A site's own machine stays on between jobs; of a rented one nobody knows.
            site_name <> '' as is_on_between_jobs
        from machines_ranked
        where
            preference = 1
            and (site_name <> '' or host_attempts > 1 or whole_machines = 0)
    )

select *
from final
