"""The night: ingest → build → audit → publish, under a lock, safe to kill and to run again.

A source that fails does not stop the others. A model or a test that fails stops the night: nothing
is published, yesterday's snapshot stays, and `published/status.json` says so.
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import duckdb
import polars as pl
import pyarrow as pa

from ingest.contracts import Dataset, empty_rejected
from ingest.errors import AuditFailed, ConfigError, LandingError, ObservatoryError
from ingest.landing import REJECTED, Landing
from ingest.runner import SourceReport, run_source
from ingest.sources import Source, SourceContext, SourceSettings, registry
from observatory import build, files, lock, publish, settings_landing, snapshot
from observatory.settings import Settings, load_settings
from observatory.version import INSTALLED, PROJECT, code_version

logger = logging.getLogger(__name__)

NIGHTS = Dataset(
    "_nights",
    {
        "night_id": pl.String(),
        "started_at_utc": pl.Datetime("us", "UTC"),
        "finished_at_utc": pl.Datetime("us", "UTC"),
        "as_of_utc": pl.Datetime("us", "UTC"),
        "status": pl.String(),  # ok | partial | failed
        "published_version": pl.String(),
        "code_version": pl.String(),
        "message": pl.String(),
        "sources": pl.String(),  # JSON list
    },
)
DEMO_MARK = "_demo.json"
DEMO_CONFIG = PROJECT / "sample" / "observatory.toml"

# What a source may stumble over in its input. LandingError is not among them: it ends the night.
SOURCE_FAILURES = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    pl.exceptions.PolarsError,
    pa.ArrowException,
    duckdb.Error,
)
# What may go wrong outside our own checks: the disk, the engine.
NIGHT_FAILURES = (ObservatoryError, OSError, duckdb.Error, pl.exceptions.PolarsError)


class Reporter(Protocol):
    """Tells a person how far the night is."""

    def phase(self, name: str) -> None:
        """A new part of the work begins."""

    def step(self, done: int, total: int, name: str) -> None:
        """`done` of `total` pieces of this part are finished."""


class Silent:
    """Tells nobody."""

    def phase(self, name: str) -> None:
        """Nothing."""

    def step(self, done: int, total: int, name: str) -> None:
        """Nothing."""


@dataclass(frozen=True)
class SourceOutcome:
    """What one source instance did, and why its rows were refused."""

    report: SourceReport
    rejected: list[dict[str, Any]] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The entry of `sources` in the report."""
        report = self.report
        return {
            "name": report.name,
            "instance": report.instance,
            "status": report.status,
            "rows_in": report.rows_in,
            "rows_landed": report.rows_landed,
            "rows_unchanged": report.rows_unchanged,
            "rows_rejected": report.rows_rejected,
            "error": report.error,
            "rejected": self.rejected,
        }


@dataclass(frozen=True)
class RefreshReport:
    """What a night did. `status`: ok, or partial when a source failed or rows were rejected."""

    status: str
    message: str
    as_of: datetime
    duration_s: float
    published: publish.Published
    promoted: bool
    sources: list[SourceOutcome]
    totals: dict[str, Any]
    tests_passed: int
    tests_warned: list[str]

    def to_json(self) -> dict[str, Any]:
        """The report as `refresh --json` prints it."""
        return {
            "status": self.status,
            "message": self.message,
            "published_version": self.published.version,
            "published_path": str(self.published.path),
            "promoted": self.promoted,
            "as_of": self.as_of.isoformat(),
            "duration_s": round(self.duration_s, 3),
            "sources": [source.to_json() for source in self.sources],
            **self.totals,
            "alerts_sent": 0,
            "tests_passed": self.tests_passed,
            "failed_tests": [],
            "warned_tests": self.tests_warned,
            "content_sha256": self.published.info["content_sha256"],
            "code_version": code_version(),
        }


def parse_as_of(text: str, now: datetime) -> datetime:
    """A date (the end of that day, UTC) or an RFC 3339 instant. Raises ConfigError."""
    try:
        if len(text) == len("2026-01-01"):
            day = datetime.fromisoformat(text).replace(tzinfo=UTC)
            end = day + timedelta(days=1, microseconds=-1)
            return now if day <= now <= end else _not_future(end, text, now)
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(
            f"--as-of {text}: give a date such as 2026-06-30 or an instant such as "
            "2026-06-30T12:00:00Z"
        ) from error
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return _not_future(instant.astimezone(UTC), text, now)


def _not_future(instant: datetime, text: str, now: datetime) -> datetime:
    if instant > now:
        raise ConfigError(f"--as-of {text} lies in the future: what will be known is not known")
    return instant


def refresh(
    settings: Settings,
    *,
    now: datetime,
    as_of: datetime | None = None,
    promote: bool = False,
    ingest: bool = True,
    full_refresh: bool = False,
    reporter: Reporter | None = None,
    project: Path | None = None,
) -> RefreshReport:
    """Run the night, or rebuild what was known at `as_of` beside the other snapshots.

    Raises LockHeld, ConfigError, LandingError, BuildFailed, AuditFailed: then nothing was
    published, and `status.json` and `_nights` say why (not for a rebuild or a held lock).
    """
    started = time.monotonic()
    reporter = reporter or Silent()
    rebuild = as_of is not None
    instant = as_of or now
    with lock.hold(settings.paths.warehouse, settings.paths.landing, now):
        landing = prepare_landing(settings, now)
        clear_leftovers(settings)
        outcomes: list[SourceOutcome] = []
        try:
            if not rebuild:
                if ingest:
                    outcomes = ingest_sources(settings, landing, now, reporter)
                settings_landing.land_settings(landing, settings, now)
            reporter.phase("build and test the models")
            built = build.build(
                settings,
                instant,
                project=project,
                full_refresh=full_refresh,
                progress=reporter.step,
            )
            built.raise_for_failure()
            reporter.phase("publish")
            published = publish.publish(
                built,
                settings,
                as_of=instant,
                built_at=_later(now, started),
            )
            if rebuild:
                build.clear_building(settings.paths.warehouse)
            else:
                build.take_place(settings.paths.warehouse)
            # The last step that can fail: from here on readers get the new numbers.
            if promote or not rebuild:
                publish.promote(settings, published)
        except NIGHT_FAILURES as error:
            build.keep_failed(settings.paths.warehouse)
            if not rebuild:
                _record_failure(settings, landing, now, started, outcomes, error)
            raise
        status, message = verdict(outcomes, settings)
        try:
            if not rebuild:
                done = _later(now, started)
                _record_night(landing, now, done, status, published.version, message, outcomes)
                _write_status(settings, now, done, status, published.version, [], message, outcomes)
            publish.prune(
                settings.paths.published, settings.refresh.keep_versions, _later(now, started)
            )
        except (OSError, LandingError) as error:
            status, message = "partial", f"published, but not tidied up: {error}; {message}"
            logger.error("%s", message)
        return RefreshReport(
            status=status,
            message=message,
            as_of=instant,
            duration_s=time.monotonic() - started,
            published=published,
            promoted=promote or not rebuild,
            sources=outcomes,
            totals=snapshot.totals(published.path),
            tests_passed=built.tests_passed,
            tests_warned=built.warned_tests,
        )


def ingest_only(
    settings: Settings, names: Sequence[str], *, now: datetime, reporter: Reporter | None = None
) -> list[SourceOutcome]:
    """Land the named sources, or all. Raises ConfigError for a name that is not configured."""
    known = registry()
    for name in names:
        if name not in known:
            raise ConfigError(f"unknown source {name}; the sources are {', '.join(known)}")
        if name not in settings.sources:
            raise ConfigError(f"source {name} is not configured; add [sources.{name}]")
    with lock.hold(settings.paths.warehouse, settings.paths.landing, now):
        landing = prepare_landing(settings, now)
        clear_leftovers(settings)
        return ingest_sources(settings, landing, now, reporter or Silent(), names)


def initialise(settings: Settings, *, now: datetime) -> None:
    """Create the typed, empty landing; an existing one keeps what it has."""
    with lock.hold(settings.paths.warehouse, settings.paths.landing, now):
        prepare_landing(settings, now)


def prepare_landing(settings: Settings, now: datetime) -> Landing:
    """The typed, empty or filled landing. The demo's is marked and never mixed with a real one."""
    landing = Landing(settings.paths.landing, code_version())
    _check_demo(settings, landing, now)
    settings.paths.inbox.mkdir(parents=True, exist_ok=True)
    landing.initialise(datasets())
    newest = landing.deliveries()["received_at_utc"].max()
    if isinstance(newest, datetime) and newest > now:
        logger.warning(
            "the clock says %s, but landing has deliveries of %s: what came later is not used",
            now.isoformat(),
            newest.isoformat(),
        )
    return landing


def clear_leftovers(settings: Settings) -> None:
    """Remove what a killed process left. The caller holds the lock."""
    Landing(settings.paths.landing).clear_leftovers()
    build.clear_building(settings.paths.warehouse)
    publish.clear_leftovers(settings.paths.published)


def datasets() -> list[Dataset]:
    """Everything that can be landed."""
    landed = [dataset for source in registry().values() for dataset in source.DATASETS]
    return [*landed, *settings_landing.DATASETS, NIGHTS]


def demo_settings() -> Settings:
    """The settings of the packaged sample. In a checkout its data is in the checkout's data/; an
    installed package has no place of its own, so there it is in data/ of the current folder.
    """
    # The sample's own paths go up one folder and into data/.
    return load_settings(DEMO_CONFIG, Path.cwd() / "sample" if PROJECT == INSTALLED else None)


def is_demo(settings: Settings) -> bool:
    """Whether these are the settings of the packaged sample."""
    return (
        settings.config_file is not None and settings.config_file.resolve() == DEMO_CONFIG.resolve()
    )


def _check_demo(settings: Settings, landing: Landing, now: datetime) -> None:
    mark = landing.root / DEMO_MARK
    if is_demo(settings):
        filled = any((landing.root / "_deliveries").glob("[!_.]*.parquet"))
        if filled and not mark.exists():
            raise ConfigError(
                f"{landing.root} (paths.landing) holds data that is not the demo's; run the demo "
                f"from another checkout, or remove {landing.root.parent}"
            )
        landing.root.mkdir(parents=True, exist_ok=True)
        if not mark.exists():
            files.write_json(mark, {"demo": True, "since": now.isoformat()})
    elif mark.exists():
        raise ConfigError(
            f"{landing.root} (paths.landing) holds the demo's sample data; set paths.landing, "
            f"paths.warehouse and paths.published to other places, or remove {landing.root.parent}"
        )


def ingest_sources(
    settings: Settings,
    landing: Landing,
    now: datetime,
    reporter: Reporter,
    names: Sequence[str] = (),
) -> list[SourceOutcome]:
    """Land every enabled source; one that fails is reported and the others go on."""
    modules = registry()
    chosen = [entry for entry in settings.instances() if not names or entry[0] in names]
    reporter.phase("ingest")
    outcomes = []
    for number, (name, instance, source_settings) in enumerate(chosen, start=1):
        report = _run_source(modules[name], instance, source_settings, landing, now)
        outcomes.append(SourceOutcome(report, _rejections(landing, report)))
        reporter.step(number, len(chosen), f"{name}.{instance}")
    return outcomes


def _run_source(
    source: Source, instance: str, settings: SourceSettings, landing: Landing, now: datetime
) -> SourceReport:
    try:
        return run_source(source, settings, SourceContext(instance, now), landing)
    except LandingError:
        raise
    except (ObservatoryError, *SOURCE_FAILURES) as error:
        logger.exception("source %s.%s failed", source.NAME, instance)
        reason = f"{type(error).__name__}: {error}"
        return SourceReport(source.NAME, instance, "failed", error=reason)


def _rejections(landing: Landing, report: SourceReport) -> list[dict[str, Any]]:
    """How many rows were refused for which reason, per file, with the first one's detail."""
    ids = [d.delivery_id for d in report.deliveries if d.rows_rejected and d.delivery_id]
    paths = [landing.root / REJECTED / f"{delivery_id}.parquet" for delivery_id in ids]
    found = [path for path in paths if path.exists()]
    if not found:
        return []
    summary = (
        pl.concat([pl.read_parquet(path) for path in found])
        .group_by("source_file", "reason", maintain_order=True)
        .agg(
            pl.len().alias("rows"),
            pl.col("source_row").min().alias("first_row"),
            pl.col("detail").first(),
        )
        .sort("source_file", "reason")
    )
    return summary.to_dicts()


def verdict(outcomes: Sequence[SourceOutcome], settings: Settings) -> tuple[str, str]:
    """(status, message) of what the sources did: ok, or partial and what is wrong."""
    parts = []
    for outcome in outcomes:
        report = outcome.report
        who = f"{report.name}.{report.instance}"
        if report.status == "failed":
            parts.append(f"source {who} failed: {report.error}")
        elif report.error:
            parts.append(f"source {who}: {report.error}")
        if report.rows_rejected:
            where = "; ".join(
                f"{r['source_file']}: {r['rows']} × {r['reason']}" for r in outcome.rejected[:3]
            )
            parts.append(f"source {who} had {report.rows_rejected} row(s) rejected ({where})")
    if not parts:
        return "ok", "everything was read and published"
    seen = f"rejected rows are kept in {settings.paths.landing / REJECTED}"
    return "partial", "; ".join(parts) + f"; {seen}, and `observatory sources` counts them"


def _later(now: datetime, started: float) -> datetime:
    """`now` plus what has gone by since `started` on the monotonic clock."""
    return now + timedelta(seconds=time.monotonic() - started)


def _record_failure(
    settings: Settings,
    landing: Landing,
    now: datetime,
    started: float,
    outcomes: Sequence[SourceOutcome],
    error: BaseException,
) -> None:
    """Say in status.json and in landing that the night failed; yesterday's numbers stay."""
    finished = _later(now, started)
    failed_tests = error.failed_tests if isinstance(error, AuditFailed) else []
    message = str(error) or type(error).__name__
    try:
        stays = snapshot.current(settings.paths.published).name
    except ObservatoryError:
        stays = None
    try:
        settings.paths.published.mkdir(parents=True, exist_ok=True)
        _write_status(settings, now, finished, "failed", stays, failed_tests, message, outcomes)
        _record_night(landing, now, finished, "failed", None, message, outcomes)
    except (OSError, LandingError) as second:
        logger.error("the failure could not be recorded: %s", second)


def _write_status(
    settings: Settings,
    now: datetime,
    finished: datetime,
    status: str,
    version: str | None,
    failed_tests: list[str],
    message: str,
    outcomes: Sequence[SourceOutcome],
) -> None:
    files.write_json(
        settings.paths.published / snapshot.STATUS,
        {
            "status": status,
            "started_at": now.isoformat(),
            "finished_at": finished.isoformat(),
            "as_of": now.isoformat(),
            "published_version": version,
            "failed_tests": failed_tests,
            "message": message,
            "sources": [outcome.to_json() for outcome in outcomes],
        },
    )


def _record_night(
    landing: Landing,
    now: datetime,
    finished: datetime,
    status: str,
    version: str | None,
    message: str,
    outcomes: Sequence[SourceOutcome],
) -> None:
    """Append the night's own record to landing."""
    night_id = f"{now.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"
    row = {
        "source_file": "observatory refresh",
        "source_row": 1,
        "night_id": night_id,
        "started_at_utc": now,
        "finished_at_utc": finished,
        "as_of_utc": now,
        "status": status,
        "published_version": version,
        "code_version": code_version(),
        "message": message,
        "sources": json.dumps([outcome.to_json() for outcome in outcomes], ensure_ascii=False),
    }
    with landing.deliver(
        NIGHTS, night_id, source="observatory", instance="night", received_at=finished
    ) as delivery:
        delivery.write(pl.DataFrame([row], schema=NIGHTS.schema), empty_rejected())
        delivery.commit()
