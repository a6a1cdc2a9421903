"""The published snapshot, as everybody reads it."""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from ingest.errors import SnapshotMissing

CURRENT = "current"
STATUS = "status.json"
VERSION = "version.json"


def current(published: Path) -> Path:
    """The folder that `current` points to. Raises SnapshotMissing."""
    folder = (published / CURRENT).resolve()
    if not (folder / VERSION).is_file():
        raise SnapshotMissing(
            f"nothing has been published in {published} yet; run `observatory refresh` "
            "(or `observatory demo`)"
        )
    return folder


def version(folder: Path) -> dict[str, Any]:
    """The snapshot's version.json."""
    content: dict[str, Any] = json.loads((folder / VERSION).read_text("utf-8"))
    return content


def is_promoted(info: Mapping[str, Any]) -> bool:
    """Whether readers got this version, of which `info` is the version.json; else a rebuild."""
    return bool(info.get("promoted", True))


def built_at(folder: Path) -> datetime:
    """When a snapshot was built."""
    return datetime.fromisoformat(version(folder)["built_at"])


def last_night(published: Path) -> dict[str, Any] | None:
    """What status.json says of the last night."""
    try:
        content: dict[str, Any] = json.loads((published / STATUS).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return content


def marts(folder: Path) -> list[str]:
    """The marts of a snapshot."""
    return sorted(path.stem for path in folder.glob("*.parquet"))


def connect(folder: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with a view per mart."""
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    for mart in marts(folder):
        file = str(folder / f"{mart}.parquet").replace("'", "''")
        connection.execute(f"create view \"{mart}\" as select * from read_parquet('{file}')")  # noqa: S608
    return connection


def rows(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: list[Any] | dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """The rows of a query as dictionaries."""
    result = connection.execute(sql, parameters or [])
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]


def run_named(connection: duckdb.DuckDBPyConnection, name: str) -> str | None:
    """The id of the run that goes by a name at one of its sources (a Slurm job id with its
    cluster, an MLflow run id, an ARN), or None: unknown, of several runs, or before such names were
    kept.
    """
    if not rows(connection, "from duckdb_views() where view_name = 'fct_run_identities'"):
        return None
    (found,) = rows(
        connection,
        """
        select case when count(distinct run_id) = 1 then min(run_id) end as run_id
        from fct_run_identities
        where matched_key = lower($1)
            or source_run_id in (
                $1, concat(source, ':', $1), regexp_replace($1, '^arn:[^:]*:', '')
            )
        """,
        [name],
    )
    run_id: str | None = found["run_id"]
    return run_id


def totals(folder: Path) -> dict[str, Any]:
    """Runs, energy, emissions, cost and coverage of a snapshot; null where nothing is known.

    `coverage_ratio` is the share of runs whose energy is known.
    """
    with connect(folder) as connection:
        if "fct_runs" not in marts(folder):
            return dict.fromkeys(
                (
                    "runs",
                    "facility_energy_kwh",
                    "emissions_location_g_co2e",
                    "effective_cost",
                    "cost_currency",
                    "coverage_ratio",
                )
            )
        return rows(
            connection,
            """
            select
                count(*) as runs,
                cast(sum(cast(facility_energy_kwh as decimal(38, 12))) as double)
                    as facility_energy_kwh,
                cast(sum(cast(emissions_location_g_co2e as decimal(38, 12))) as double)
                    as emissions_location_g_co2e,
                cast(sum(cast(effective_cost as decimal(38, 12))) as double) as effective_cost,
                case when count(distinct cost_currency) = 1 then any_value(cost_currency) end
                    as cost_currency,
                count(facility_energy_kwh) / nullif(count(*), 0) as coverage_ratio
            from fct_runs
            """,
        )[0]
