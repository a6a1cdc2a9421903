"""Texts of run events → columns that land, and rejected rows."""

import json
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import pyarrow
from pydantic import ValidationError

from ingest.contracts import REJECTED_SCHEMA, Dataset, split
from ingest.run_event import EnvelopeError, RunEvent, derived_event_id, first_problem, unwrap

MAX_FIELD_CHARACTERS = 1_000_000

# Columns that do not land as the event's field has them.
_MADE = ("energy", "metrics", "tags", "flex", "extra")
_READING = ("component", "device_id", "method", "boundary", "from_at", "to_at", "energy_j")


class _DuplicateKeyError(ValueError):
    """The same name twice in one JSON object."""


class _ConstantError(ValueError):
    """NaN or Infinity, which are not JSON."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateKeyError(next(name for name in names if names.count(name) > 1))
    return found


def _constant(text: str) -> None:
    raise _ConstantError(text)


_decode = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant).decode

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
            self.rejected.append((row, *problem, raw))

    def _problem(self, row: int, text: str | bytes) -> tuple[str | None, str, str] | None:
        """(field, reason, detail), or None when the event is in the columns."""
        if isinstance(text, bytes):
            return None, "not_utf8", "the line is not UTF-8; write events as UTF-8"
        try:
            parsed = _decode(text)
        except _DuplicateKeyError as error:
            return str(error), "not_json", f"the name {error} stands twice in one JSON object"
        except _ConstantError as error:
            return None, "not_json", f"{error} is not JSON; leave the field out or write null"
        except RecursionError:
            return None, "not_json", "the JSON is nested too deeply"
        except ValueError as error:
            return None, "not_json", f"the line is no JSON ({error}); was it cut?"
        if not isinstance(parsed, dict):
            return None, "wrong_type", "an event must be a JSON object"
        if len(text) > MAX_FIELD_CHARACTERS and _has_long_text(parsed):
            return None, "field_too_long", f"a field has over {MAX_FIELD_CHARACTERS:,} characters"
        if "\\u" in text and not _is_unicode(parsed):
            return None, "not_utf8", "the event has half of a surrogate pair (\\ud800 … \\udfff)"
        try:
            data = unwrap(parsed)
            event = RunEvent.model_validate(data)
            unknown = event.unknown()
            extra = _json(unknown) if unknown else None
            flex = _json(data["flex"]) if event.flex is not None else None
            event_id = event.event_id or derived_event_id(parsed)
        except ValidationError as error:
            path, reason, detail = first_problem(error)
            return path or None, reason, detail
        except EnvelopeError as error:
            return error.field, error.reason, error.detail
        except RecursionError:
            return "extra", "not_json", "an unknown field is nested too deeply"
        except ValueError as error:  # json.dumps: an unknown field holds 1e999
            return "extra", "out_of_range", f"an unknown field is no finite number ({error})"
        self._append(row, event, event_id, flex, extra)
        return None

    def _append(
        self, row: int, event: RunEvent, event_id: str, flex: str | None, extra: str | None
    ) -> None:
        columns = self.columns
        columns["source_row"].append(row)
        values = event.__dict__
        for name in self.dataset.columns:
            if name not in _MADE:
                columns[name].append(values[name])
        columns["event_id"][-1] = event_id
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
        columns["flex"].append(flex)
        columns["extra"].append(extra)

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


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _has_long_text(value: object) -> bool:
    """Is there a name or text of over a million characters, at any depth?"""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if len(item) > MAX_FIELD_CHARACTERS:
                return True
        elif isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
    return False


def _is_unicode(value: object) -> bool:
    """Can every text be written as UTF-8? JSON can say half a surrogate pair."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
