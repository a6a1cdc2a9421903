"""Texts of run events → columns that land, and rejected rows."""

from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pyarrow

from ingest.contracts import REJECTED_SCHEMA, Dataset, split
from ingest.run_event_checks import Checked, EventRefused, checked, decoded

# Columns that do not land as the event's field has them.
_MADE = ("energy", "metrics", "tags", "flex", "extra")
_READING = ("component", "device_id", "method", "boundary", "from_at", "to_at", "energy_j", "share")


_Rejected = tuple[int, str | None, str, str, str]


@dataclass
class Found:
    """Events and rejected texts of one file that are not yet in a batch."""

    dataset: Dataset
    source_file: str
    columns: dict[str, list[Any]] = field(init=False)
    rejected: list[_Rejected] = field(init=False)

    def __post_init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.columns = {name: [] for name in self.dataset.schema.names()}
        self.rejected = []

    @property
    def events(self) -> int:
        """How many texts wait for the next batch."""
        return len(self.columns["source_row"]) + len(self.rejected)

    def add(self, row: int, text: str | bytes) -> None:
        """Take the text of one event in, as columns or as a rejected row."""
        problem = self._problem(row, text)
        if problem is not None:
            raw = text.decode(errors="backslashreplace") if isinstance(text, bytes) else text
            self.refuse(row, *problem, raw)

    def refuse(self, row: int, field: str | None, reason: str, detail: str, raw: str) -> None:
        """Note a rejected row: what it is, where, and how it came."""
        self.rejected.append((row, field, reason, detail, raw))

    def _problem(self, row: int, text: str | bytes) -> tuple[str | None, str, str] | None:
        """(field, reason, detail), or None when the event is in the columns."""
        if isinstance(text, bytes):
            return None, "not_utf8", "the line is not UTF-8; write events as UTF-8"
        try:
            found = checked(decoded(text), text)
        except EventRefused as error:
            return error.field, error.reason, error.detail
        self._append(row, found)
        return None

    def _append(self, row: int, found: Checked) -> None:
        columns, event = self.columns, found.event
        columns["source_row"].append(row)
        values = event.__dict__
        for name in self.dataset.columns:
            if name not in _MADE:
                columns[name].append(values[name])
        columns["event_id"][-1] = found.event_id
        if event.event_type is None:
            columns["event_type"][-1] = "finished"
        if event.event_time is None:
            columns["event_time"][-1] = event.ended_at or event.started_at
        columns["energy"].append(
            None
            if event.energy is None
            else [{name: r.__dict__[name] for name in _READING} for r in event.energy]
        )
        columns["metrics"].append(
            None
            if event.metrics is None
            else [{"name": name, "value": value} for name, value in event.metrics.items()]
        )
        columns["tags"].append(
            None
            if event.tags is None
            else [{"key": key, "value": value} for key, value in event.tags.items()]
        )
        columns["flex"].append(found.flex)
        columns["extra"].append(found.extra)

    def take(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """(rows, rejected) of what waits, which is then forgotten."""
        schema, count = self.dataset.schema, len(self.columns["source_row"])
        self.columns["source_file"] = [self.source_file] * count
        arrow = pl.DataFrame(schema=schema).to_arrow().schema
        table = pyarrow.table(self.columns, schema=arrow)
        typed = pl.DataFrame(table).cast(schema)
        rows, refused = split(
            self.dataset, typed, pl.repeat(None, count, dtype=pl.String, eager=True)
        )
        rejected = pl.DataFrame(
            [(self.source_file, *finding) for finding in self.rejected],
            schema=REJECTED_SCHEMA,
            orient="row",
        )
        self._forget()
        return rows, pl.concat([rejected, refused])
