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
] %}
with
    constants_known as (select * from {{ ref("int_energy__power_constants_known") }}),

    final as (
        select
            {% for key in keys %}
                max(case when factor_key = '{{ key }}' then value end) as {{ key }}
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        from constants_known
    )

select *
from final
