{# How DuckDB makes tables and views. A night builds into a fresh warehouse that nobody reads before
   the audit, so there is nothing to put aside, to rename and to drop, which is most of what dbt's
   own way costs. Where a developer builds again, what was there goes first. Contracts, hooks and
   the engine's own SQL are dbt's. Spark keeps dbt's way. #}
{% materialization table, adapter = "duckdb" %}
    {{ return(_made_in_place("table")) }}
{% endmaterialization %}

{% materialization view, adapter = "duckdb" %}
    {{ return(_made_in_place("view")) }}
{% endmaterialization %}

{% macro _made_in_place(kind) %}
    {% set made = this.incorporate(type=kind) %}
    {% set before = load_cached_relation(this) %}
    {% if before %} {% do adapter.drop_relation(before) %} {% endif %}
    {{ run_hooks(pre_hooks) }}
    {% call statement("main") %}
        {% if kind == "view" %} {{ create_view_as(made, compiled_code) }}
        {% else %} {{ create_table_as(false, made, compiled_code) }}
        {% endif %}
    {% endcall %}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {{ return({"relations": [made]}) }}
{% endmacro %}
