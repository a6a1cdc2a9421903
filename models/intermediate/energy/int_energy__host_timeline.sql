-- Known hosts from one change to the next: how much of the claims a host can serve, and
-- how its idle power is shared. The sums before an instant let any stretch of time be
-- read as the difference of two rows. One row per host, component and instant.
with
    points as (select * from {{ ref("int_energy__host_points") }}),
    components as (select * from {{ ref("int_energy__host_components") }}),
    settings as (select * from {{ ref("int_settings__parameters") }}),

    states as (
        select
            host_number,
            component,
            at_utc as from_at_utc,
            lead(at_utc) over instants as to_at_utc,
            cast(sum(metered_units) over instants as double) as metered_units,
            cast(sum(modelled_units) over instants as double) as modelled_units,
            cast(sum(active_units) over instants as double) as active_units,
            sum(attempts) over instants as attempts
        from points
        window instants as (partition by host_number, component order by at_utc)
    ),

    states_left as (
        select
            states.*,
            components.units,
            -- What is left for the model once the meters have told.
            greatest(components.units - states.metered_units, 0.0) as units_left,
            -- Less than a millionth of a host at work is nobody at work.
            states.active_units > 0.000001 * components.units as is_active,
            -- Memory draws the same whatever is done with it.
            case
                when states.component = 'memory'
                then 'reserved'
                else settings.attribution_idle_policy
            end as idle_policy,
            coalesce(
                {{ epoch_s("states.to_at_utc") }} - {{ epoch_s("states.from_at_utc") }},
                0
            ) as stretch_s
        from states
        inner join components using (host_number, component)
        cross join settings
    ),

    states_served as (
        select
            *,
            -- One device works for one job at a time.
            case
                when modelled_units > units_left + units * 0.000000000001
                then units_left / modelled_units
                else 1.0
            end as served_ratio
        from states_left
    ),

    states_shared as (
        select
            *,
            case
                when idle_policy = 'reserved'
                then served_ratio
                when idle_policy = 'activity' and is_active
                then units_left / active_units
                else 0.0
            end as idle_ratio,
            case
                when idle_policy = 'reserved'
                then modelled_units * served_ratio
                when idle_policy = 'activity' and is_active
                then units_left
                else 0.0
            end as paid_units
        from states_served
    ),

    final as (
        select
            host_number,
            component,
            from_at_utc,
            to_at_utc,

            idle_policy,

            attempts,
            units - units_left + paid_units as spoken_for_units,
            coalesce(
                sum(cast(served_ratio * stretch_s as decimal(38, 18))) over before, 0
            ) as served_s_before,
            coalesce(
                sum(cast(idle_ratio * stretch_s as decimal(38, 18))) over before, 0
            ) as idle_s_before
        from states_shared
        window
            before as (
                partition by host_number, component
                order by from_at_utc
                rows between unbounded preceding and 1 preceding
            )
    )

select *
from final
