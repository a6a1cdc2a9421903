{# Which delivery a landed row belongs to: the name of the file it is read from. Only where the landed
   files themselves are selected from. #}
{% macro delivery_id_of_file() %}
    {{ return(adapter.dispatch("delivery_id_of_file", "observatory")()) }}
{% endmacro %}
{% macro default__delivery_id_of_file() %} parse_filename(filename, true){% endmacro %}
{% macro spark__delivery_id_of_file() %}
    regexp_extract(_metadata.file_name, '^(.*)[.]parquet$', 1)
{% endmacro %}

{# A landed dataset is its files; where they are, is asked when a model runs, so that what dbt has
   parsed holds for every landing. On Spark it is a table of the landing's schema. #}
{% macro source(source_name, table_name) %}
    {% set table = builtins.source(source_name, table_name) %}
    {{
        return(
            adapter.dispatch("landed_files", "observatory")(table)
            if execute
            else table
        )
    }}
{% endmacro %}
{% macro default__landed_files(table) %}
    {% set landing = env_var("OBSERVATORY_LANDING", "data/landing") %}
    {% set files = (landing ~ "/" ~ table.identifier ~ "/*.parquet") | replace(
        "'", "''"
    ) %}
    {{
        return(
            "read_parquet('" ~ files ~ "', union_by_name = true, filename = true)"
        )
    }}
{% endmacro %}
{% macro spark__landed_files(table) %} {{ return(table) }} {% endmacro %}
