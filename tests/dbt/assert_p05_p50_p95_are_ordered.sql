-- The figure itself is the median: it lies between the bounds of its interval, which is
-- there wherever the figure is, and nowhere else.
{% set figures = [
    "facility_energy_kwh",
    "emissions_location_g_co2e",
    "emissions_embodied_g_co2e",
] %}
with
    runs as (select * from {{ ref("fct_runs") }}),

    figures as (
        {% for figure in figures %}
            select
                run_id,
                '{{ figure }}' as figure,
                {{ figure }}_p05 as p05,
                {{ figure }} as p50,
                {{ figure }}_p95 as p95
            from runs
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    )

select *
from figures
where
    not coalesce(p05 <= p50 and p50 <= p95, p50 is null)
    or (p50 is null and coalesce(p05, p95) is not null)
