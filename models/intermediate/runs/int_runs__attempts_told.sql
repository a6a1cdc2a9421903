-- Attempts as each source tells of them, as attempts of the runs that they are. One
-- that was last seen running too long ago is lost since then. One row per run, attempt
-- and source and run as told.
{% set columns = attempt_shape().keys() | join(", ") %}

with
    events as (select * from {{ ref("int_runs__event_attempts") }}),
    told as (select * from {{ ref("int_runs__told") }}),
    identities as (select * from {{ ref("int_runs__identities") }}),
    settings as (select * from {{ ref("int_settings__parameters") }}),

    attempts as (
        select source, source_run_id, run_id, attempt, {{ columns }}
        from events
        union all
        select
            told.source,
            told.source_run_id,
            identities.run_id,
            identities.attempt,
            {{ columns }}
        from told
        inner join
            identities
            on told.source = identities.source
            and told.source_run_id = identities.source_run_id
            and told.source_attempt = identities.source_attempt
    ),

    attempts_judged as (
        select
            attempts.*,
            attempts.status = 'running'
            and attempts.seen_until_utc
            < {{ add_seconds(as_of(), "-3600 * settings.lost_after_hours") }} as is_lost
        from attempts
        cross join settings
    ),

    final as (
        select
            source,
            source_run_id,
            run_id,
            attempt,
            {% for column in attempt_shape() %}
                {% if column == "ended_at_utc" %}
                    case
                        when is_lost then seen_until_utc else ended_at_utc
                    end as ended_at_utc
                {% elif column == "status" %}
                    case when is_lost then 'lost' else status end as status
                {% else %} {{ column }}
                {% endif %}
                {% if not loop.last %},{% endif %}
            {% endfor %}
        from attempts_judged
    )

select *
from final
