-- Parts of a shared machine's charges that the attempts on it pay, as they share its
-- idle power: what they hold, for as long as they hold it, of the time that it was on.
-- Where they claim more than it has, each gets less. One row per resource, period, run
-- and attempt.
with
    periods as (select * from {{ ref("int_cost__machine_periods") }}),
    attempts as (select * from {{ ref("int_cost__machine_attempts") }}),
    timeline as (select * from {{ ref("int_cost__machine_timeline") }}),
    settings as (select * from {{ ref("int_settings__parameters") }}),

    periods_on as (
        select
            periods.resource_text,
            periods.charge_start_at_utc,
            periods.period_end_at_utc,
            greatest(
                periods.told_on_s,
                cast(at_end.busy_s_before - at_start.busy_s_before as double)
            ) as on_s
        from periods
        inner join
            timeline as at_start
            on periods.resource_text = at_start.resource_text
            and periods.charge_start_at_utc = at_start.at_utc
        inner join
            timeline as at_end
            on periods.resource_text = at_end.resource_text
            and periods.period_end_at_utc = at_end.at_utc
    ),

    attempts_read as (
        select
            attempts.*,
            {{ epoch_s("attempts.to_at_utc") }}
            - {{ epoch_s("attempts.from_at_utc") }} as inside_s,
            cast(
                at_stop.served_s_before - at_start.served_s_before as double
            ) as served_s,
            cast(
                at_stop.active_s_before - at_start.active_s_before as double
            ) as active_s
        from attempts
        inner join
            timeline as at_start
            on attempts.resource_text = at_start.resource_text
            and attempts.from_at_utc = at_start.at_utc
        inner join
            timeline as at_stop
            on attempts.resource_text = at_stop.resource_text
            and attempts.to_at_utc = at_stop.at_utc
    ),

    final as (
        select
            attempts_read.resource_text,
            attempts_read.charge_start_at_utc,
            attempts_read.period_end_at_utc,
            attempts_read.run_id,
            attempts_read.attempt,

            case
                settings.attribution_idle_policy
                when 'activity'
                then
                    attempts_read.held_ratio
                    * attempts_read.activity_ratio
                    * attempts_read.active_s
                when 'idle_row'
                then
                    attempts_read.held_ratio
                    * attempts_read.activity_ratio
                    * attempts_read.served_s
                else attempts_read.held_ratio * attempts_read.served_s
            end
            / periods_on.on_s as share,
            attempts_read.inside_s / 3600 as part_hours,
            periods_on.on_s / 3600 as whole_hours,
            concat(
                attempts_read.held_text,
                case
                    when settings.attribution_idle_policy = 'activity'
                    then concat(', by activity ', attempts_read.activity_ratio)
                    when settings.attribution_idle_policy = 'idle_row'
                    then concat(', active ', attempts_read.activity_ratio)
                    else ''
                end,
                case
                    when attempts_read.served_s < attempts_read.inside_s * 0.999999999
                    then ', scaled down as runs claim more than there is'
                    else ''
                end
            ) as share_text
        from attempts_read
        inner join
            periods_on using (resource_text, charge_start_at_utc, period_end_at_utc)
        cross join settings
    )

select *
from final
