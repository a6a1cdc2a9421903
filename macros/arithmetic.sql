{# A sum that does not depend on the order of the rows: exact decimals inside, a double outside.
   18 decimals and 20 integer digits hold kWh, g, money and litres of any organisation; quantities
   in bytes need more integer digits. #}
{% macro exact_sum(expression, scale=18) -%}
    cast(sum(cast({{ expression }} as decimal(38, {{ scale }}))) as double)
{%- endmacro %}

{# Linear interpolation between the values at 0, 10, 50 and 100 % load (METHODOLOGY: power model). #}
{% macro at_load(utilization, at_0, at_10, at_50, at_100) -%}
    case
        when {{ utilization }} <= 0.1
        then {{ at_0 }} + ({{ at_10 }} - {{ at_0 }}) * {{ utilization }} / 0.1
        when {{ utilization }} <= 0.5
        then {{ at_10 }} + ({{ at_50 }} - {{ at_10 }}) * ({{ utilization }} - 0.1) / 0.4
        else
            {{ at_50 }} + ({{ at_100 }} - {{ at_50 }}) * ({{ utilization }} - 0.5) / 0.5
    end
{%- endmacro %}

{# The same interpolation as text, for a person with a pocket calculator. #}
{% macro at_load_text(utilization, at_0, at_10, at_50, at_100) -%}
    case
        when {{ utilization }} <= 0.1
        then
            concat(
                {{ at_0 }},
                ' + (',
                {{ at_10 }},
                ' - ',
                {{ at_0 }},
                ') * ',
                {{ utilization }},
                ' / 0.1'
            )
        when {{ utilization }} <= 0.5
        then
            concat(
                {{ at_10 }},
                ' + (',
                {{ at_50 }},
                ' - ',
                {{ at_10 }},
                ') * (',
                {{ utilization }},
                ' - 0.1) / 0.4'
            )
        else
            concat(
                {{ at_50 }},
                ' + (',
                {{ at_100 }},
                ' - ',
                {{ at_50 }},
                ') * (',
                {{ utilization }},
                ' - 0.5) / 0.5'
            )
    end
{%- endmacro %}

{# The as-of instant as a timestamp literal. Of a kind of knowledge (`data`, `settings`, `factors`)
   it is that of the variable `<kind>_as_of`, if one is given: "what would it be with the data of
   then and the factors of now?" Clocks in models take no kind. A night gives them in its
   environment, and they are asked for when a model runs: dbt would parse all models anew for
   another value of a variable. #}
{% macro as_of(kind=none) -%}
    cast(
        '{{ _given(kind ~ "_as_of", _given("as_of")) if kind else _given("as_of") }}'
        as timestamp
    )
{%- endmacro %}

{% macro _given(variable, otherwise=none) -%}
    {%- set value = var(variable, otherwise) -%}
    {%- if execute %}
        {% set value = env_var("OBSERVATORY_" ~ variable | upper, value) %}
    {% endif -%}
    {{ return(value) }}
{%- endmacro %}

{# The as-of instant of the kind of knowledge that a landed dataset is. #}
{% macro as_of_dataset(dataset) -%}
    case
        when {{ dataset }} like '#_settings#_#_%' escape '#'
        then {{ as_of("settings") }}
        when
            {{ dataset }} like '#_factors#_#_%' escape '#'
            or {{ dataset }} like '%#_#_intensity' escape '#'
            or {{ dataset }} = 'prices__list'
        then {{ as_of("factors") }}
        else {{ as_of("data") }}
    end
{%- endmacro %}

{# Whether a factor row was known: published, and in our seeds or landing. #}
{% macro known_by_as_of(published_on, recorded_on) -%}
    greatest(coalesce({{ published_on }}, {{ recorded_on }}), {{ recorded_on }})
    <= cast({{ as_of("factors") }} as date)
{%- endmacro %}

{# The last value that is known, by the events' own order. #}
{% macro last_known(column, event_rank) -%}
    max_by({{ column }}, case when {{ column }} is not null then {{ event_rank }} end)
{%- endmacro %}

{# How a host is known: its name within its region or site; null without a name. #}
{% macro host_key(region, host_name) -%}
    case
        when {{ host_name }} is not null
        then concat(coalesce({{ region }}, ''), '/', lower({{ host_name }}))
    end
{%- endmacro %}

{# The first value that is known, in the order of a rank. #}
{% macro first_told(column, rank) -%}
    min_by({{ column }}, case when {{ column }} is not null then {{ rank }} end)
{%- endmacro %}

{# What a line of the bill pays for, as far as a kWh per currency unit is concerned. #}
{% macro spend_kind(resource_class) -%}
    case
        when {{ resource_class }} in ('storage', 'network')
        then {{ resource_class }}
        else 'machines'
    end
{%- endmacro %}
