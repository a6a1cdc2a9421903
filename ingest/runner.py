"""Runs one source into landing: a delivery per scope, committed when the source is through.

A scope that a source says is complete is committed at once, the others together at the end.
Scopes may come in any order and number, but only the `OPEN_AT_ONCE` written last hold open files.
"""

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import polars as pl
import pyarrow as pa

from ingest.contracts import Batch, Complete, Unchanged
from ingest.errors import LandingError, SourceError
from ingest.landing import DeliveryResult, DeliveryWriter, Landing
from ingest.sources import Source, SourceContext, SourceSettings

logger = logging.getLogger(__name__)

# Each has up to two files open; a process may usually have 1024.
OPEN_AT_ONCE = 64
# The disk is full, or landing cannot be read.
_COMMIT_FAILURES = (OSError, pa.ArrowException, pl.exceptions.PolarsError)


@dataclass(frozen=True)
class SourceReport:
    """What one source instance did.

    `status`: ok | partial (rows rejected, held back, a part could not be had) | failed.
    """

    name: str
    instance: str
    status: str
    deliveries: list[DeliveryResult] = field(default_factory=list)
    error: str | None = None

    @property
    def rows_in(self) -> int:
        """Rows read, a file that could not be read counting as one."""
        return sum(d.rows_in for d in self.deliveries)

    @property
    def rows_landed(self) -> int:
        """Rows of new deliveries."""
        return sum(d.rows_landed for d in self.deliveries if d.status == "landed")

    @property
    def rows_unchanged(self) -> int:
        """Rows that landing already had."""
        return sum(d.rows_landed for d in self.deliveries if d.status == "unchanged")

    @property
    def rows_rejected(self) -> int:
        """Rows refused, with their reason in landing/_rejected."""
        return sum(d.rows_rejected for d in self.deliveries)


def run_source(
    source: Source, settings: SourceSettings, context: SourceContext, landing: Landing
) -> SourceReport:
    """Read a source into landing. A SourceError is reported, not raised.

    It lands nothing of the source but what was complete (`Complete`) before it. Of a source that
    reports a Failure, the rest lands. When a commit fails, what was committed before it stays and
    is reported; the rest lands with the next run.
    """
    name, instance = source.NAME, context.instance
    context = replace(context, delivered=landing.marks(name, instance))
    failures: list[str] = []
    with ExitStack() as stack:
        deliveries = _Deliveries(name, context, landing, stack)
        try:
            for told in source.read(settings, context):
                if isinstance(told, Batch):
                    deliveries.write(told)
                elif isinstance(told, Complete):
                    deliveries.complete(told)
                elif isinstance(told, Unchanged):
                    deliveries.results.append(landing.kept(told.dataset.name, told.scope))
                else:
                    logger.error("%s.%s: %s", name, instance, told.message)
                    failures.append(told.message)
            deliveries.complete_all()
        except (SourceError, OSError) as error:
            logger.error("source %s.%s failed: %s", name, instance, error)
            reason = "; ".join([*failures, str(error)])
            return SourceReport(name, instance, "failed", deliveries.results, reason)
    results = deliveries.results
    if held := [r.scope for r in results if r.status == "held_back"]:
        failures.append(f"held back, part of the input could not be read: {', '.join(held)}")
    rejected = any(r.rows_rejected for r in results)
    return SourceReport(
        name,
        instance,
        "failed" if failures and not results else "partial" if failures or rejected else "ok",
        results,
        "; ".join(failures) or None,
    )


class _Deliveries:
    """The open deliveries of one run, and what became of those that were committed."""

    def __init__(
        self, source: str, context: SourceContext, landing: Landing, stack: ExitStack
    ) -> None:
        self.results: list[DeliveryResult] = []
        self._source, self._context, self._landing = source, context, landing
        self._stack = stack
        self._writers: dict[tuple[str, str], DeliveryWriter] = {}
        self._recent: dict[tuple[str, str], None] = {}  # those with open files, the last one last
        self._committed: set[tuple[str, str]] = set()

    def write(self, batch: Batch) -> None:
        """Append to the delivery of the batch's scope."""
        key = (batch.dataset.name, batch.scope)
        if key in self._committed:
            raise LandingError(f"{key[0]} {key[1]}: rows came after the scope was complete")
        if key not in self._writers:
            self._writers[key] = self._stack.enter_context(
                self._landing.deliver(
                    batch.dataset,
                    batch.scope,
                    source=self._source,
                    instance=self._context.instance,
                    received_at=self._context.now,
                )
            )
        self._recent.pop(key, None)
        self._recent[key] = None
        if len(self._recent) > OPEN_AT_ONCE:
            oldest = next(iter(self._recent))
            del self._recent[oldest]
            self._writers[oldest].suspend()
        self._writers[key].write(batch.rows, batch.rejected)
        self._writers[key].incomplete |= batch.incomplete

    def complete(self, told: Complete) -> None:
        """Commit one scope, with its marks. Raises SourceError when the disk does not take it."""
        key = (told.dataset.name, told.scope)
        if key not in self._writers:
            raise LandingError(f"{key[0]} {key[1]}: complete, says the source, but nothing came")
        self._writers[key].marks = told.marks
        self._commit(key)

    def complete_all(self) -> None:
        """Commit what is open, in the order of the first batches. Raises SourceError."""
        for key in [*self._writers]:
            self._commit(key)

    def _commit(self, key: tuple[str, str]) -> None:
        try:
            self.results.append(self._writers[key].commit())
        except _COMMIT_FAILURES as error:
            kept, all_of_them = len(self.results), len(self.results) + len(self._writers)
            raise SourceError(f"{error}; {kept} of {all_of_them} deliveries were kept") from error
        self._writers.pop(key)
        self._recent.pop(key, None)
        self._committed.add(key)
