{# A mart whose columns are agreed but whose work has not been done yet: typed, and empty. #}
{% macro empty_mart(columns) %}
    select
        {% for name, type in columns %}
            cast(null as {{ type }}) as {{ name }}{% if not loop.last %},{% endif %}
        {% endfor %}
    where false
{% endmacro %}
