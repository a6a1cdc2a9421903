-- Versions of the factor tables known at the as-of time. One row per factor table,
-- source, version and dates.
{% set tables = {
    "grid_intensity_yearly": "version",
    "pue_yearly": "cast(null as string)",
    "cpu_power": "method",
    "power_constants": "cast(null as string)",
    "accelerators": "version",
    "hourly_profiles": "cast(null as string)",
    "market_intensity_yearly": "version",
    "replication_factors": "cast(null as string)",
    "embodied_servers": "method",
    "embodied_constants": "cast(null as string)",
} %}
with
    versions as (
        {% for table, version in tables.items() %}
            select
                '{{ table }}' as factor_table,
                source_id,
                {{ version }} as version,
                published_on,
                recorded_on
            from {{ ref("stg_factors__" ~ table) }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),

    sources as (select * from {{ ref("sources") }}),

    final as (
        select
            versions.factor_table,
            versions.source_id,
            versions.version,

            versions.published_on,
            versions.recorded_on,

            sources.title as source_title,
            sources.licence,

            count(*) as factor_rows
        from versions
        left join sources on versions.source_id = sources.source_id
        where {{ known_by_as_of("versions.published_on", "versions.recorded_on") }}
        group by all
    )

select *
from final
