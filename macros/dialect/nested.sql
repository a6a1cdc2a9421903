{# `from t <unnested(list, alias)>`: one row per element, rows with an empty list fall out. #}
{% macro unnested(list_column, alias, column) %}
    {{
        return(
            adapter.dispatch("unnested", "observatory")(list_column, alias, column)
        )
    }}
{% endmacro %}
{% macro default__unnested(list_column, alias, column) %}
    cross join unnest({{ list_column }}) as {{ alias }} ({{ column }})
{% endmacro %}
{% macro spark__unnested(list_column, alias, column) %}
    lateral view explode({{ list_column }}) {{ alias }} as {{ column }}
{% endmacro %}

{# The text at a top-level key of a JSON object; null where there is none. #}
{% macro json_text(json_column, key) %}
    {{ return(adapter.dispatch("json_text", "observatory")(json_column, key)) }}
{% endmacro %}
{% macro default__json_text(json_column, key) %}
    json_extract_string({{ json_column }}, '$."{{ key }}"')
{% endmacro %}
{% macro spark__json_text(json_column, key) %}
    get_json_object({{ json_column }}, '$.{{ key }}')
{% endmacro %}

{# The entries of a flat JSON object, to be unnested into (key, value) texts. #}
{% macro json_entries(json_column) %}
    {{ return(adapter.dispatch("json_entries", "observatory")(json_column)) }}
{% endmacro %}
{% macro default__json_entries(json_column) %}
    map_entries(try_cast(try_cast({{ json_column }} as json) as map(varchar, varchar)))
{% endmacro %}
{% macro spark__json_entries(json_column) %}
    map_entries(from_json({{ json_column }}, 'map<string,string>'))
{% endmacro %}

{# The element at a position (from 1) of a JSON list, as JSON text. #}
{% macro json_item(json_column, position) %}
    {{ return(adapter.dispatch("json_item", "observatory")(json_column, position)) }}
{% endmacro %}
{% macro default__json_item(json_column, position) %}
    json_extract({{ json_column }}, concat('$[', {{ position }} - 1, ']'))
{% endmacro %}
{% macro spark__json_item(json_column, position) %}
    get_json_object({{ json_column }}, concat('$[', {{ position }} - 1, ']'))
{% endmacro %}

{# The positions 1 … n of a JSON list that is not empty, to be unnested. #}
{% macro positions_in(json_column) %}
    {{ return(adapter.dispatch("positions_in", "observatory")(json_column)) }}
{% endmacro %}
{% macro default__positions_in(json_column) %}
    generate_series(1, cast(json_array_length({{ json_column }}) as bigint))
{% endmacro %}
{% macro spark__positions_in(json_column) %}
    sequence(1, json_array_length({{ json_column }}))
{% endmacro %}
