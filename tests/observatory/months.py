"""The tiny project with months, settings, factors and restatements: `2026-10-05 r1,1.5` is a run.

A run's energy is its figure times a third of `anomaly.threshold`, its emissions that times the
newest grid factor known.
"""

from pathlib import Path

import tiny

GRID = "g_per_kwh,published_on,recorded_on\n100,2026-01-01,2026-01-01\n"

KNOWN = """
    {% macro known(dataset, kind) %}
        select delivery_id
        from (
            select delivery_id, row_number() over (
                partition by scope order by received_at_utc desc, delivery_id desc) as newest_rank
            from read_parquet('{{ env_var("OBSERVATORY_LANDING") }}/_deliveries/*.parquet')
            where dataset = '{{ dataset }}'
                and received_at_utc::timestamp
                <= timestamp '{{ env_var(
                    "OBSERVATORY_" ~ kind | upper ~ "_AS_OF", env_var("OBSERVATORY_AS_OF")
                ) }}'
        )
        where newest_rank = 1
    {% endmacro %}
    {% macro landed(dataset, kind) %}
        (
            select * exclude (filename)
            from read_parquet(
                '{{ env_var("OBSERVATORY_LANDING") }}/{{ dataset }}/*.parquet',
                union_by_name = true, filename = true)
            where parse_filename(filename, true) in ({{ known(dataset, kind) }})
        )
    {% endmacro %}
"""

FILES = {
    "macros/known.sql": KNOWN,
    "seeds/grid.csv": GRID,
    "models/staging/stg_tiny__values.sql": """
        {{ config(materialized='view') }}
        select * from {{ landed("tiny__values", "data") }}
    """,
    "models/marts/fct_runs.sql": """
        with
            setting as (
                select any_value(value::double) / 3 as times
                from {{ landed("_settings__parameters", "settings") }}
                where parameter = 'anomaly.threshold'
            ),
            factor as (
                select max_by(g_per_kwh, recorded_on)::double as g_per_kwh
                from {{ ref("grid") }}
                where recorded_on <= timestamp '{{ env_var(
                    "OBSERVATORY_FACTORS_AS_OF", env_var("OBSERVATORY_AS_OF")
                ) }}'
            )
        select
            run_id,
            try_cast(left(run_id, 10) as timestamp) as started_at_utc,
            try_cast(left(run_id, 10) as timestamp) as ended_at_utc,
            1 * kwh * times as facility_energy_kwh,
            1 * kwh * times * g_per_kwh as emissions_location_g_co2e,
            cast(null as double) as effective_cost,
            cast(null as varchar) as cost_currency,
            1.0 as factor_age_years
        from {{ ref('stg_tiny__values') }}, setting, factor
    """,
    "models/marts/fct_billing_daily.sql": """
        select
            cast(null as date) as usage_date,
            cast(null as varchar) as cost_currency,
            cast(null as double) as effective_cost
        where false
    """,
    "models/marts/fct_restatements.sql": """
        select * exclude (source_file, source_row)
        from {{ landed("_restatements", "data") }}
    """,
    "models/marts/marts.yml": """
        models:
          - name: fct_runs
            config: {meta: {key: [run_id]}}
          - name: fct_billing_daily
          - name: fct_twice
            config: {meta: {key: [facility_energy_kwh]}}
          - name: fct_restatements
            config: {meta: {key: [from_version, month, metric, cause_number]}}
    """,
}


def write_project(folder: Path) -> Path:
    """The project's folder, written."""
    tiny.write_project(folder)
    tiny.write_files(folder, FILES)
    return folder
