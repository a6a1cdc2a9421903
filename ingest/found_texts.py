"""Texts of events → columns that land, and rejected rows: what every format of events shares."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pyarrow

from ingest.contracts import REJECTED_SCHEMA, Dataset, split
from ingest.run_event_checks import EventRefused

_Rejected = tuple[int, str | None, str, str, str]
# What a batch holds at most; a text takes several times its length while it is taken apart.
BATCH_EVENTS = 50_000
BATCH_CHARACTERS = 32 << 20


@dataclass
class FoundTexts(ABC):
    """Events and rejected texts of one file or topic that are not yet in a batch."""

    dataset: Dataset
    source_file: str
    columns: dict[str, list[Any]] = field(init=False)
    rejected: list[_Rejected] = field(init=False)
    characters: int = field(init=False)

    def __post_init__(self) -> None:
        self._forget()

    def _forget(self) -> None:
        self.columns = {name: [] for name in self.dataset.schema.names()}
        self.rejected = []
        self.characters = 0

    @property
    def events(self) -> int:
        """How many texts wait for the next batch."""
        return len(self.columns["source_row"]) + len(self.rejected)

    @property
    def is_full(self) -> bool:
        """Whether what waits should be a batch."""
        return self.events >= BATCH_EVENTS or self.characters >= BATCH_CHARACTERS

    def add(self, row: int, text: str | bytes) -> None:
        """Take the text of one event in, as columns or as a rejected row."""
        self.characters += len(text)
        if isinstance(text, bytes):
            raw = text.decode(errors="backslashreplace")
            self.refuse(row, None, "not_utf8", "the line is not UTF-8; write events as UTF-8", raw)
            return
        try:
            self.append(row, text)
        except EventRefused as error:
            self.refuse(row, error.field, error.reason, error.detail, text)

    def takes(self, text: str | bytes) -> bool:
        """Whether a text of a file with events of several formats is of this one."""
        return True

    def refuse(self, row: int, field: str | None, reason: str, detail: str, raw: str) -> None:
        """Note a rejected row: what it is, where, and how it came."""
        self.rejected.append((row, field, reason, detail, raw))

    @abstractmethod
    def append(self, row: int, text: str) -> None:
        """Put one event into the columns, whole or not at all. Raises EventRefused."""

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
