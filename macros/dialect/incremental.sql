{# Models that remember deliveries: what a delivery holds never changes, so its rows are worked out
   once. A night starts with the rows of the night before (observatory/memory.py), forgets those of
   deliveries that are not the newest known any more, and adds the new ones. Which are new is asked
   when a model is compiled, which is before its pre-hook forgets: both must ask the same question.
   On Spark such a model is a table, made anew. #}
{# What is remembered of a delivery holds for its id, and for a key of whatever else decides its
   rows: a relation with one row per delivery, (delivery_id, <key>). #}
{% macro _remembered(delivery, key) %}
    {%- if key -%} concat({{ delivery }}delivery_id, ' ', {{ delivery }}{{ key }})
    {%- else -%} {{ delivery }}delivery_id
    {%- endif -%}
{% endmacro %}

{# Remove the rows of deliveries that are not read (any more, or not with this key). #}
{% macro forget_old_deliveries(relation, deliveries, key=none) %}
    {% if is_incremental() %}
        delete from {{ relation }}
        where
            {{ _remembered("", key) }}
            not in (select {{ _remembered("", key) }} from {{ deliveries }})
    {% endif %}
{% endmacro %}

{# Whether a row's delivery is not remembered yet. The names are written out, so that the files of
   the others are not opened. #}
{% macro is_new_delivery(delivery_id, relation, deliveries, key=none) %}
    {% if not execute or load_relation(deliveries) is none %} true
    {% else %}
        {% set remembered %}
            {% if is_incremental() %}
                where {{ _remembered("", key) }} not in (
                    select {{ _remembered("", key) }} from {{ relation }}
                )
            {% endif %}
        {% endset %}
        {% set found = run_query(
            "select delivery_id from "
            ~ deliveries
            ~ remembered
            ~ " order by delivery_id"
        ) %}
        {{ delivery_id }}
        in ('' {% for name in found.columns[0].values() %}, '{{ name }}'{% endfor %})
    {% endif %}
{% endmacro %}
