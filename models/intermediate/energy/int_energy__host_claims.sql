-- What attempts hold of known hosts: units of a component for as long as they ran, with
-- the part that meters tell apart from the part that the model has to. Only what the
-- host has. One row per run, attempt, host and component.
with
    attempt_hosts as (select * from {{ ref("int_runs__attempt_hosts") }}),
    hosts as (select * from {{ ref("int_energy__hosts") }}),
    host_components as (select * from {{ ref("int_energy__host_components") }}),
    processors as (select * from {{ ref("int_energy__cpu_load") }}),
    memories as (select * from {{ ref("int_energy__memory_load") }}),
    accelerators as (select * from {{ ref("int_energy__accelerator_load") }}),
    measured as (select * from {{ ref("int_energy__components_measured") }}),

    loads as (
        {% for load in ["processors", "memories", "accelerators"] %}
            select run_id, attempt, component, quantity, utilization_ratio
            from {{ load }}
            where missing_reason is null and quantity > 0
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    -- A host that is another machine than the attempt says cannot be shared out to it.
    attempts_elsewhere as (
        select attempt_hosts.run_id, attempt_hosts.attempt
        from attempt_hosts
        inner join hosts using (provider_code, host_key)
        where attempt_hosts.machine_key <> hosts.machine_key
        group by attempt_hosts.run_id, attempt_hosts.attempt
    ),

    claims as (
        select
            attempt_hosts.run_id,
            attempt_hosts.attempt,
            hosts.host_number,
            loads.component,

            attempt_hosts.started_at_utc,
            attempt_hosts.stopped_at_utc,

            attempt_hosts.host_count,
            attempt_hosts.wall_s,
            -- An attempt on n hosts spreads what it holds evenly over them.
            loads.quantity
            / attempt_hosts.host_count
            * attempt_hosts.running_ratio as claimed_units,
            host_components.units * attempt_hosts.running_ratio as whole_units,
            coalesce(loads.utilization_ratio, 1.0) as activity_ratio,
            coalesce(measured.covered_ratio, 0.0) as metered_ratio,
            measured.boundary
        from attempt_hosts
        inner join
            hosts
            on attempt_hosts.provider_code = hosts.provider_code
            and attempt_hosts.host_key = hosts.host_key
        left join
            attempts_elsewhere
            on attempt_hosts.run_id = attempts_elsewhere.run_id
            and attempt_hosts.attempt = attempts_elsewhere.attempt
        inner join
            loads
            on attempt_hosts.run_id = loads.run_id
            and attempt_hosts.attempt = loads.attempt
        inner join
            host_components
            on hosts.host_number = host_components.host_number
            and loads.component = host_components.component
        left join
            measured
            on loads.run_id = measured.run_id
            and loads.attempt = measured.attempt
            and measured.component in (loads.component, 'all')
        where
            attempts_elsewhere.run_id is null
            and attempt_hosts.running_ratio > 0
            and host_components.missing_reason is null
    ),

    final as (
        select
            run_id,
            attempt,
            host_number,
            component,

            started_at_utc,
            stopped_at_utc,

            host_count,
            wall_s,
            claimed_units,
            activity_ratio,
            -- A meter of the node saw the whole host, whatever the job held of it.
            metered_ratio * case
                when coalesce(boundary, 'component') = 'component'
                then claimed_units
                else whole_units
            end as metered_units,
            (1 - metered_ratio) * claimed_units as modelled_units,
            (1 - metered_ratio) * claimed_units * activity_ratio as active_units
        from claims
    )

select *
from final
