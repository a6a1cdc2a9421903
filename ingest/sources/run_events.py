"""Run events: what jobs say about themselves, one JSON object per line.

Files `*.jsonl`, `*.ndjson` and `*.json` (also gzip) from a folder, or any file that is named; the
inbox of the collector is read as an instance of this source, with the OpenLineage events that the
collector was sent. An event is bare or the `data` of a
CloudEvents 1.0 structured event; a `.json` file may also hold one JSON array, or one event over
several lines. The contract is `ingest.run_event.RunEvent`.

What is filled in: an event without `event_id` gets the SHA-256 of its canonical JSON (the same line
twice is one event), without `event_type` it is `finished`, without `event_time` it happened at
`ended_at`, else `started_at`. `source_row` is the line on which the event starts.
"""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import pandera.polars as pa
import polars as pl

from ingest.collector import segments
from ingest.contracts import Batch, Complete, Dataset, Told, Unchanged
from ingest.event_files import batches, is_event_file
from ingest.files import InputFile, discover
from ingest.found_texts import FoundTexts
from ingest.lineage_rows import LINEAGE, FoundLineage
from ingest.run_event_rows import Found
from ingest.sources import FileSourceSettings, SourceContext

logger = logging.getLogger(__name__)

NAME = "run_events"

INSTANT = pl.Datetime("us", "UTC")

EVENTS = Dataset(
    name="run_events__events",
    columns={
        "event_id": pl.String(),
        "event_type": pl.String(),
        "event_time": INSTANT,
        "run_id": pl.String(),
        "job_name": pl.String(),
        "attempt": pl.Int64(),
        "parent_run_id": pl.String(),
        "status": pl.String(),
        "started_at": INSTANT,
        "ended_at": INSTANT,
        "duration_s": pl.Float64(),
        "owner": pl.String(),
        "team": pl.String(),
        "project": pl.String(),
        "environment": pl.String(),
        "pipeline": pl.String(),
        "step": pl.String(),
        "workload_kind": pl.String(),
        "model_name": pl.String(),
        "model_version": pl.String(),
        "dataset_name": pl.String(),
        "dataset_version": pl.String(),
        "dataset_rows": pl.Int64(),
        "git_commit": pl.String(),
        "provider": pl.String(),
        "region": pl.String(),
        "zone": pl.String(),
        "instance_type": pl.String(),
        "instance_count": pl.Int64(),
        "resource_id": pl.String(),
        "host_id": pl.String(),
        "vcpus": pl.Float64(),
        "memory_gib": pl.Float64(),
        "accelerator_model": pl.String(),
        "accelerator_count": pl.Float64(),
        "accelerator_share": pl.Float64(),
        "tpu_topology": pl.String(),
        "cpu_utilization_ratio": pl.Float64(),
        "accelerator_utilization_ratio": pl.Float64(),
        "memory_used_gib": pl.Float64(),
        "energy": pl.List(
            pl.Struct(
                {
                    "component": pl.String(),
                    "device_id": pl.String(),
                    "method": pl.String(),
                    "boundary": pl.String(),
                    "from_at": INSTANT,
                    "to_at": INSTANT,
                    "energy_j": pl.Float64(),
                    "share": pl.Float64(),
                }
            )
        ),
        "metrics": pl.List(pl.Struct({"name": pl.String(), "value": pl.Float64()})),
        "tags": pl.List(pl.Struct({"key": pl.String(), "value": pl.String()})),
        "flex": pl.String(),  # JSON object
        "extra": pl.String(),  # JSON object of the fields that the contract does not name
    },
    checks={
        name: pa.Column(pl.String(), nullable=False)
        for name in ("source_file", "event_id", "event_type", "run_id", "job_name")
    },
)

DATASETS = (EVENTS, LINEAGE)

INBOX = "inbox"  # the instance whose empty files are segments that nothing was written to yet


class Settings(FileSourceSettings):
    """`[sources.run_events]`: where files of run events are."""


def read(settings: Settings, context: SourceContext) -> Iterator[Told]:
    """One delivery per file, in batches of 50,000 events; a bad file is one rejected row.

    A segment of the collector never changes: one that landed is not read again. The OpenLineage
    events in it are a delivery of their own, complete before that of the run events.
    """
    if context.instance == INBOX:
        _take_open_segment(Path(settings.path), context)
    for file in _event_files(settings.path):
        scope = f"{context.instance}/{file.name}"
        if context.instance != INBOX or not file.name.startswith(f"{segments.FOLDER}/"):
            yield from _file(file, scope, context.instance)
            continue
        marks = {"bytes": str(file.path.stat().st_size), "columns": _COLUMNS}
        if context.delivered.get((EVENTS.name, scope)) == marks:
            yield Unchanged(EVENTS, scope)
            if (LINEAGE.name, scope) in context.delivered:
                yield Unchanged(LINEAGE, scope)
            continue
        has_lineage = False
        for batch in _file(file, scope, context.instance):
            has_lineage |= batch.dataset is LINEAGE
            yield batch
        if has_lineage:
            yield Complete(LINEAGE, scope, marks)
        yield Complete(EVENTS, scope, marks)


# Whoever adds a column has the segments read again.
_COLUMNS = hashlib.sha256(repr((EVENTS.schema, LINEAGE.schema)).encode()).hexdigest()


def _take_open_segment(inbox: Path, context: SourceContext) -> None:
    """What the collector answered for lands tonight, also if it was killed."""
    try:
        segments.hand_over(inbox, context.now)
    except OSError as error:
        logger.warning(
            "%s: the collector's open segment cannot be taken (%s); it lands when the collector "
            "hands it over",
            inbox,
            error,
        )


def _file(file: InputFile, scope: str, instance: str) -> Iterator[Batch]:
    found: list[FoundTexts] = [Found(EVENTS, file.name)]
    if instance == INBOX:
        found.append(FoundLineage(LINEAGE, file.name))
    return batches(file, scope, found, may_be_empty=instance == INBOX)


def _event_files(path: str) -> list[InputFile]:
    """A file that is named is read whatever its name; of a folder, the files of events."""
    files = discover(path)
    if len(files) == 1 and str(files[0].path) == path:
        return files
    return [file for file in files if is_event_file(file.name)]
