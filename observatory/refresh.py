"""The night: ingest → build → audit → publish, under a lock, safe to kill and to run again.

A source that fails does not stop the others. A model or a test that fails stops the night: nothing
is published, yesterday's snapshot stays, and `published/status.json` says so.
"""

import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
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
from ingest.sources import Source, SourceContext, SourceSettings, Window, registry, wants_hours
from observatory import (
    build,
    compare,
    factor_tables,
    files,
    lock,
    publish,
    records,
    restatements,
    settings_landing,
    snapshot,
)
from observatory.records import NIGHTS
from observatory.settings import Settings, load_settings
from observatory.version import INSTALLED, PROJECT, code_version
from observatory.wanted import WantedHours

logger = logging.getLogger(__name__)

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
# What may keep a night from being recorded or tidied up: the disk, a damaged file.
RECORD_FAILURES = (*NIGHT_FAILURES, pa.ArrowException, ValueError, KeyError)


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
    restated: restatements.Restated
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
            "restatements": [asdict(change) for change in self.restated.changes],
            "alerts_sent": 0,
            "tests_passed": self.tests_passed,
            "failed_tests": [],
            "warned_tests": self.tests_warned,
            "content_sha256": self.published.info["content_sha256"],
            "code_version": code_version(),
        }


@dataclass(frozen=True)
class Night:
    """What status.json and `_nights` say of a night."""

    started_at: datetime
    finished_at: datetime
    as_of: datetime
    status: str
    version: str | None
    message: str
    outcomes: Sequence[SourceOutcome]


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
    published, and `status.json` and `_nights` say why. So they do whatever else ends the night, a
    bug, no memory, an interrupt. (Not for a rebuild, a held lock or the demo's landing.)
    """
    started = time.monotonic()
    reporter = reporter or Silent()
    rebuild = as_of is not None
    instant = as_of or now
    with lock.hold(settings.paths.warehouse, settings.paths.landing, now):
        landing = open_landing(settings, now)
        outcomes: list[SourceOutcome] = []
        restated = restatements.Restated()
        try:
            prepare_landing(settings, landing, now)
            clear_leftovers(settings, now)
            if not rebuild:
                if ingest:
                    outcomes = ingest_sources(settings, landing, now, reporter, project=project)
                settings_landing.land_settings(landing, settings, now)
                instant = restatements.not_before(landing, settings, _known_at(landing, now))
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
            with publish.drafted(built, settings, as_of=instant) as draft:
                if not rebuild:
                    restated = restatements.tell(landing, settings, draft)
                published = publish.publish(
                    draft,
                    settings,
                    built_at=_later(now, started),
                    promoted=promote or not rebuild,
                )
            totals = snapshot.totals(published.path)
            if rebuild:
                build.clear_building(settings.paths.warehouse)
            else:
                build.take_place(settings.paths.warehouse)
            # The last step that can fail: from here on readers get the new numbers.
            if promote or not rebuild:
                publish.promote(settings, published)
        except BaseException as error:
            if not rebuild:
                _record_failure(settings, landing, now, started, instant, outcomes, error)
            _keep_failed(settings)
            raise
        status, message = verdict(outcomes, settings)
        if restated.problem is not None:
            parts = [restated.problem, *([message] if status != "ok" else [])]
            status, message = "partial", "; ".join(parts)
        try:
            if not rebuild:
                done = _later(now, started)
                night = Night(now, done, instant, status, published.version, message, outcomes)
                _write_status(settings, night)
                _record_night(landing, night)
            publish.prune(
                settings.paths.published, settings.refresh.keep_versions, _later(now, started)
            )
        except RECORD_FAILURES as error:
            status, message = "partial", f"published, but not tidied up: {error}; {message}"
            logger.error("%s", message)
        except BaseException as error:
            if not rebuild:
                done, version = _later(now, started), published.version
                message = f"published, but not tidied up: {reason(error)}; {message}"
                night = Night(now, done, instant, "partial", version, message, outcomes)
                _record_anyhow(settings, landing, night, version)
            raise
        return RefreshReport(
            status=status,
            message=message,
            as_of=instant,
            duration_s=time.monotonic() - started,
            published=published,
            promoted=promote or not rebuild,
            sources=outcomes,
            totals=totals,
            restated=restated,
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
        landing = open_landing(settings, now)
        prepare_landing(settings, landing, now)
        clear_leftovers(settings, now)
        try:
            return ingest_sources(settings, landing, now, reporter or Silent(), names)
        finally:
            build.clear_building(settings.paths.warehouse)


def initialise(settings: Settings, *, now: datetime) -> None:
    """Create the typed, empty landing; an existing one keeps what it has."""
    with lock.hold(settings.paths.warehouse, settings.paths.landing, now):
        prepare_landing(settings, open_landing(settings, now), now)


def open_landing(settings: Settings, now: datetime) -> Landing:
    """The landing. The demo's is marked and never mixed with a real one. Raises ConfigError."""
    landing = Landing(settings.paths.landing, code_version())
    _check_demo(settings, landing, now)
    return landing


def prepare_landing(settings: Settings, landing: Landing, now: datetime) -> None:
    """Have a typed, empty or filled folder for everything that can be landed."""
    settings.paths.inbox.mkdir(parents=True, exist_ok=True)
    landing.initialise(datasets())
    if (newest := landing.newest_received_at()) is not None and newest > now:
        logger.warning(
            "the clock says %s, but landing has deliveries of %s: was it set back?",
            now.isoformat(),
            newest.isoformat(),
        )


def _known_at(landing: Landing, now: datetime) -> datetime:
    """Now, or when the newest delivery was received, if the clock was set back since."""
    newest = landing.newest_received_at(but_of=NIGHTS.name)
    return now if newest is None else max(now, newest.astimezone(UTC))


def clear_leftovers(settings: Settings, now: datetime) -> None:
    """Remove what a killed process left. The caller holds the lock."""
    Landing(settings.paths.landing).clear_leftovers()
    build.clear_building(settings.paths.warehouse)
    publish.clear_leftovers(settings.paths.published)
    compare.clear_leftovers(settings, now)


def datasets() -> list[Dataset]:
    """Everything that can be landed."""
    landed = [dataset for source in registry().values() for dataset in source.DATASETS]
    return [*landed, *settings_landing.DATASETS, *factor_tables.datasets(), *records.DATASETS]


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
    project: Path | None = None,
) -> list[SourceOutcome]:
    """Land every enabled source; one that fails is reported and the others go on.

    Sources of hourly grid intensity come last: what they are asked for depends on the runs.
    """
    modules = registry()
    chosen = [entry for entry in settings.instances() if not names or entry[0] in names]
    asked = [entry for entry in chosen if wants_hours(modules[entry[0]])]
    read = [entry for entry in chosen if entry not in asked]
    reporter.phase("ingest")
    outcomes = []

    def run(source: Source, instance: str, of: SourceSettings, wanted: tuple[Window, ...]) -> None:
        report = _run_source(source, of, SourceContext(instance, now, wanted), landing)
        outcomes.append(SourceOutcome(report, _rejections(landing, report)))
        reporter.step(len(outcomes), len(chosen), f"{source.NAME}.{instance}")

    for name, instance, source_settings in read:
        run(modules[name], instance, source_settings, ())
    if asked:
        # The sites, which the settings describe, have zones too.
        settings_landing.land_settings(landing, settings, now)
        hours = WantedHours(settings, _known_at(landing, now), project)
        for name, instance, source_settings in asked:
            run(modules[name], instance, source_settings, hours.windows(name, instance))
    return outcomes


def _run_source(
    source: Source, settings: SourceSettings, context: SourceContext, landing: Landing
) -> SourceReport:
    instance = context.instance
    try:
        return run_source(source, settings, context, landing)
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
            named = [
                f"{r['source_file']}: {r['rows']} × {r['reason']}" for r in outcome.rejected[:3]
            ]
            if len(outcome.rejected) > len(named):
                named.append(f"and {len(outcome.rejected) - len(named)} more")
            where = "; ".join(named)
            parts.append(f"source {who} had {report.rows_rejected} row(s) rejected ({where})")
    if not parts:
        return "ok", "everything was read and published"
    if any(outcome.report.rows_rejected for outcome in outcomes):
        parts.append(
            f"rejected rows are kept in {settings.paths.landing / REJECTED}, "
            "and `observatory sources` counts them"
        )
    return "partial", "; ".join(parts)


def _later(now: datetime, started: float) -> datetime:
    """`now` plus what has gone by since `started` on the monotonic clock."""
    return now + timedelta(seconds=time.monotonic() - started)


def _keep_failed(settings: Settings) -> None:
    try:
        build.keep_failed(settings.paths.warehouse)
    except OSError as second:
        logger.error("the warehouse that failed could not be kept: %s", second)


def _record_failure(
    settings: Settings,
    landing: Landing,
    now: datetime,
    started: float,
    instant: datetime,
    outcomes: Sequence[SourceOutcome],
    error: BaseException,
) -> None:
    """Say in status.json and in landing that the night failed; yesterday's numbers stay."""
    try:
        stays = snapshot.current(settings.paths.published).name
    except ObservatoryError:
        stays = None
    night = Night(now, _later(now, started), instant, "failed", None, reason(error), outcomes)
    failed_tests = error.failed_tests if isinstance(error, AuditFailed) else []
    _record_anyhow(settings, landing, night, stays, failed_tests)


def _record_anyhow(
    settings: Settings,
    landing: Landing,
    night: Night,
    stays: str | None,
    failed_tests: Sequence[str] = (),
) -> None:
    """Both records of a night that ends with an error, which matters more than theirs."""
    records: list[Callable[[], None]] = [
        lambda: _write_status(settings, replace(night, version=stays), failed_tests),
        lambda: _record_night(landing, night),
    ]
    for record in records:
        try:
            record()
        except RECORD_FAILURES as second:
            logger.error("the end of the night could not be recorded: %s", second)


def reason(error: BaseException) -> str:
    """What ended a night, in words."""
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "interrupted"
    if isinstance(error, NIGHT_FAILURES):
        return str(error) or type(error).__name__
    return f"{type(error).__name__}: {error}"


def _write_status(settings: Settings, night: Night, failed_tests: Sequence[str] = ()) -> None:
    settings.paths.published.mkdir(parents=True, exist_ok=True)
    files.write_json(
        settings.paths.published / snapshot.STATUS,
        {
            "status": night.status,
            "started_at": night.started_at.isoformat(),
            "finished_at": night.finished_at.isoformat(),
            "as_of": night.as_of.isoformat(),
            "published_version": night.version,
            "failed_tests": list(failed_tests),
            "message": night.message,
            "sources": [outcome.to_json() for outcome in night.outcomes],
        },
    )


def _record_night(landing: Landing, night: Night) -> None:
    """Append the night's own record to landing."""
    night_id = f"{night.started_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}"
    row = {
        "source_file": "observatory refresh",
        "source_row": 1,
        "night_id": night_id,
        "started_at_utc": night.started_at,
        "finished_at_utc": night.finished_at,
        "as_of_utc": night.as_of,
        "status": night.status,
        "published_version": night.version,
        "code_version": code_version(),
        "message": night.message,
        "sources": json.dumps(
            [outcome.to_json() for outcome in night.outcomes], ensure_ascii=False
        ),
    }
    with landing.deliver(
        NIGHTS, night_id, source="observatory", instance="night", received_at=night.finished_at
    ) as delivery:
        delivery.write(pl.DataFrame([row], schema=NIGHTS.schema), empty_rejected())
        delivery.commit()
