-- Constants of the embodied model known at the as-of time, side by side. One row.
{% set keys = [
    "server_lifetime_years",
    "accelerator_lifetime_years",
    "server_base_kg_co2e",
    "server_base_memory_gib",
    "chip_kg_co2e",
    "memory_kg_co2e_per_gib",
    "gpu_kg_co2e",
    "server_kg_co2e_per_vcpu",
] %}
with
    constants as (select * from {{ ref("stg_factors__embodied_constants") }}),

    constants_known as (
        select
            *,
            row_number() over (
                partition by factor_key
                order by published_on desc, recorded_at_utc desc, source_id
            ) as newest_rank
        from constants
        where {{ known_by_as_of("published_on", "recorded_on") }}
    ),

    final as (
        select
            {% for key in keys %}
                max(case when factor_key = '{{ key }}' then value end) as {{ key }},
                max(case when factor_key = '{{ key }}' then low end) as {{ key }}_low,
                max(case when factor_key = '{{ key }}' then high end) as {{ key }}_high,
                max(
                    case when factor_key = '{{ key }}' then source_id end
                ) as {{ key }}_source_id
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        from constants_known
        where newest_rank = 1
    )

select *
from final
