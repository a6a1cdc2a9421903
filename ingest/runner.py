"""Runs one source into landing: opens a delivery per scope, commits them together at the end."""

import logging
from contextlib import ExitStack
from dataclasses import dataclass, field

from ingest.errors import SourceError
from ingest.landing import DeliveryResult, DeliveryWriter, Landing
from ingest.sources import Source, SourceContext, SourceSettings

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SourceReport:
    """What one source instance did. `status`: ok | partial (rows rejected, held back) | failed."""

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
    """Read a source into landing. A SourceError lands nothing of it and is reported, not raised."""
    writers: dict[tuple[str, str], DeliveryWriter] = {}
    with ExitStack() as stack:
        try:
            for batch in source.read(settings, context):
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
                writers[key].write(batch.rows, batch.rejected)
                writers[key].incomplete |= batch.incomplete
        except (SourceError, OSError) as error:
            logger.error("source %s.%s failed: %s", source.NAME, context.instance, error)
            return SourceReport(source.NAME, context.instance, "failed", error=str(error))
        results = [writer.commit() for writer in writers.values()]
    held = [r.scope for r in results if r.status == "held_back"]
    rejected = any(r.rows_rejected for r in results)
    error_text = (
        f"held back, part of the input could not be read: {', '.join(held)}" if held else None
    )
    return SourceReport(
        source.NAME,
        context.instance,
        "partial" if held or rejected else "ok",
        results,
        error_text,
    )
