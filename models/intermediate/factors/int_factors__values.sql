-- Every number of every factor table known at the as-of time, in all its versions; null
-- where a row does not give it. One row per factor table, fact, source, attribute,
-- publication and recording.
{% set tables = factor_tables() %}
{% set nothing = "cast(null as string)" %}
with
    {% for table, of in tables.items() %}
        {% set fact = of["fact"] + (
            ["source_id"] if of.get("sources_differ") else []
        ) %}
        {{ table }}_versions as (
            select
                *,
                row_number() over (
                    partition by {{ fact | join(", ") }}
                    order by published_on desc, recorded_at_utc desc
                ) as newest_rank
            from {{ ref("stg_factors__" ~ table) }}
            where {{ known_by_as_of("published_on", "recorded_on") }}
        ),
    {% endfor %}

    final as (
        {% for table, of in tables.items() %}
            {% set table_loop = loop %}
            {% for attribute, unit in of["values"].items() %}
                select
                    '{{ table }}' as factor_table,
                    concat_ws(', ', {{ of["fact"] | join(", ") }}) as fact,
                    {{ of.get("source", "source_id") }} as source_id,
                    '{{ attribute }}' as attribute,

                    {{ of.get("zone_type", nothing) }} as zone_type,
                    {{ of.get("provider", nothing) }} as provider_code,
                    {{ of.get("zone", nothing) }} as zone,
                    cast({{ of.get("year", "null") }} as bigint) as year,

                    cast({{ attribute }} as double) as value,
                    {{ of.get("unit", "'" ~ unit ~ "'") }} as unit,

                    {{ of.get("version", nothing) }} as version,
                    published_on,
                    recorded_on,
                    recorded_at_utc,
                    newest_rank = 1 as is_newest,
                    {{ of.get("sources_differ", false) }} as do_sources_differ,
                    {{ of.get("used_as", nothing) }} as used_as
                from {{ table }}_versions
                {% if not (loop.last and table_loop.last) %}
                    union all
                {% endif %}
            {% endfor %}
        {% endfor %}
    )

select *
from final
