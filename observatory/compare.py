"""What changed between two published snapshots, by month, metric and cause."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from ingest.errors import ConfigError
from observatory import attribution, knowledge, records, snapshot
from observatory.attribution import Attribution
from observatory.knowledge import State
from observatory.settings import Settings

SCRATCH = ".comparing-"
# What a killed comparison left is older than any that may still run.
_OLDEST_SCRATCH = timedelta(days=1)


@dataclass(frozen=True)
class Comparison:
    """Two states, and what changed from the first to the second."""

    before: State
    after: State
    attribution: Attribution

    def to_json(self) -> dict[str, Any]:
        """The object that `compare --json` prints."""
        return {
            "from": self.before.version,
            "to": self.after.version,
            "from_as_of": self.before.as_of.isoformat(),
            "to_as_of": self.after.as_of.isoformat(),
            "from_code_version": self.before.code_version,
            "to_code_version": self.after.code_version,
            "metrics": self.attribution.metrics,
            "rows": [asdict(change) for change in self.attribution.changes],
            "runs": self.attribution.runs,
            "unattributed": self.attribution.unattributed,
        }


def compare(
    settings: Settings,
    before: State,
    after: State,
    *,
    runs: int = 0,
    months_before: date | None = None,
    scratch_in: Path | None = None,
    project: Path | None = None,
) -> Comparison:
    """Attribute what changed; states between are built where several things changed at once.

    With `months_before`, only if a month before that one changed; nothing is attributed else.
    `scratch_in` is the folder for what is thrown away, else that of the warehouse.
    Raises BuildFailed when a state between cannot be built.
    """
    is_reversed = after.as_of < before.as_of
    older, newer = (after, before) if is_reversed else (before, after)
    with _scratch(scratch_in or settings.paths.warehouse.parent) as scratch:
        found = attribution.attribute(
            knowledge.walk(settings, older, newer, scratch, project),
            older,
            newer,
            landing=settings.paths.landing,
            scratch=scratch,
            runs=runs,
            months_before=months_before,
            is_reversed=is_reversed,
        )
    return Comparison(before, after, found)


def find(settings: Settings, name: str) -> State:
    """The state of a published version, of `current`, or of what readers got at a date's end or
    an instant. Raises ConfigError, which names the versions that are there.
    """
    there = _versions(settings.paths.published)
    if name == snapshot.CURRENT:
        return knowledge.published(snapshot.current(settings.paths.published))
    version, then = name, ""
    if (at := _instant(name)) is not None:
        version = max(_published_by(settings, there, at), default=(at, ""))[1]
        then = f", which readers got at {name}," if version else ""
    if version in there:
        return knowledge.published(settings.paths.published / version)
    listed = f"; there are {', '.join(there)}" if there else "; nothing has been published yet"
    if not version:
        raise ConfigError(f"{name}: nothing that is known of had been published then{listed}")
    raise ConfigError(
        f"{version}{then} is not there: never published, or older than the versions kept "
        f"(refresh.keep_versions){listed}. `refresh --as-of` builds an earlier day again"
    )


def _instant(text: str) -> datetime | None:
    """A date (its end, UTC) or an instant; None if it is neither."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    if len(text) == len("2026-01-01"):
        at += timedelta(days=1, microseconds=-1)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _published_by(
    settings: Settings, there: list[str], at: datetime
) -> Iterator[tuple[datetime, str]]:
    """(when, version) of what had become `current` by an instant, kept or not."""
    for version in there:
        info = snapshot.version(settings.paths.published / version)
        when = datetime.fromisoformat(info["built_at"])
        if snapshot.is_promoted(info) and when <= at:
            yield when, version
    nights = settings.paths.landing / records.NIGHTS.name
    if any(nights.glob("*.parquet")):
        ended = pl.read_parquet(nights / "*.parquet").filter(
            pl.col("published_version").is_not_null() & (pl.col("finished_at_utc") <= at)
        )
        yield from ended.select("finished_at_utc", "published_version").rows()


def _versions(published: Path) -> list[str]:
    """The names of the published versions, oldest first."""
    folders = published.iterdir() if published.is_dir() else ()
    return sorted(
        path.name
        for path in folders
        if not path.is_symlink()
        and not path.name.startswith(".")
        and (path / snapshot.VERSION).is_file()
    )


def clear_leftovers(settings: Settings, now: datetime) -> None:
    """Remove what a killed comparison left."""
    for path in settings.paths.warehouse.parent.glob(f"{SCRATCH}*"):
        if datetime.fromtimestamp(path.stat().st_mtime, UTC) < now - _OLDEST_SCRATCH:
            shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _scratch(home: Path) -> Iterator[Path]:
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=home) as folder:
        yield Path(folder)
