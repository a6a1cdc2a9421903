{# A landed instant as a UTC timestamp. DuckDB's cast asks the calendar of the session's time zone for
   every row: over a bill of millions of lines that is half of its reading. #}
{% macro utc_timestamp(instant) %}
    {{ return(adapter.dispatch("utc_timestamp", "observatory")(instant)) }}
{% endmacro %}
{% macro default__utc_timestamp(instant) -%}
    make_timestamp(epoch_us({{ instant }}))
{%- endmacro %}
{% macro spark__utc_timestamp(instant) -%}
    cast({{ instant }} as timestamp)
{%- endmacro %}

{# Seconds since 1970 of a UTC timestamp, as a double. #}
{% macro epoch_s(at_utc) %}
    {{ return(adapter.dispatch("epoch_s", "observatory")(at_utc)) }}
{% endmacro %}
{% macro default__epoch_s(at_utc) %} epoch({{ at_utc }}){% endmacro %}
{% macro spark__epoch_s(at_utc) %} cast({{ at_utc }} as double){% endmacro %}

{# A UTC timestamp so many seconds after another. #}
{% macro add_seconds(at_utc, seconds) %}
    {{ return(adapter.dispatch("add_seconds", "observatory")(at_utc, seconds)) }}
{% endmacro %}
{% macro default__add_seconds(at_utc, seconds) %}
    {{ at_utc }} + to_microseconds(cast(round(({{ seconds }}) * 1000000) as bigint))
{% endmacro %}
{% macro spark__add_seconds(at_utc, seconds) %}
    timestampadd(
        microsecond, cast(round(({{ seconds }}) * 1000000) as bigint), {{ at_utc }}
    )
{% endmacro %}

{# The list of hour starts that an interval [from, to) touches, to be unnested. #}
{% macro hours_touched(from_at, to_at) %}
    {{ return(adapter.dispatch("hours_touched", "observatory")(from_at, to_at)) }}
{% endmacro %}
{% macro default__hours_touched(from_at, to_at) %}
    generate_series(
        date_trunc('hour', {{ from_at }}),
        {{ to_at }} - interval 1 microsecond,
        interval 1 hour
    )
{% endmacro %}
{% macro spark__hours_touched(from_at, to_at) %}
    sequence(
        date_trunc('hour', {{ from_at }}),
        {{ to_at }} - interval 1 microsecond,
        interval 1 hour
    )
{% endmacro %}

{# The list of days that an interval [from, to) touches, as timestamps to be unnested. #}
{% macro days_touched(from_at, to_at) %}
    {{ return(adapter.dispatch("days_touched", "observatory")(from_at, to_at)) }}
{% endmacro %}
{% macro default__days_touched(from_at, to_at) %}
    generate_series(
        date_trunc('day', {{ from_at }}),
        greatest({{ from_at }}, {{ to_at }} - interval 1 microsecond),
        interval 1 day
    )
{% endmacro %}
{% macro spark__days_touched(from_at, to_at) %}
    sequence(
        date_trunc('day', {{ from_at }}),
        greatest({{ from_at }}, {{ to_at }} - interval 1 microsecond),
        interval 1 day
    )
{% endmacro %}

{# The list of years from one to another, both included, to be unnested. #}
{% macro years_between(first_year, last_year) %}
    {{
        return(
            adapter.dispatch("years_between", "observatory")(first_year, last_year)
        )
    }}
{% endmacro %}
{% macro default__years_between(first_year, last_year) %}
    generate_series({{ first_year }}, {{ last_year }})
{% endmacro %}
{% macro spark__years_between(first_year, last_year) %}
    sequence({{ first_year }}, {{ last_year }})
{% endmacro %}

{# What the clock of an IANA time zone shows at a UTC timestamp, as a timestamp. #}
{% macro local_time(at_utc, timezone_name) %}
    {{ return(adapter.dispatch("local_time", "observatory")(at_utc, timezone_name)) }}
{% endmacro %}
{% macro default__local_time(at_utc, timezone_name) %}
    timezone({{ timezone_name }}, timezone('UTC', {{ at_utc }}))
{% endmacro %}
{% macro spark__local_time(at_utc, timezone_name) %}
    from_utc_timestamp({{ at_utc }}, {{ timezone_name }})
{% endmacro %}
