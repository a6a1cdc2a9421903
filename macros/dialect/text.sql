{# What a person types is compared without case, spaces and punctuation: 'A100-SXM4-40GB' = 'a100sxm440gb'. #}
{% macro alias_key(text) %}
    {{ return(adapter.dispatch("alias_key", "observatory")(text)) }}
{% endmacro %}
{% macro default__alias_key(text) %}
    regexp_replace(lower({{ text }}), '[^a-z0-9]', '', 'g')
{% endmacro %}
{% macro spark__alias_key(text) %}
    regexp_replace(lower({{ text }}), '[^a-z0-9]', '')
{% endmacro %}

{# A short text for a group of texts, whatever their order, which is another one as soon as one of them
   is. #}
{% macro group_key(expression) -%}
    md5({{ joined_text("md5(" ~ expression ~ ")", "md5(" ~ expression ~ ")") }})
{%- endmacro %}

{# All values of a relation's row in one text, which is another one as soon as one of them is. #}
{% macro row_text(relation) %}
    {{ return(adapter.dispatch("row_text", "observatory")(relation)) }}
{% endmacro %}
{% macro default__row_text(relation) -%} cast({{ relation }} as string) {%- endmacro %}
{% macro spark__row_text(relation) -%} to_json(struct({{ relation }}.*)) {%- endmacro %}

{# The values of a group in one text, comma-separated unless told otherwise, in a fixed order. #}
{% macro joined_text(expression, order_by, separator=", ") %}
    {{
        return(
            adapter.dispatch("joined_text", "observatory")(
                expression, order_by, separator
            )
        )
    }}
{% endmacro %}
{% macro default__joined_text(expression, order_by, separator) %}
    string_agg({{ expression }}, '{{ separator }}' order by {{ order_by }})
{% endmacro %}
{% macro spark__joined_text(expression, order_by, separator) %}
    listagg({{ expression }}, '{{ separator }}') within group (order by {{ order_by }})
{% endmacro %}
