-- Constants of the power model known at the as-of time, side by side. One row.
{% set keys = [
    "cpu_utilization_default",
    "memory_w_per_gib",
    "accelerator_idle_ratio_default",
    "accelerator_g_0",
    "accelerator_g_10",
    "accelerator_g_50",
    "accelerator_g_100",
    "accelerator_utilization_training",
    "accelerator_utilization_tuning",
    "accelerator_utilization_inference",
    "accelerator_utilization_data",
    "accelerator_utilization_unknown",
    "storage_ssd_wh_per_tb_hour",
    "storage_hdd_wh_per_tb_hour",
    "network_internet_kwh_per_gb",
    "network_inter_region_kwh_per_gb",
    "network_intra_region_kwh_per_gb",
] %}
with
    constants as (select * from {{ ref("stg_factors__power_constants") }}),

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
                max(case when factor_key = '{{ key }}' then value end) as {{ key }}
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        from constants_known
        where newest_rank = 1
    )

select *
from final
