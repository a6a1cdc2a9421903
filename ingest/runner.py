"""Runs one source into landing: opens a delivery per scope, commits them together at the end.

Scopes may come in any order and number, but only the `OPEN_AT_ONCE` written last hold open files.
"""

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa

from ingest.contracts import Failure
from ingest.errors import SourceError
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
    """Read a source into landing. A SourceError lands nothing of it and is reported, not raised.

    Of a source that reports a Failure, the rest lands. When a commit fails, what was committed
    before it stays and is reported; the rest lands with the next run.
    """
    writers: dict[tuple[str, str], DeliveryWriter] = {}
    recent: dict[tuple[str, str], None] = {}  # those with open files, the last written last
    failures: list[str] = []
    with ExitStack() as stack:
        try:
            for batch in source.read(settings, context):
                if isinstance(batch, Failure):
                    logger.error("%s.%s: %s", source.NAME, context.instance, batch.message)
                    failures.append(batch.message)
                    continue
                key = (batch.dataset.name, batch.scope)
                if key not in writers:
                    writers[key] = stack.enter_context(
                        landing.deliver(
                            batch.dataset,
                            batch.scope,
                            source=source.NAME,
                            instance=context.instance,
                            received_at=context.now,
                        )
                    )
                recent.pop(key, None)
                recent[key] = None
                if len(recent) > OPEN_AT_ONCE:
                    oldest = next(iter(recent))
                    del recent[oldest]
                    writers[oldest].suspend()
                writers[key].write(batch.rows, batch.rejected)
                writers[key].incomplete |= batch.incomplete
        except (SourceError, OSError) as error:
            logger.error("source %s.%s failed: %s", source.NAME, context.instance, error)
            return SourceReport(source.NAME, context.instance, "failed", error=str(error))
        results: list[DeliveryResult] = []
        try:
            for writer in writers.values():
                results.append(writer.commit())
        except _COMMIT_FAILURES as error:
            reason = f"{error}; {len(results)} of {len(writers)} deliveries were kept"
            logger.error("source %s.%s failed: %s", source.NAME, context.instance, reason)
            return SourceReport(source.NAME, context.instance, "failed", results, reason)
    if held := [r.scope for r in results if r.status == "held_back"]:
        failures.append(f"held back, part of the input could not be read: {', '.join(held)}")
    rejected = any(r.rows_rejected for r in results)
    return SourceReport(
        source.NAME,
        context.instance,
        "failed" if failures and not results else "partial" if failures or rejected else "ok",
        results,
        "; ".join(failures) or None,
    )
