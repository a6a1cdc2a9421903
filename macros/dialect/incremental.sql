{# Models that remember parts: what is worked out of a part (a delivery, a billing month) holds as long
   as its key does, so it is worked out once. A night starts with the rows of the night before
   (observatory/memory.py), forgets those of parts that are not there any more or whose key is
   another, and adds the new ones. Which are new is asked when a model is compiled, which is before
   its pre-hook forgets: both must ask the same question, of a relation with one row per part and its
   `columns`: what names the part, then its key, if it has one. On Spark such a model is a table, made
   anew. #}
{% macro part_text(columns) -%}
    concat_ws(
        ' '
        {%- for column in columns %}
            , coalesce(cast({{ column }} as string), '?')
        {%- endfor %}
    )
{%- endmacro %}

{# Remove the rows of parts that are not read (any more, or not with this key). #}
{% macro forget_old_parts(relation, parts, columns) %}
    {% if is_incremental() %}
        delete from {{ relation }}
        where
            {{ part_text(columns) }}
            not in (select {{ part_text(columns) }} from {{ parts }})
    {% endif %}
{% endmacro %}

{# Whether a row's part is not remembered yet. `part` is its name as text. The names are written out,
   so that the files of other deliveries are not opened. #}
{% macro is_new_part(part, relation, parts, columns) %}
    {% if not execute or load_relation(parts) is none %} true
    {% else %}
        {% set remembered %}
            {% if is_incremental() %}
                where {{ part_text(columns) }} not in (
                    select {{ part_text(columns) }} from {{ relation }}
                )
            {% endif %}
        {% endset %}
        {% set found = run_query(
            "select "
            ~ part_text(columns[:1])
            ~ " from "
            ~ parts
            ~ remembered
            ~ " order by 1"
        ) %}
        {{ part }}
        in ('' {% for name in found.columns[0].values() %}, '{{ name }}'{% endfor %})
    {% endif %}
{% endmacro %}
