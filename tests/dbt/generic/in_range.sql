{# Every value lies between min and max, both included; null is not a value, NaN is not allowed. #}
{% test in_range(model, column_name, min=none, max=none) %}
    select {{ column_name }}
    from {{ model }}
    where
        isnan(cast({{ column_name }} as double))
        {% if min is not none %} or {{ column_name }} < {{ min }}{% endif %}
        {% if max is not none %} or {{ column_name }} > {{ max }}{% endif %}
{% endtest %}
