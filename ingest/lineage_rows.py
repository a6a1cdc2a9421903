"""OpenLineage events → columns that land, and rejected rows."""

import json
from dataclasses import dataclass
from typing import Any

import polars as pl

from ingest.contracts import Dataset
from ingest.found_texts import FoundTexts
from ingest.lineage_event import CheckedLineage, checked_lineage, json_of
from ingest.run_event_checks import EventRefused, decoded

LINEAGE = Dataset(
    name="openlineage__events",
    columns={
        "event_id": pl.String(),
        "event_kind": pl.String(),  # run, job or dataset
        "event_type": pl.String(),
        "event_time": pl.Datetime("us", "UTC"),
        "producer": pl.String(),
        "schema_url": pl.String(),
        "run_id": pl.String(),
        "job_namespace": pl.String(),
        "job_name": pl.String(),
        "team": pl.String(),  # of the token that the collector was sent it with
        "run_facets": pl.String(),  # JSON object, whole
        "job_facets": pl.String(),  # JSON object, whole
        "inputs": pl.String(),  # JSON list, whole
        "outputs": pl.String(),  # JSON list, whole
        "extra": pl.String(),  # JSON object of what else the event says
    },
)

_CORE = {"eventTime", "eventType", "producer", "schemaURL", "run", "job", "inputs", "outputs"}
# What the collector puts around an event, in a segment that run events share.
_ENVELOPE = {"event_id", "team", "openlineage"}


@dataclass
class FoundLineage(FoundTexts):
    """OpenLineage events of one file or topic, bare or as the collector keeps them."""

    def append(self, row: int, text: str) -> None:
        """Put one event into the columns. Raises EventRefused."""
        parsed = decoded(text)
        if is_enveloped(parsed):
            self._put(row, checked_lineage(parsed["openlineage"], text), parsed.get("team"))
        else:
            self._put(row, checked_lineage(parsed, text), None)

    def takes(self, text: str | bytes) -> bool:
        """Whether a line of a segment holds one; the collector writes `openlineage` first."""
        if not isinstance(text, str) or not text.startswith('{"openlineage":'):
            return False
        try:
            return is_enveloped(decoded(text))
        except EventRefused:
            return False

    def _put(self, row: int, found: CheckedLineage, team: str | None) -> None:
        event, data = found.event, found.data
        run, job = data.get("run") or {}, data.get("job") or {}
        values = {
            "event_id": found.event_id,
            "event_kind": found.kind,
            "event_type": event.eventType,
            "event_time": found.event_time,
            "producer": event.producer,
            "schema_url": event.schemaURL,
            "run_id": run.get("runId"),
            "job_namespace": job.get("namespace"),
            "job_name": job.get("name"),
            "team": team,
            "run_facets": json_of(run.get("facets")),
            "job_facets": json_of(job.get("facets")),
            "inputs": json_of(data.get("inputs")),
            "outputs": json_of(data.get("outputs")),
            "extra": json_of({name: value for name, value in data.items() if name not in _CORE}),
        }
        self.columns["source_row"].append(row)
        for name, value in values.items():
            self.columns[name].append(value)


def is_enveloped(parsed: Any) -> bool:
    """Whether a line of a segment is the collector's envelope of an OpenLineage event.

    No run event is: it has a `run_id`.
    """
    return (
        isinstance(parsed, dict)
        and "openlineage" in parsed
        and parsed.keys() <= _ENVELOPE
        and isinstance(parsed.get("team"), str | None)
    )


def enveloped(found: CheckedLineage, team: str | None) -> bytes:
    """The line of a segment that holds an event."""
    line = {"openlineage": found.data, "event_id": found.event_id}
    if team is not None:
        line["team"] = team
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
