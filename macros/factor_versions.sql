{# The versions of a factor table: the rows of the CTE `seed` and of the CTE `landed` (which has
   received_at_utc), append-only. A landed row is recorded on the day it was received. A claim that
   came again unchanged is no new version; of several of one day the last one counts.
   `columns`: all of the table's, in order; `key`: what tells versions of one fact apart from other
   facts, with published_on and without recorded_on. #}
{% macro factor_versions(columns, key) %}
    {% set claim = columns | reject("in", ["recorded_on", "note"]) | list %}
    select {{ columns | join(", ") }}, recorded_at_utc
    from
        (
            select
                *,
                lag(claim) over (
                    partition by {{ key | join(", ") }} order by recorded_at_utc
                ) as claim_before
            from
                (
                    select
                        *,
                        concat_ws(
                            '|'
                            {%- for column in claim -%}
                                , coalesce(cast({{ column }} as string), '')
                            {%- endfor -%}
                        ) as claim,
                        row_number() over (
                            partition by {{ key | join(", ") }}, recorded_on
                            order by recorded_at_utc desc
                        ) as newest_of_day
                    from
                        (
                            select
                                {{ columns | join(", ") }},
                                cast(recorded_on as timestamp) as recorded_at_utc
                            from seed
                            union all
                            select
                                {% for column in columns -%}
                                    {% if column == "recorded_on" -%}
                                        cast(received_at_utc as date) as recorded_on
                                    {%- else %} {{ column }}
                                    {%- endif %},
                                {% endfor -%}
                                received_at_utc as recorded_at_utc
                            from landed
                        ) as recorded
                ) as claims
            where newest_of_day = 1
        ) as changes
    where claim_before is null or claim <> claim_before
{% endmacro %}
