"""What a night changes in months that were published before, landed and published with it.

A night compares its numbers with the current ones before it publishes. Where a month that was over
when those were published has changed, the parts of the change are landed as `_restatements` and
`fct_restatements` is built once more. It is known at the night's as-of time, so a rebuild as of it
has the same rows.
"""

import logging
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from ingest.contracts import empty_rejected
from ingest.errors import ObservatoryError, SnapshotMissing
from ingest.landing import Landing
from observatory import build, compare, knowledge, publish, snapshot
from observatory.attribution import CAUSES, Change
from observatory.knowledge import State
from observatory.records import RESTATEMENTS
from observatory.settings import Settings
from observatory.version import code_version

logger = logging.getLogger(__name__)

MART = publish.RESTATEMENTS
# What may go wrong without ending the night.
FAILURES = (
    ObservatoryError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    duckdb.Error,
    pl.exceptions.PolarsError,
)


@dataclass(frozen=True)
class Restated:
    """What a night restated, and why it could not be told, if it could not."""

    changes: list[Change] = field(default_factory=list)
    from_version: str | None = None
    problem: str | None = None


def not_before(landing: Landing, settings: Settings, instant: datetime) -> datetime:
    """The as-of time of a night; later than what a killed night landed of the same version."""
    if (current := _current(settings)) is None:
        return instant
    before = landing.newest(RESTATEMENTS.name, current.version)
    received_at = before["received_at_utc"] if before is not None else None
    if not isinstance(received_at, datetime):
        return instant
    return max(instant, received_at + timedelta(microseconds=1))


def tell(landing: Landing, settings: Settings, draft: publish.Draft) -> Restated:
    """Land what a draft restates and have the draft show it. Whatever goes wrong is only told."""
    changes: list[Change] = []
    problem = None
    current = None
    try:
        if (current := _current(settings)) is None or current.version == draft.version:
            return Restated()
        now = knowledge.drafted(draft, code_version())
        try:
            changes = restated(settings, current, now, draft.built.project)
        except FAILURES as error:
            problem = str(error)
        # What a killed night landed of this version must not stay, even if nothing takes its place.
        if changes or landing.newest(RESTATEMENTS.name, current.version) is not None:
            _land(landing, changes, current, now)
            build.build_again(draft.built, settings, draft.as_of, [MART])
            draft.row_counts.update(
                publish.write_marts(draft.built, settings, draft.folder, [MART])
            )
    except FAILURES as error:
        problem = str(error)
    if problem is not None:
        problem = f"what changed in past months could not be told: {problem}"
        logger.error("%s", problem)
    return Restated(changes, current.version if current else None, problem)


def restated(
    settings: Settings, before: State, after: State, project: Path | None = None
) -> list[Change]:
    """What changed in months that were over at the as-of time of `before`."""
    this_month = before.as_of.date().replace(day=1)
    found = compare.compare(
        settings,
        before,
        after,
        months_before=this_month,
        scratch_in=build.building_path(settings.paths.warehouse).parent,
        project=project,
    )
    return [
        change
        for change in found.attribution.changes
        if change.month is not None and change.month < this_month
    ]


def _current(settings: Settings) -> State | None:
    try:
        return knowledge.published(snapshot.current(settings.paths.published))
    except SnapshotMissing:
        return None


def _land(landing: Landing, changes: list[Change], before: State, after: State) -> None:
    rows = [
        {
            "source_file": "observatory refresh",
            "source_row": number,
            **asdict(change),
            "cause_number": CAUSES.index(change.cause) + 1,
            "from_version": before.version,
            "to_version": after.version,
            "from_as_of_utc": before.as_of,
            "to_as_of_utc": after.as_of,
        }
        for number, change in enumerate(changes, start=1)
    ]
    with landing.deliver(
        RESTATEMENTS,
        before.version,
        source="observatory",
        instance="restatements",
        received_at=after.as_of,
    ) as delivery:
        frame = pl.DataFrame(rows, schema=RESTATEMENTS.schema)
        delivery.write(frame, empty_rejected())
        delivery.commit()
