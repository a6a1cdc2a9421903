-- Idle energy of known hosts that neither an attempt nor a meter speaks for. A site's
-- own host is on for the whole of an hour in which it ran anything, a rented one while
-- it did. One row per host, component and hour.
with
    host_hours as (select * from {{ ref("int_energy__host_hours") }}),
    components as (select * from {{ ref("int_energy__host_components") }}),
    timeline as (select * from {{ ref("int_energy__host_timeline") }}),

    stretches as (
        select
            timeline.host_number,
            timeline.component,
            cast(hours.hour_start_utc as timestamp) as hour_start_utc,
            timeline.spoken_for_units,
            timeline.attempts,
            {{
                epoch_s(
                    "least(timeline.to_at_utc, hours.hour_start_utc + interval 1 hour)"
                )
            }}
            - {{ epoch_s("greatest(timeline.from_at_utc, hours.hour_start_utc)") }}
            as stretch_s
        from
            timeline
            {{
                unnested(
                    hours_touched("timeline.from_at_utc", "timeline.to_at_utc"),
                    "hours",
                    "hour_start_utc",
                )
            }}
        where spoken_for_units > 0 or attempts > 0
    ),

    stretches_added_up as (
        select
            host_number,
            component,
            hour_start_utc,
            {{ exact_sum("spoken_for_units * stretch_s") }} as spoken_for_unit_s,
            {{ exact_sum("case when attempts > 0 then stretch_s end") }} as attempts_s
        from stretches
        group by host_number, component, hour_start_utc
    ),

    hours_known as (
        select
            components.host_number,
            components.component,
            host_hours.hour_start_utc,

            case
                when components.is_on_between_jobs
                then 3600.0
                else coalesce(stretches_added_up.attempts_s, 0.0)
            end as on_s,
            components.units,
            coalesce(stretches_added_up.spoken_for_unit_s, 0.0) as spoken_for_unit_s,
            components.idle_w_per_unit,

            components.power_factor_key,
            components.missing_reason
        from host_hours
        inner join components using (host_number)
        left join
            stretches_added_up
            on components.host_number = stretches_added_up.host_number
            and components.component = stretches_added_up.component
            and host_hours.hour_start_utc = stretches_added_up.hour_start_utc
    ),

    hours_left as (
        select
            *,
            case
                when spoken_for_unit_s > units * on_s * 0.999999999999
                then 0.0
                else units * on_s - spoken_for_unit_s
            end as idle_unit_s
        from hours_known
    ),

    final as (
        select
            host_number,
            component,
            hour_start_utc,

            on_s,
            units,
            idle_w_per_unit,
            idle_unit_s / 3600 as idle_unit_hours,
            idle_unit_s * idle_w_per_unit / 3600000 as it_energy_kwh,

            power_factor_key,
            missing_reason
        from hours_left
    )

select *
from final
