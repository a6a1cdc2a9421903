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

{# The same where rows depend on what is wanted of a delivery, not on the delivery alone: its
   `wanted_key` says which rows these are. #}
{% macro forget_what_is_not_wanted(relation) %}
    {% set wanted = ref("int_cost__deliveries_wanted") %}
    {% if is_incremental() %}
        delete from {{ relation }}
        where
            concat(delivery_id, wanted_key)
            not in (select concat(delivery_id, wanted_key) from {{ wanted }})
    {% endif %}
{% endmacro %}

{% macro is_newly_wanted(delivery_id, relation) %}
    {% set wanted = ref("int_cost__deliveries_wanted") %}
    {% if not execute or load_relation(wanted) is none %} true
    {% else %}
        {% set known %}
            {% if is_incremental() %}
                where delivery_id not in (select delivery_id from {{ relation }})
            {% endif %}
        {% endset %}
        {% set found = run_query(
            "select delivery_id from "
            ~ wanted
            ~ " "
            ~ known
            ~ " order by delivery_id"
        ) %}
        {{ delivery_id }}
        in ('' {% for name in found.columns[0].values() %}, '{{ name }}'{% endfor %})
    {% endif %}
{% endmacro %}
