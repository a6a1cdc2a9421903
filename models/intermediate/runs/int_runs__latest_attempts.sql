-- What is known of each run's latest attempt: who, what, where, on which hardware. Who
-- and what for is what the last attempt says that knows it. One row per run.
{% set purposes = [
    "owner",
    "team",
    "project",
    "workload_environment",
    "pipeline",
    "step",
    "workload_kind",
    "model_name",
    "dataset_name",
    "git_commit",
] %}

with
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    resources as (select * from {{ ref("int_runs__resources") }}),
    places as (select * from {{ ref("int_carbon__places") }}),

    attempts_ranked as (
        select
            *,
            row_number() over (
                partition by run_id order by attempt desc
            ) as latest_rank,
            count(*) over (partition by run_id) as attempts
        from attempts
    ),

    known as (
        select
            run_id,
            {% for name, version in [
                ("model_name", "model_version"),
                ("dataset_name", "dataset_version"),
            ] %}
                {{ last_known(version, "attempt") }} as {{ version }},
                max_by(
                    coalesce({{ name }}, ''),
                    case when {{ version }} is not null then attempt end
                ) as versioned_{{ name }},
            {% endfor %}
            {% for column in purposes %}
                {{ last_known(column, "attempt") }} as {{ column }}
                {% if not loop.last %},{% endif %}
            {% endfor %}
        from attempts_ranked
        where attempts > 1
        group by run_id
    ),

    final as (
        select
            latest.run_id,
            latest.source,
            latest.job_name,
            latest.attempt,
            latest.status,
            {% for column in purposes %}
                coalesce(latest.{{ column }}, known.{{ column }}) as {{ column }},
            {% endfor %}
            {% for name, version in [
                ("model_name", "model_version"),
                ("dataset_name", "dataset_version"),
            ] %}
                -- A version is one of what the run's model or data set is called.
                coalesce(
                    latest.{{ version }},
                    case
                        when known.versioned_{{ name }} in ('', known.{{ name }})
                        then known.{{ version }}
                    end
                ) as {{ version }},
            {% endfor %}
            resources.provider_code as provider,
            resources.region,
            latest.zone,
            nullif(resources.site_name, '') as site_name,
            places.grid_zone_id,
            places.region is not null as is_known_place,
            resources.region_missing_reason,
            latest.instance_type,
            latest.resource_id,
            resources.hardware_class,
            resources.accelerator_model,

            latest.ended_at_utc,

            resources.instance_count,
            resources.accelerators_per_instance
            * resources.accelerator_share
            * resources.instance_count as accelerator_count,
            latest.cpu_utilization_ratio,
            latest.accelerator_utilization_ratio,

            latest.source_file,
            latest.source_row,
            latest.delivery_id,
            latest.received_at_utc
        from attempts_ranked as latest
        inner join
            resources
            on latest.run_id = resources.run_id
            and latest.attempt = resources.attempt
        left join known on latest.run_id = known.run_id
        left join
            places
            on resources.provider_code = places.provider_code
            and resources.region = places.region
        where latest.latest_rank = 1
    )

select *
from final
