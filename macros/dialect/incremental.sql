{# Models that remember deliveries: what a delivery holds never changes, so its rows are worked out
   once. A night starts with the rows of the night before (observatory/build.py), forgets those of
   deliveries that are not the newest known any more, and adds the new ones. On Spark such a model
   is a table, made anew. #}
{# Remove the rows of deliveries that staging does not read at this as-of time. #}
{% macro forget_old_deliveries(relation) %}
    {% set deliveries = ref("stg_landing__deliveries") %}
    {% if is_incremental() %}
        delete from {{ relation }}
        where delivery_id not in (select delivery_id from {{ deliveries }})
    {% endif %}
{% endmacro %}

{# Whether a row's delivery is not in the relation yet. The names are written out, so that the files
   of the others are not opened. #}
{% macro is_new_delivery(delivery_id, relation) %}
    {% set deliveries = ref("stg_landing__deliveries") %}
    {% if not is_incremental() %} true
    {% else %}
        {% set found = run_query(
            "select delivery_id from "
            ~ deliveries
            ~ " where delivery_id not in (select delivery_id from "
            ~ relation
            ~ ") order by delivery_id"
        ) %}
        {{ delivery_id }}
        in ('' {% for name in found.columns[0].values() %}, '{{ name }}'{% endfor %})
    {% endif %}
{% endmacro %}

{# Whether a row's delivery is one that a relation built before speaks of, with the names written
   out, so that the files of the others are not opened. #}
{% macro is_delivery_of(delivery_id, relation) %}
    {% if not execute or load_relation(relation) is none %} true
    {% else %}
        {% set found = run_query(
            "select delivery_id from "
            ~ relation
            ~ " group by delivery_id order by delivery_id"
        ) %}
        {{ delivery_id }}
        in ('' {% for name in found.columns[0].values() %}, '{{ name }}'{% endfor %})
    {% endif %}
{% endmacro %}
