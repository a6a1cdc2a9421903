"""Run events: what jobs say about themselves, one JSON object per line.

Files `*.jsonl`, `*.ndjson` and `*.json` (also gzip) from a folder, or any file that is named; the
inbox of the collector is read as an instance of this source. An event is bare or the `data` of a
CloudEvents 1.0 structured event; a `.json` file may also hold one JSON array, or one event over
several lines. The contract is `ingest.run_event.RunEvent`.

What is filled in: an event without `event_id` gets the SHA-256 of its canonical JSON (the same line
twice is one event), without `event_type` it is `finished`, without `event_time` it happened at
`ended_at`, else `started_at`. `source_row` is the line on which the event starts.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandera.polars as pa
import polars as pl
import pyarrow
from pydantic import ValidationError

from ingest.contracts import REJECTED_SCHEMA, Batch, Dataset, rejected_file, split
from ingest.errors import FileRejected
from ingest.files import InputFile, blocks, discover
from ingest.run_event import EnvelopeError, RunEvent, derived_event_id, first_problem, unwrap
from ingest.sources import FileSourceSettings, SourceContext

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

DATASETS = (EVENTS,)

SUFFIXES = (".jsonl", ".ndjson", ".json")
INBOX = "inbox"  # the instance whose empty files are segments that nothing was written to yet
BATCH_EVENTS = 50_000
MAX_FIELD_CHARACTERS = 1_000_000
MAX_DOCUMENT_BYTES = 1 << 28

_PLAIN = [
    name for name in EVENTS.columns if name not in ("energy", "metrics", "tags", "flex", "extra")
]
_READING = ("component", "device_id", "method", "boundary", "from_at", "to_at", "energy_j")


class Settings(FileSourceSettings):
    """`[sources.run_events]`: where files of run events are."""


def read(settings: Settings, context: SourceContext) -> Iterator[Batch]:
    """One delivery per file, in batches of 50,000 events; a bad file is one rejected row."""
    for file in _event_files(settings.path):
        scope = f"{context.instance}/{file.name}"
        found = _Found(file.name)
        is_empty = True
        try:
            for row, text in _texts(file):
                is_empty = False
                found.add(row, text)
                if found.events >= BATCH_EVENTS:
                    yield Batch(EVENTS, scope, *found.take())
            if is_empty and context.instance != INBOX:
                raise FileRejected(
                    file.name, "empty_file", "the file holds no event; write it again or remove it"
                )
        except FileRejected as error:
            rows, rejected = found.take()
            refused = rejected_file(file.name, error.reason, error.detail)
            yield Batch(EVENTS, scope, rows, pl.concat([rejected, refused]), incomplete=True)
        else:
            yield Batch(EVENTS, scope, *found.take())


def _event_files(path: str) -> list[InputFile]:
    """A file that is named is read whatever its name; of a folder, the files of events."""
    files = discover(path)
    if len(files) == 1 and str(files[0].path) == path:
        return files
    return [f for f in files if f.name.lower().removesuffix(".gz").endswith(SUFFIXES)]


# ---- File → texts of single events ------------------------------------------------------------


def _texts(file: InputFile) -> Iterator[tuple[int, str | bytes]]:
    """(line, text) of each event; bytes where the line is not UTF-8. Raises FileRejected."""
    stream = blocks(file)
    start = b""
    while not start.strip(b"\xef\xbb\xbf \t\r\n"):
        block = next(stream, None)
        if block is None:
            return
        start += block
    start = start.removeprefix(b"\xef\xbb\xbf")
    is_document = False
    if not file.name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson")):
        first_line, newline, _ = start.lstrip().partition(b"\n")
        is_document = first_line[:1] == b"[" or (bool(newline) and not _is_json(first_line))
    if is_document:
        yield from _document(file, start, stream)
        return
    row = 1
    pending = [start]
    for block in stream:
        if b"\n" in block:
            lines = b"".join(pending).split(b"\n")
            pending = [lines.pop(), block]
            for line in lines:
                if line.strip():
                    yield row, _decoded(line)
                row += 1
        else:
            pending.append(block)
    for line in b"".join(pending).split(b"\n"):
        if line.strip():
            yield row, _decoded(line)
        row += 1


def _decoded(line: bytes) -> str | bytes:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _document(
    file: InputFile, start: bytes, stream: Iterator[bytes]
) -> Iterator[tuple[int, str | bytes]]:
    """The events of one JSON array, or of objects that stand one after the other."""
    parts, size = [start], len(start)
    for block in stream:
        parts.append(block)
        size += len(block)
        if size > MAX_DOCUMENT_BYTES:
            raise FileRejected(
                file.name,
                "field_too_long",
                f"one JSON document of more than {MAX_DOCUMENT_BYTES >> 20} MiB; write JSON lines "
                "(one event per line), which may be of any length",
            )
    try:
        text = b"".join(parts).decode()
    except UnicodeDecodeError as error:
        raise FileRejected(
            file.name, "not_utf8", f"the JSON document is not UTF-8 ({error}); write it as UTF-8"
        ) from error
    decoder = json.JSONDecoder()
    at, row = 0, 1
    is_array = text.lstrip()[:1] == "["
    separators = " \t\r\n," if is_array else " \t\r\n"
    is_open = False
    while True:
        begin = at
        while begin < len(text) and text[begin] in separators:
            begin += 1
        if is_array and not is_open and text[begin : begin + 1] == "[":
            begin, is_open = begin + 1, True
            while begin < len(text) and text[begin] in separators:
                begin += 1
        row += text.count("\n", at, begin)
        if begin >= len(text) or (is_open and text[begin] == "]"):
            break
        try:
            _, end = decoder.raw_decode(text, begin)
        except (ValueError, RecursionError):
            if not is_array:
                at = text.find("\n", begin) if "\n" in text[begin:] else len(text)
                yield row, text[begin:at]
                continue
            # Nothing tells where the next event begins: the rest is one rejected row.
            yield row, text[begin:]
            return
        yield row, text[begin:end]
        row += text.count("\n", begin, end)
        at = end
    rest = text[begin + 1 :].strip() if is_open else ""
    if is_open and begin >= len(text):
        raise FileRejected(
            file.name, "not_json", "the JSON array is not closed; the file was cut: fetch it again"
        )
    if rest:
        yield row, rest


# ---- Text → event → columns -------------------------------------------------------------------


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
class _Found:
    """Events and rejected texts of one file that are not yet in a batch."""

    source_file: str
    columns: dict[str, list[Any]] = field(
        default_factory=lambda: {name: [] for name in EVENTS.schema.names()}
    )
    rejected: list[_Rejected] = field(default_factory=list)

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
        for name in _PLAIN:
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
        count = len(self.columns["source_row"])
        self.columns["source_file"] = [self.source_file] * count
        arrow = pl.DataFrame(schema=EVENTS.schema).to_arrow().schema
        table = pyarrow.table(self.columns, schema=arrow)
        typed = pl.DataFrame(table).cast(EVENTS.schema)
        rows, refused = split(EVENTS, typed, pl.repeat(None, count, dtype=pl.String, eager=True))
        rejected = pl.DataFrame(
            [(self.source_file, *finding) for finding in self.rejected],
            schema=REJECTED_SCHEMA,
            orient="row",
        )
        self.columns = {name: [] for name in EVENTS.schema.names()}
        self.rejected = []
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
