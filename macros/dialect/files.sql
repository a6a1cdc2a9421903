{# Which delivery a landed row belongs to: the name of the file it is read from. Only where the landed
   files themselves are selected from. #}
{% macro delivery_id_of_file() %}
    {{ return(adapter.dispatch("delivery_id_of_file", "observatory")()) }}
{% endmacro %}
{% macro default__delivery_id_of_file() %} parse_filename(filename, true){% endmacro %}
{% macro spark__delivery_id_of_file() %}
    regexp_extract(_metadata.file_name, '^(.*)[.]parquet$', 1)
{% endmacro %}
