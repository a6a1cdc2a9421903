-- Hosts that attempts ran on: the nodes that a scheduler names, else what their events
-- call their host. A host is known by its name within its region or site. One row per
-- run, attempt and host.
with
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    jobs as (select * from {{ ref("int_runs__slurm_attempts") }}),
    events as (select * from {{ ref("int_runs__events_once") }}),

    nodes as (
        select jobs.run_id, jobs.attempt, node.node_name as host_name
        from jobs {{ unnested("jobs.nodes", "node", "node_name") }}
    ),

    scheduled as (select run_id, attempt from nodes group by run_id, attempt),

    hosts_named as (
        select run_id, attempt, host_name
        from nodes
        union all
        select events.run_id, events.attempt, events.host_id as host_name
        from events
        left join
            scheduled
            on events.run_id = scheduled.run_id
            and events.attempt = scheduled.attempt
        where events.host_id is not null and scheduled.run_id is null
    ),

    hosts as (
        select
            attempts.run_id,
            attempts.attempt,
            {{ host_key("attempts.region", "hosts_named.host_name") }} as host_key,
            min(hosts_named.host_name) as host_name
        from hosts_named
        inner join
            attempts
            on hosts_named.run_id = attempts.run_id
            and hosts_named.attempt = attempts.attempt
        group by
            attempts.run_id,
            attempts.attempt,
            {{ host_key("attempts.region", "hosts_named.host_name") }}
    ),

    final as (
        select *, count(*) over (partition by run_id, attempt) as hosts from hosts
    )

select *
from final
