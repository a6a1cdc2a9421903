-- Machines that runs share, from one change to the next, with what has passed before:
-- seconds in which a claim on the machine was served, in which the active part was
-- shared out, and in which any run was on it. Any stretch of time is the difference of
-- two rows. One row per resource and instant.
with
    resource_attempts as (select * from {{ ref("int_cost__resource_attempts") }}),
    periods as (select * from {{ ref("int_cost__machine_periods") }}),

    changes as (
        {% for at_utc, sign in [("started_at_utc", ""), ("stopped_at_utc", "-")] %}
            select
                resource_text,
                {{ at_utc }} as at_utc,
                {{ sign }} held_ratio as held_ratio,
                {{ sign }} held_ratio * activity_ratio as active_ratio,
                {{ sign }} 1 as attempts
            from resource_attempts
            where
                resource_text
                in (select periods.resource_text from periods group by resource_text)
            union all
        {% endfor %}
        {% for at_utc in ["charge_start_at_utc", "period_end_at_utc"] %}
            select
                resource_text,
                {{ at_utc }} as at_utc,
                0.0 as held_ratio,
                0.0 as active_ratio,
                0 as attempts
            from periods
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    points as (
        select
            resource_text,
            at_utc,
            -- Exact, so that what started and stopped leaves nothing.
            sum(cast(held_ratio as decimal(38, 18))) as held_ratio,
            sum(cast(active_ratio as decimal(38, 18))) as active_ratio,
            sum(attempts) as attempts
        from changes
        group by resource_text, at_utc
    ),

    states as (
        select
            resource_text,
            at_utc,
            cast(sum(held_ratio) over instants as double) as held_ratio,
            cast(sum(active_ratio) over instants as double) as active_ratio,
            sum(attempts) over instants as attempts,
            coalesce(
                {{ epoch_s("lead(at_utc) over instants") }} - {{ epoch_s("at_utc") }}, 0
            ) as stretch_s
        from points
        window instants as (partition by resource_text order by at_utc)
    ),

    states_shared as (
        select
            *,
            case
                when held_ratio > 1 then stretch_s / held_ratio else stretch_s
            end as served_s,
            -- Less than a millionth of a machine at work is nobody at work.
            case
                when active_ratio > 0.000001 then stretch_s / active_ratio else 0.0
            end as active_s,
            case when attempts > 0 then stretch_s else 0.0 end as busy_s
        from states
    ),

    final as (
        select
            resource_text,
            at_utc,
            {% for seconds in ["served_s", "active_s", "busy_s"] %}
                coalesce(
                    sum(cast({{ seconds }} as decimal(38, 18))) over before, 0
                ) as {{ seconds }}_before
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        from states_shared
        window
            before as (
                partition by resource_text
                order by at_utc
                rows between unbounded preceding and 1 preceding
            )
    )

select *
from final
