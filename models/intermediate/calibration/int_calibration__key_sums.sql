-- The sums of each key that its normal equations need, and what can be fitted to its
-- runs. One row per level, component and key that has a run left.
with
    points as (select * from {{ ref("int_calibration__points") }}),

    keys_summed as (
        select
            key_level,
            component,
            key,

            count(distinct run_id) as runs,
            count(distinct job_key) as jobs,
            min(utilization_ratio) as min_utilization_ratio,
            max(utilization_ratio) as max_utilization_ratio,
            count(*) = count(utilization_ratio) as has_utilization,
            {% for name, expression in calibration_sums().items() %}
                {{ exact_sum(expression) }} as {{ name }}
                {% if not loop.last %},{% endif %}
            {% endfor %}
        from points
        where not is_outlier
        group by key_level, component, key
    ),

    final as (
        select
            *,
            runs >= 3 and jobs >= 2 as is_fitted,
            runs >= 6
            and has_utilization
            and max_utilization_ratio - min_utilization_ratio
            >= 0.3 as is_concave_fitted
        from keys_summed
    )

select *
from final
