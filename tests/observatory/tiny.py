"""A source and a dbt project so small that a night takes a second or two.

The source reads text files of `run_id,kwh` lines. The project publishes them as `fct_runs`. A
negative figure fails a test, so does one above 1000, a 99 and a run without a name; 666 breaks a
model, 13 only warns; its unit test always fails.
"""

import shutil
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
from pydantic import Field, SecretStr

from ingest.contracts import REJECTED_SCHEMA, Batch, Dataset, empty_rejected, rejected_file
from ingest.files import discover
from ingest.sources import FileSourceSettings, SourceContext

GENERIC_TESTS = Path(__file__).parents[1] / "dbt" / "generic"
VALUES = Dataset("tiny__values", {"run_id": pl.String(), "kwh": pl.Float64()})
EVENTS = Dataset("run_events__events", {"run_id": pl.String()})


class TinySettings(FileSourceSettings):
    """`[sources.tiny]`."""

    factor: float = Field(default=1.0, gt=0, description="What figures are multiplied by.")
    token: SecretStr | None = Field(default=None, description="A secret.")
    token_file: Path | None = Field(default=None, description="Where it is.")


def read(settings: TinySettings, context: SourceContext) -> Iterator[Batch]:
    for file in discover(settings.path):
        scope = f"{context.instance}/{file.name}"
        text = file.path.read_text()
        if text.startswith("bug"):
            raise KeyError("a bug of the source")
        if text.startswith("\x00"):
            refused = rejected_file(file.name, "not_this_format", "binary")
            yield Batch(VALUES, scope, pl.DataFrame(schema=VALUES.schema), refused)
            continue
        rows, refused_rows = [], []
        for number, line in enumerate(text.splitlines(), start=1):
            run_id, _, figure = line.partition(",")
            origin = {"source_file": file.name, "source_row": number}
            try:
                rows.append({**origin, "run_id": run_id, "kwh": float(figure) * settings.factor})
            except ValueError:
                refused_rows.append(
                    {
                        **origin,
                        "field": "kwh",
                        "reason": "wrong_type",
                        "detail": "no number",
                        "raw": line,
                    }
                )
        yield Batch(
            VALUES,
            scope,
            pl.DataFrame(rows, schema=VALUES.schema),
            pl.DataFrame(refused_rows, schema=REJECTED_SCHEMA),
        )


def read_events(settings: FileSourceSettings, context: SourceContext) -> Iterator[Batch]:
    for file in discover(settings.path):
        row = {"source_file": file.name, "source_row": 1, "run_id": file.path.read_text().strip()}
        frame = pl.DataFrame([row], schema=EVENTS.schema)
        yield Batch(EVENTS, f"{context.instance}/{file.name}", frame, empty_rejected())


def registry() -> dict[str, Any]:
    return {
        "run_events": SimpleNamespace(
            __doc__="Events.",
            NAME="run_events",
            DATASETS=(EVENTS,),
            Settings=FileSourceSettings,
            read=read_events,
        ),
        "tiny": SimpleNamespace(
            __doc__="Tiny.", NAME="tiny", DATASETS=(VALUES,), Settings=TinySettings, read=read
        ),
    }


PROJECT = {
    "dbt_project.yml": """
        name: tiny
        version: "1.0"
        profile: observatory
        model-paths: [models]
        test-paths: [tests]
        flags: {send_anonymous_usage_stats: false}
        models: {tiny: {+materialized: table}}
    """,
    "profiles.yml": """
        observatory:
          target: duckdb
          outputs:
            duckdb:
              type: duckdb
              path: "{{ env_var('OBSERVATORY_WAREHOUSE') }}"
              threads: "{{ env_var('OBSERVATORY_THREADS') | int }}"
              settings:
                memory_limit: "{{ env_var('OBSERVATORY_MEMORY_LIMIT') }}"
                TimeZone: UTC
    """,
    "models/staging/stg_tiny__values.sql": """
        {{ config(materialized='view') }}
        with known as (
            select delivery_id, row_number() over (
                partition by scope order by received_at_utc desc, delivery_id desc) as rank
            from read_parquet('{{ env_var("OBSERVATORY_LANDING") }}/_deliveries/*.parquet')
            where dataset = 'tiny__values'
                and received_at_utc::timestamp
                <= timestamp '{{ env_var("OBSERVATORY_AS_OF", "9999-12-31") }}'
        )
        select landed.* exclude (filename) replace (nullif(run_id, '') as run_id), delivery_id
        from read_parquet(
            '{{ env_var("OBSERVATORY_LANDING") }}/tiny__values/*.parquet',
            union_by_name = true, filename = true) as landed
        join known on parse_filename(filename, true) = delivery_id and rank = 1
    """,
    "models/marts/fct_runs.sql": """
        select
            run_id,
            if(kwh = 666, error('the beast'), kwh) as facility_energy_kwh,
            if(kwh = 99, 'guessed', 'measured') as energy_method,
            kwh * 100 as emissions_location_g_co2e,
            cast(null as double) as effective_cost,
            cast(null as varchar) as cost_currency,
            2.0 as factor_age_years
        from {{ ref('stg_tiny__values') }}
    """,
    "models/marts/fct_twice.sql": """
        select facility_energy_kwh, count(*)::bigint as runs
        from {{ ref('fct_runs') }} group by all
        {% if env_var('TINY_TWICE', '') %}
        union all select facility_energy_kwh, 1 from {{ ref('fct_runs') }}
        {% endif %}
    """,
    "models/marts/marts.yml": """
        models:
          - name: fct_runs
            config: {meta: {key: [run_id]}}
            data_tests:
              - column_rules:
                  arguments:
                    known: [run_id]
                    within: {facility_energy_kwh: {max: 1000}}
                    one_of: {energy_method: [measured]}
          - name: fct_twice
            config: {meta: {key: [facility_energy_kwh]}}
        unit_tests:
          - name: always_fails
            model: fct_twice
            given: [{input: ref('fct_runs'), rows: [{facility_energy_kwh: 1}]}]
            expect: {rows: [{runs: 5}]}
    """,
    "tests/assert_no_negative_energy.sql": """
        select * from {{ ref('fct_runs') }} where facility_energy_kwh < 0
    """,
    "tests/assert_lucky.sql": """
        {{ config(severity='warn') }}
        select * from {{ ref('fct_runs') }} where facility_energy_kwh = 13
    """,
}


def write_project(folder: Path) -> Path:
    write_files(folder, PROJECT)
    shutil.copytree(GENERIC_TESTS, folder / "tests" / "generic")
    return folder


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))


def install(project: Path, setattr_: Any = setattr) -> None:
    """Let the conductor use the tiny source and the tiny project."""
    from observatory import build, checks, example, refresh, settings

    for module in (settings, refresh, checks, example):
        setattr_(module, "registry", registry)
    setattr_(build, "project_dir", lambda: project)
