"""What `sources`, `status` and `doctor` find."""

import importlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib import metadata
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from ingest.errors import ObservatoryError, SnapshotMissing
from ingest.files import discover
from ingest.landing import MANIFEST, manifest
from ingest.objects import ObjectSourceSettings, place
from ingest.sources import registry
from observatory import build, files, snapshot
from observatory.settings import Settings
from observatory.version import code_version

# Below this, a night may fill the disk.
LITTLE_SPACE_BYTES = 2 * 1024**3
OLD_NIGHT_HOURS = 36.0
FRESHNESS = "fct_factor_freshness"
KINDS = {"grid_intensity": "grid intensity", "pue": "PUE"}
# Places that a warning lists.
NAMED = 8


@dataclass(frozen=True)
class Check:
    """One finding of `doctor`. `status`: ok | warning | failed."""

    name: str
    status: str
    detail: str


def sources(settings: Settings, now: datetime) -> list[dict[str, Any]]:
    """Every registered source and instance: configured?, last delivery, age, rows, rejected.

    Rows are those of the newest delivery of each scope, which is what models read.
    """
    landed = _landed(settings)
    found = []
    for name in registry():
        instances = settings.sources.get(name, {})
        known = {row["instance"] for row in landed if row["source"] == name}
        for instance in sorted({*instances, *known}) or [""]:
            configured = instances.get(instance)
            delivery = next(
                (row for row in landed if (row["source"], row["instance"]) == (name, instance)),
                None,
            )
            last = delivery["last_delivery_at_utc"] if delivery else None
            found.append(
                {
                    "name": name,
                    "instance": instance or None,
                    "configured": configured is not None,
                    "enabled": configured is not None and configured.enabled,
                    "path": getattr(configured, "path", None),
                    "last_delivery": last.isoformat() if last else None,
                    "age_hours": _hours(now, last),
                    "deliveries": delivery["deliveries"] if delivery else 0,
                    "rows": delivery["rows"] if delivery else 0,
                    "rows_rejected": delivery["rows_rejected"] if delivery else 0,
                }
            )
    return found


def _landed(settings: Settings) -> list[dict[str, Any]]:
    folder = settings.paths.landing / MANIFEST
    if not any(folder.glob("*.parquet")):
        return []
    newest = manifest(settings.paths.landing).unique(
        ["dataset", "scope"], keep="last", maintain_order=True
    )
    return (
        newest.group_by("source", "instance")
        .agg(
            pl.col("received_at_utc").max().alias("last_delivery_at_utc"),
            pl.len().alias("deliveries"),
            pl.col("rows_landed").sum().alias("rows"),
            pl.col("rows_rejected").sum().alias("rows_rejected"),
        )
        .sort("source", "instance")
        .to_dicts()
    )


def status(settings: Settings, now: datetime) -> dict[str, Any]:
    """The last night and the published snapshot. Raises SnapshotMissing when there is neither."""
    night = snapshot.last_night(settings.paths.published)
    try:
        folder = snapshot.current(settings.paths.published)
    except SnapshotMissing:
        if night is None:
            raise
        folder = None
    found: dict[str, Any] = {
        "last_night": night,
        "published": None,
        "stale_factors": [],
        "warnings": [],
    }
    if night is not None:
        night["rows_landed"] = sum(source["rows_landed"] for source in night["sources"])
        night["rows_rejected"] = sum(source["rows_rejected"] for source in night["sources"])
        night["age_hours"] = _hours(now, datetime.fromisoformat(night["finished_at"]))
    if folder is not None:
        info = snapshot.version(folder)
        found["published"] = {
            "version": info["version"],
            "path": str(folder),
            "as_of": info["as_of"],
            "built_at": info["built_at"],
            "age_hours": _hours(now, datetime.fromisoformat(info["built_at"])),
            "code_version": info["code_version"],
            "tests_passed": info["tests_passed"],
            **snapshot.totals(folder),
            "oldest_factor_age_years": _oldest_factor(folder),
        }
        found["stale_factors"] = _stale_factors(folder)
        found["warnings"] = list(_staleness(found["stale_factors"]))
    return found


def _oldest_factor(folder: Path) -> float | None:
    if "fct_runs" not in snapshot.marts(folder):
        return None
    with snapshot.connect(folder) as connection:
        columns = {row["column_name"] for row in snapshot.rows(connection, "describe fct_runs")}
        if "factor_age_years" not in columns:
            return None
        rows = snapshot.rows(connection, "select max(factor_age_years) as age from fct_runs")
    return None if rows[0]["age"] is None else float(rows[0]["age"])


def _stale_factors(folder: Path) -> list[dict[str, Any]]:
    """Places whose runs take factors older than the setting allows, kind by kind."""
    if FRESHNESS not in snapshot.marts(folder):
        return []
    with snapshot.connect(folder) as connection:
        return snapshot.rows(
            connection,
            "select kind, provider, region, newest_factor_year, factor_age_years, "
            "stale_after_years, runs from fct_factor_freshness where is_stale "
            "order by kind, factor_age_years desc, provider, region",
        )


def _staleness(stale: list[dict[str, Any]]) -> Iterator[str]:
    """A sentence per kind of factor that is old: where, and what to do."""
    for kind, rows in groupby(stale, key=lambda row: str(row["kind"])):
        places = [
            f"{row['provider']} {row['region']} (of {row['newest_factor_year']})" for row in rows
        ]
        more = f" and {len(places) - NAMED} more" if len(places) > NAMED else ""
        yield (
            f"{KINDS[kind]} is more than {stale[0]['stale_after_years']:g} years old in "
            f"{', '.join(places[:NAMED])}{more}; land newer rows with `observatory factors update`"
        )


def doctor(settings: Settings, now: datetime) -> list[Check]:
    """What could keep the night from working."""
    return [
        Check("config", "ok", str(settings.config_file or "none: defaults and the environment")),
        *_places(settings),
        *_space(settings),
        *_versions(),
        _zones(settings),
        *_source_paths(settings),
        *_credentials(settings),
        *_night(settings, now),
    ]


def as_json(checks: list[Check]) -> list[dict[str, Any]]:
    """The findings as plain data."""
    return [asdict(check) for check in checks]


def _places(settings: Settings) -> Iterator[Check]:
    paths = settings.paths
    for name, folder in (
        ("landing", paths.landing),
        ("warehouse", paths.warehouse.parent),
        ("published", paths.published),
        ("inbox", paths.inbox),
    ):
        there = _nearest_existing(folder)
        if not there.is_dir():
            yield Check(f"paths.{name}", "failed", f"{there} is not a folder")
        elif not os.access(there, os.W_OK | os.X_OK):
            yield Check(f"paths.{name}", "failed", f"{there} is not writable for this user")
        else:
            made = "" if there == folder else " (will be made)"
            yield Check(f"paths.{name}", "ok", f"{folder}{made}")
    if "'" in str(paths.landing):
        yield Check("paths.landing", "failed", "the path must not hold a quotation mark")


def _nearest_existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _space(settings: Settings) -> Iterator[Check]:
    seen = set()
    for folder in (settings.paths.landing, settings.paths.warehouse, settings.paths.published):
        there = _nearest_existing(folder)
        device = there.stat().st_dev
        if device not in seen:
            seen.add(device)
            free = shutil.disk_usage(there).free
            enough = free >= LITTLE_SPACE_BYTES
            yield Check(
                "disk", "ok" if enough else "warning", f"{files.human_bytes(free)} free at {there}"
            )


def _versions() -> Iterator[Check]:
    yield Check("observatory", "ok", code_version())
    yield Check("python", "ok", sys.version.split()[0])
    for package in ("dbt-core", "dbt-duckdb", "duckdb", "polars", "streamlit"):
        try:
            yield Check(package, "ok", metadata.version(package))
        except metadata.PackageNotFoundError:
            yield Check(package, "failed", "not installed; run `make setup`")
    try:
        project = build.project_dir()
        yield Check("models", "ok", str(project))
    except ObservatoryError as error:
        yield Check("models", "failed", str(error))


def _zones(settings: Settings) -> Check:
    try:
        ZoneInfo(settings.reporting.timezone)
        importlib.import_module("tzdata")
    except (KeyError, OSError, ImportError) as error:
        return Check("time zones", "failed", f"no time zone data: {error}")
    return Check("time zones", "ok", f"{settings.reporting.timezone} is known")


def _source_paths(settings: Settings) -> Iterator[Check]:
    configured = {name for name, _, _ in settings.instances()}
    if not configured - {"run_events"}:
        yield Check("sources", "warning", "no source is configured; add a [sources.NAME] table")
    for name, instance, source in settings.instances():
        path = getattr(source, "path", None)
        if path is None:
            continue
        label = f"sources.{name}.{instance}"
        if str(path) == str(settings.paths.inbox):
            yield Check(label, "ok", f"the inbox {path}")
            continue
        try:
            if isinstance(source, ObjectSourceSettings) and "://" in path:
                # Once is enough to know whether it answers.
                listed = place(source.model_copy(update={"attempts": 1})).listing()
                yield Check(label, "ok", f"{len(listed)} object(s) in {path}")
                continue
            found = discover(path)
        except (ObservatoryError, OSError) as error:
            yield Check(label, "failed", str(error))
            continue
        unreadable = [file.name for file in found if not os.access(file.path, os.R_OK)]
        if unreadable:
            yield Check(label, "failed", f"{len(unreadable)} file(s) not readable: {unreadable[0]}")
        else:
            kind = "ok" if found else "warning"
            yield Check(label, kind, f"{len(found)} file(s) in {path}")


def _credentials(settings: Settings) -> Iterator[Check]:
    for name, instance, source in settings.instances():
        file = getattr(source, "credentials_file", None)
        if file is None:
            continue
        label = f"sources.{name}.{instance}.credentials_file"
        if file.is_file() and os.access(file, os.R_OK):
            yield Check(label, "ok", str(file))
        else:
            yield Check(label, "failed", f"{file} is not there or not readable for this user")


def _night(settings: Settings, now: datetime) -> Iterator[Check]:
    try:
        night = snapshot.last_night(settings.paths.published)
    except (OSError, json.JSONDecodeError) as error:
        yield Check("last night", "failed", f"status.json cannot be read: {error}")
        return
    if night is None:
        yield Check("last night", "warning", "no night yet; run `observatory refresh`")
        return
    age = _hours(now, datetime.fromisoformat(night["finished_at"])) or 0.0
    if night["status"] == "failed":
        yield Check("last night", "failed", night["message"])
    elif age > OLD_NIGHT_HOURS:
        yield Check("last night", "warning", f"{age:.0f} hours ago: does the schedule run?")
    else:
        yield Check("last night", "ok", f"{night['status']}, {age:.1f} hours ago")


def _hours(now: datetime, then: datetime | None) -> float | None:
    return None if then is None else round((now - then).total_seconds() / 3600, 3)
