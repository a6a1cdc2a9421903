{# Which delivery a landed row belongs to: the name of the file it was read from. #}
{% macro delivery_id_of_row(relation_alias) %}
    {{ return(adapter.dispatch("delivery_id_of_row", "observatory")(relation_alias)) }}
{% endmacro %}
{% macro default__delivery_id_of_row(relation_alias) %}
    parse_filename({{ relation_alias }}.filename, true)
{% endmacro %}
{% macro spark__delivery_id_of_row(relation_alias) %}
    regexp_extract(_metadata.file_name, '^(.*)[.]parquet$', 1)
{% endmacro %}
