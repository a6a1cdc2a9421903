"""Versions of the factor tables: which there are, what changed between two, deliveries of new ones.

What was known at an instant is what the models say of it: the few that hold the factors are built
as of that instant into a temporary warehouse. Nothing is asked of the network.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from ingest.errors import ConfigError, LockHeld, SnapshotMissing
from ingest.landing import REJECTED, DeliveryResult, Landing
from ingest.runner import SourceReport, run_source
from ingest.sources import FileSourceSettings, SourceContext
from observatory import build, factor_files, lock, refresh, snapshot
from observatory.factor_tables import DATASET_PREFIX, factor_tables
from observatory.settings import Settings

VERSIONS = "int_factors__versions"
FACTORS = "fct_factors"
REGIONS = "dim_region"
IN_USE = "dim_factor_version"
INSTANCE = "default"
CHANGES = ("changed", "added", "withdrawn", "superseded")
# What tells one fact at one time from another, whatever the version.
_SAME_FACT = """
    old.factor_table = new.factor_table and old.fact = new.fact
    and old.attribute = new.attribute
"""
_SAME_SOURCE = " and (old.source_id = new.source_id or not new.do_sources_differ)"
_LISTED = """
    select versions.*, used.is_in_use
    from intermediate.int_factors__versions as versions
    left join used
        on versions.factor_table = used.factor_table
        and versions.source_id = used.source_id
        and versions.version is not distinct from used.version
        and versions.published_on = used.published_on
        and versions.recorded_on = used.recorded_on
    order by
        versions.factor_table, versions.published_on, versions.recorded_on,
        versions.source_id, versions.version
"""
_COMPARED = """
    select
        coalesce(new.factor_table, old.factor_table) as factor_table,
        coalesce(new.fact, old.fact) as fact,
        coalesce(new.source_id, old.source_id) as source_id,
        coalesce(new.attribute, old.attribute) as attribute,
        coalesce(new.zone_type, old.zone_type) as zone_type,
        coalesce(new.provider, old.provider) as provider,
        coalesce(new.zone, old.zone) as zone,
        coalesce(new.year, old.year) as year,
        coalesce(new.unit, old.unit) as unit,
        case
            when old.value is null then 'added'
            when new.value is null then 'withdrawn'
            when old.value <> new.value then 'changed'
            else 'superseded'
        end as change,
        old.value as old_value,
        new.value as new_value,
        new.value / nullif(old.value, 0) - 1 as relative_change,
        old.source_id as old_source_id,
        old.version as old_version,
        old.published_on as old_published_on,
        old.recorded_on as old_recorded_on,
        new.version as new_version,
        new.published_on as new_published_on,
        new.recorded_on as new_recorded_on
    from old
    full join new on {same_fact}
    where
        old.value is null or new.value is null or old.value <> new.value
        or ({with_superseded} and (
            (old.version, old.published_on, old.recorded_on)
            is distinct from (new.version, new.published_on, new.recorded_on)
        ))
"""
_REGIONS_IN = """
    select distinct changes.factor_table, concat(regions.provider, ' ', regions.region) as region
    from changes
    inner join regions
        on case changes.zone_type
            when 'cloud_region' then
                changes.provider = regions.provider and changes.zone in (regions.region, '*')
            when 'country' then changes.zone = regions.country_iso3
            when 'subdivision' then changes.zone = regions.subdivision_iso3166_2
            when 'grid_zone' then changes.zone = regions.grid_zone_id
            else changes.zone_type = 'world'
        end
    order by all
"""


@dataclass(frozen=True)
class UpdateReport:
    """What `update` did. `status`: ok, partial (rows were rejected) or failed (the disk)."""

    status: str
    message: str
    tables: list[dict[str, Any]]
    rejected: list[dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """The report as `factors update --json` prints it."""
        return {
            "status": self.status,
            "message": self.message,
            "tables": self.tables,
            "rejected": self.rejected,
        }


@dataclass(frozen=True)
class Side:
    """One of the two that are compared: `kind` instant, snapshot or version, and its rows."""

    given: str
    kind: str
    as_of: str | None


def update(settings: Settings, path: Path | None, *, now: datetime) -> UpdateReport:
    """Land the factor files of `path`, else of `[factors] path`. Idempotent; takes the lock.

    Raises ConfigError when there is nothing to read, LockHeld while a night runs.
    """
    place = path.absolute() if path is not None else settings.factors.path
    if place is None:
        raise ConfigError("factors update: nothing to read; give --from, or set factors.path")
    factor_files.find(str(place))
    with lock.hold(settings.paths.warehouse, settings.paths.landing, now):
        landing = refresh.open_landing(settings, now)
        refresh.prepare_landing(settings, landing, now)
        refresh.clear_leftovers(settings, now)
        report = run_source(
            factor_files.FactorFiles(),
            FileSourceSettings.model_validate({"path": str(place)}),
            SourceContext(INSTANCE, now),
            landing,
        )
        rejected = _rejected(landing, report.deliveries)
    return UpdateReport(
        status=report.status,
        message=_message(report, settings),
        tables=[_table(result) for result in report.deliveries],
        rejected=rejected,
    )


def _table(result: DeliveryResult) -> dict[str, Any]:
    return {
        "table": result.dataset.removeprefix(DATASET_PREFIX),
        "status": result.status,
        "rows_in": result.rows_in,
        "rows_landed": result.rows_landed if result.status == "landed" else 0,
        "rows_unchanged": result.rows_landed if result.status == "unchanged" else 0,
        "rows_rejected": result.rows_rejected,
    }


def _rejected(landing: Landing, results: Sequence[DeliveryResult]) -> list[dict[str, Any]]:
    """Every row that was refused: table, file, line, column, reason and remedy."""
    rows = []
    for result in results:
        path = landing.root / REJECTED / f"{result.delivery_id}.parquet"
        if result.rows_rejected and path.exists():
            for row in pl.read_parquet(path).drop("raw").to_dicts():
                rows.append({"table": result.dataset.removeprefix(DATASET_PREFIX), **row})
    return rows


def _message(report: SourceReport, settings: Settings) -> str:
    if report.status == "failed":
        return f"the factor files could not be landed: {report.error}"
    if report.rows_rejected:
        return (
            f"{report.rows_rejected} row(s) rejected; they are kept in "
            f"{settings.paths.landing / REJECTED}"
        )
    if not any(result.status == "landed" for result in report.deliveries):
        return "nothing new: landing has these rows already"
    return "the next night uses what is new"


def versions(settings: Settings, *, now: datetime) -> dict[str, Any]:
    """Every version of every factor table known now, and whether the published runs rest on it."""
    with tempfile.TemporaryDirectory(prefix="observatory-factors-") as name:
        folder = Path(name)
        warehouse = _built(_prepared(settings, folder, now), now, folder, [VERSIONS])
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            published = _published(settings, IN_USE)
            connection.execute(
                f"create temp view used as select * from {_parquet(published, IN_USE)}"  # noqa: S608
                if published is not None
                else "create temp table used (factor_table varchar, source_id varchar, "
                "version varchar, published_on date, recorded_on date, is_in_use boolean)"
            )
            listed = snapshot.rows(connection, _LISTED)
    return {"published_version": published.name if published else None, "versions": listed}


def diff(settings: Settings, a: str, b: str, *, now: datetime) -> dict[str, Any]:
    """What changed from A to B: dates or instants, published snapshots, or versions of a table.

    Raises ConfigError for what is none of these.
    """
    sides = [_side(settings, given, now) for given in (a, b)]
    labels = [side.kind == "version" for side in sides]
    if any(labels) and not all(labels):
        raise ConfigError(
            f"factors diff {a} {b}: compare two versions of a table with each other, "
            "or dates and published snapshots"
        )
    with (
        tempfile.TemporaryDirectory(prefix="observatory-factors-") as temporary,
        duckdb.connect() as connection,
    ):
        folder = Path(temporary)
        settings = _prepared(settings, folder, now)
        if all(labels):
            _load_versions(connection, settings, sides, now, folder)
        else:
            for name, side in zip(("old", "new"), sides, strict=True):
                _load(connection, settings, name, side, now, folder)
                connection.execute(f"delete from {name} where not is_newest")  # noqa: S608
        compared = _COMPARED.format(
            same_fact=_SAME_FACT if all(labels) else _SAME_FACT + _SAME_SOURCE,
            with_superseded="false" if all(labels) else "true",
        )
        connection.execute(f"create temp table changes as {compared}")
        changes = snapshot.rows(
            connection, "select * from changes order by factor_table, fact, source_id, attribute"
        )
        regions = snapshot.rows(connection, _REGIONS_IN)
    return {
        "from": _told(sides[0]),
        "to": _told(sides[1]),
        "tables": _summaries(changes, regions),
        "changes": changes,
    }


def _told(side: Side) -> dict[str, Any]:
    return {"given": side.given, "kind": side.kind, "as_of": side.as_of}


def _side(settings: Settings, given: str, now: datetime) -> Side:
    folder = settings.paths.published / given
    if (folder / snapshot.VERSION).is_file():
        return Side(given, "snapshot", snapshot.version(folder)["as_of"])
    if re.match(r"\d{4}-\d{2}-\d{2}([T ]|$)", given):
        return Side(given, "instant", refresh.parse_as_of(given, now).isoformat())
    return Side(given, "version", None)


def _load(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    name: str,
    side: Side,
    now: datetime,
    folder: Path,
) -> None:
    """Tables `name` and `regions` of what one side knew of factors; the last one's regions stay."""
    if side.kind == "snapshot":
        published = settings.paths.published / side.given
        if FACTORS not in snapshot.marts(published):
            raise ConfigError(
                f"snapshot {side.given} was published without {FACTORS}; "
                f"give its as-of time instead: {side.as_of}"
            )
        factors, regions = _parquet(published, FACTORS), _parquet(published, REGIONS)
    else:
        instant = datetime.fromisoformat(side.as_of) if side.as_of else now
        warehouse = _built(settings, instant, folder / name, [FACTORS, REGIONS])
        path = str(warehouse).replace("'", "''")
        connection.execute(f"attach '{path}' as {name}_warehouse (read_only)")
        factors = f"{name}_warehouse.marts.{FACTORS}"
        regions = f"{name}_warehouse.marts.{REGIONS}"
    connection.execute(f"create temp table {name} as select * from {factors}")  # noqa: S608
    connection.execute(f"create or replace temp table regions as select * from {regions}")  # noqa: S608


def _load_versions(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    sides: Sequence[Side],
    now: datetime,
    folder: Path,
) -> None:
    """Tables `old` and `new`: the rows of two versions of the tables that have both."""
    _load(connection, settings, "known", Side("now", "instant", now.isoformat()), now, folder)
    for name, side in zip(("old", "new"), sides, strict=True):
        table, colon, label = side.given.partition(":")
        if not colon or table not in factor_tables():
            table, label = "", side.given
        connection.execute(
            f"""
            create temp table {name} as
            select * from known
            where $label in (version, cast(published_on as string))
                and $table in ('', factor_table)
            qualify row_number() over (
                partition by factor_table, fact, attribute
                order by published_on desc, recorded_at_utc desc, source_id
            ) = 1
            """,  # noqa: S608
            {"label": label, "table": table},
        )
        if not snapshot.rows(connection, f"select 1 from {name} limit 1"):  # noqa: S608
            raise ConfigError(
                f"factors diff: {side.given} is no date, no published snapshot and no version of "
                "a factor table; `observatory factors list` names those there are"
            )
    connection.execute("delete from old where factor_table not in (select factor_table from new)")
    connection.execute("delete from new where factor_table not in (select factor_table from old)")
    if not snapshot.rows(connection, "select 1 from old limit 1"):
        raise ConfigError(
            f"factors diff: {sides[0].given} and {sides[1].given} are versions of different tables"
        )


def _summaries(
    changes: Sequence[Mapping[str, Any]], regions: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Per table that changed: how often, in which zones, and the regions that lie in them."""
    found = []
    for table, group in groupby(changes, key=lambda row: row["factor_table"]):
        rows = list(group)
        found.append(
            {
                "factor_table": table,
                **{kind: sum(row["change"] == kind for row in rows) for kind in CHANGES},
                "zones": sorted({_zone(row) for row in rows if row["zone"] is not None}),
                "regions": [row["region"] for row in regions if row["factor_table"] == table],
            }
        )
    return found


def _zone(row: Mapping[str, Any]) -> str:
    return f"{row['provider']} {row['zone']}" if row["provider"] else str(row["zone"])


def _published(settings: Settings, mart: str) -> Path | None:
    """The current snapshot, if there is one and it has the mart."""
    try:
        folder = snapshot.current(settings.paths.published)
    except SnapshotMissing:
        return None
    return folder if mart in snapshot.marts(folder) else None


def _parquet(folder: Path, mart: str) -> str:
    file = str(folder / f"{mart}.parquet").replace("'", "''")
    return f"read_parquet('{file}')"


def _prepared(settings: Settings, folder: Path, now: datetime) -> Settings:
    """Settings of a landing that has a folder for every dataset; without a landing, an empty one
    in `folder`.
    """
    if settings.paths.landing.is_dir():
        # A night that runs has prepared the landing itself.
        with suppress(LockHeld):
            refresh.initialise(settings, now=now)
        return settings
    paths = settings.paths.model_copy(update={"landing": folder / "landing"})
    Landing(paths.landing).initialise(refresh.datasets())
    return settings.model_copy(update={"paths": paths})


def _built(settings: Settings, as_of: datetime, folder: Path, models: Sequence[str]) -> Path:
    """A warehouse in `folder` with some models as of an instant."""
    warehouse = folder / settings.paths.warehouse.name
    build.build_part(settings, as_of, models, warehouse)
    return warehouse
