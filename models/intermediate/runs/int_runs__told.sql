-- Attempts as accounts, services and trackers tell of them, under the names they have
-- there.
-- Those of run events are not among them: their events are folded by the run that they
-- are. One row per source, run and attempt as told.
{% set relations = [
    ref("int_runs__slurm_told"),
    ref("int_runs__codecarbon_told"),
    ref("int_runs__airflow_told"),
    ref("int_runs__openlineage_told"),
    ref("int_runs__managed_told"),
    ref("int_runs__mlflow_told"),
] %}

{% set columns = [
    "source",
    "source_run_id",
    "source_attempt",
    "own_key_kind",
    "own_key_value",
] + attempt_shape().keys() | list %}

with
    final as (
        {% for relation in relations %}
            select {{ columns | join(", ") }}
            from {{ relation }}
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    )

select *
from final
