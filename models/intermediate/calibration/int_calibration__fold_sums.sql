-- What each fold of jobs adds to the normal equations of its key; what was screened
-- out adds nothing. One row per level, component, key and fold.
with
    points as (select * from {{ ref("int_calibration__points") }}),

    final as (
        select
            key_level,
            component,
            key,
            fold,

            {% for name, expression in calibration_sums().items() %}
                {{ exact_sum(expression) }} as {{ name }}
                {% if not loop.last %},{% endif %}
            {% endfor %}
        from points
        where not is_outlier
        group by key_level, component, key, fold
    )

select *
from final
