-- Instants at which attempts start or stop to hold a part of a known host, with what
-- changes. One row per host, component and instant.
with
    attempt_hosts as (select * from {{ ref("int_runs__attempt_hosts") }}),
    hosts as (select * from {{ ref("int_energy__hosts") }}),
    components as (select * from {{ ref("int_energy__host_components") }}),
    claims as (select * from {{ ref("int_energy__host_claims") }}),

    -- Of a rented host it is the attempts that tell when it was there.
    attempts_rented as (
        select
            components.host_number,
            components.component,
            attempt_hosts.started_at_utc,
            attempt_hosts.stopped_at_utc,
            0.0 as metered_units,
            0.0 as modelled_units,
            0.0 as active_units,
            1 as attempts
        from attempt_hosts
        inner join hosts using (provider_code, host_key)
        inner join components using (host_number)
        where not components.is_on_between_jobs
    ),

    held as (
        select
            host_number,
            component,
            started_at_utc,
            stopped_at_utc,
            metered_units,
            modelled_units,
            active_units,
            0 as attempts
        from claims
        union all
        select *
        from attempts_rented
    ),

    changes as (
        {% for at_utc, sign in [("started_at_utc", ""), ("stopped_at_utc", "-")] %}
            select
                host_number,
                component,
                {{ at_utc }} as at_utc,
                {{ sign }} metered_units as metered_units,
                {{ sign }} modelled_units as modelled_units,
                {{ sign }} active_units as active_units,
                {{ sign }} attempts as attempts
            from held
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    final as (
        select
            host_number,
            component,
            at_utc,

            -- Exact, so that what started and stopped leaves nothing.
            sum(cast(metered_units as decimal(38, 18))) as metered_units,
            sum(cast(modelled_units as decimal(38, 18))) as modelled_units,
            sum(cast(active_units as decimal(38, 18))) as active_units,
            sum(attempts) as attempts
        from changes
        group by host_number, component, at_utc
    )

select *
from final
