"""CSV files in bounded memory: blocks of whole records, a fast and a careful way.

A block is about 16 MiB and ends where a record ends. The fast way parses it with Arrow. Where
Arrow refuses, or its rows do not account for every physical line, the careful way reads the same
bytes with the standard library's csv module, record by record, and sets bad records apart with
their line and their text as it came. Both ways read the same rows.
"""

import csv
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa
import pyarrow.csv as arrow_csv

from ingest.contracts import REJECTED_SCHEMA, Problem, empty_rejected
from ingest.errors import FileRejected
from ingest.files import InputFile, blocks

BLOCK = 1 << 24
LONGEST_FIELD = 1_000_000  # characters
LONGEST_RECORD = 1 << 26  # bytes: past this, a quote was never closed
LONGEST_HEADER = 1 << 20
DELIMITERS = ",;\t"
NULLS = ("", "NULL")
LINE_FEED, QUOTE = b"\n", b'"'


@dataclass(frozen=True)
class Header:
    """Which position of the file holds which column we know, and which positions are unknown."""

    names: tuple[str, ...]
    known: dict[str, int]
    extra: dict[str, int]


# (file, its column names) → the header. Raises FileRejected.
Match = Callable[[str, Sequence[str]], Header]


@dataclass(frozen=True)
class Block:
    """Rows of one file, untyped: one series per column of the file, by position.

    `rows` are the rows' numbers; `raw` gives the text of rows by number; `rejected` are records
    that have no columns at all; `problems` are what reading found wrong with rows that have.
    """

    columns: list[pl.Series]
    rows: pl.Series
    raw: Callable[[Sequence[int]], dict[int, str]]
    rejected: pl.DataFrame = field(default_factory=empty_rejected)
    problems: list[Problem] = field(default_factory=list)


@dataclass
class _Records:
    """What the careful way made of some bytes."""

    rows: list[list[str | None]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    raws: list[str] = field(default_factory=list)
    rejected: list[dict[str, object]] = field(default_factory=list)
    consumed: int = 0  # bytes
    consumed_lines: int = 0


def read_csv(file: InputFile, match: Match) -> tuple[Header, Iterator[Block]]:
    """The header and the blocks of a CSV file, gzip or not.

    Raises FileRejected before the first block, never after it: gzip is tested to its end first.
    """
    if _is_gzip(file):
        for _ in blocks(file):
            pass
    stream = blocks(file, BLOCK)
    head = b""
    while len(head) < LONGEST_HEADER and (more := next(stream, b"")):
        head += more
    head = _drop_mark(file, head)
    if not head.strip():
        raise FileRejected(file.name, "empty_file", "the file is empty; have it delivered again")
    blank = len(head) - len(head.lstrip(b"\r\n"))
    first_line = 1 + head[:blank].count(LINE_FEED)
    end = _first_record_end(head[blank : blank + LONGEST_HEADER])
    if end is None and len(head) > LONGEST_HEADER:
        raise FileRejected(
            file.name,
            "not_this_format",
            "the first line is longer than 1 MiB: this is no CSV; move the file elsewhere",
        )
    header_bytes = head[blank:] if end is None else head[blank : blank + end]
    header, delimiter = _header(file, header_bytes, match)
    rest = head[blank + len(header_bytes) :]
    first_line += header_bytes.count(LINE_FEED)
    return header, _blocks(file, header, delimiter, rest, stream, first_line)


def _blocks(
    file: InputFile,
    header: Header,
    delimiter: str,
    pending: bytes,
    stream: Iterator[bytes],
    line: int,
) -> Iterator[Block]:
    reader = _Reader(file, header, delimiter)
    while True:
        more = next(stream, b"")
        final = not more
        pending += more
        while pending:
            # Past LONGEST_RECORD a quote was never closed: records end where lines end.
            force = final or len(pending) > LONGEST_RECORD
            cut = len(pending) if final else _last_record_end(pending)
            if force and not cut:
                cut = pending.rfind(LINE_FEED) + 1
            if force and not cut:
                yield reader.endless(pending, line)
                while more and LINE_FEED not in pending:
                    pending = more = next(stream, b"")
                pending = pending.partition(LINE_FEED)[2]
                line += 1
                continue
            if not cut:
                break
            block, consumed, lines = reader.read(pending[:cut], line, force)
            yield block
            pending, line = pending[consumed:], line + lines
            if not consumed:
                break  # the record goes on in the bytes to come
        if final:
            return


class _Reader:
    def __init__(self, file: InputFile, header: Header, delimiter: str) -> None:
        self.file = file
        self.header = header
        self.delimiter = delimiter
        # Arrow wants distinct names; positions are all we use.
        names = [str(i) for i in range(len(header.names))]
        self._read = arrow_csv.ReadOptions(column_names=names)
        self._parse = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
        self._convert = arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.large_string()),
            null_values=list(NULLS),
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        )

    def read(self, data: bytes, line: int, final: bool) -> tuple[Block, int, int]:
        """A block of `data`, how many bytes and physical lines of it were used."""
        ends_open = data.count(QUOTE) % 2 == 1
        block = None if ends_open else self._fast(data, line)
        if block is None:
            return self.read_carefully(data, line, final)
        return block, len(data), data.count(LINE_FEED)

    def _fast(self, data: bytes, line: int) -> Block | None:
        if b"\r" in data and data.count(b"\r") != data.count(b"\r\n"):
            return None
        self._read.block_size = len(data) + 1
        try:
            table = arrow_csv.read_csv(
                pa.BufferReader(data), self._read, self._parse, self._convert
            )
        except pa.ArrowInvalid:
            return None
        columns = [pl.Series(pl.from_arrow(column)) for column in table.columns]
        del table
        height = len(columns[0])
        lengths = pl.DataFrame(columns).select(pl.all().str.len_bytes().max())
        if (lengths.max_horizontal().item() or 0) > LONGEST_FIELD:
            return None
        physical = data.count(LINE_FEED) + (not data.endswith(LINE_FEED))
        if physical == height:
            rows = pl.int_range(line, line + height, eager=True, dtype=pl.Int64)
        else:
            inside = (
                pl.DataFrame(columns)
                .select(
                    pl.sum_horizontal(
                        pl.all().str.count_matches("\n", literal=True).fill_null(0)
                    ).cast(pl.Int64)
                )
                .to_series()
            )
            if height + int(inside.sum()) != physical:
                return None  # blank lines, or lone carriage returns
            rows = (inside + 1).cum_sum().shift(1, fill_value=0) + line

        def raw(wanted: Sequence[int]) -> dict[int, str]:
            records = self._records(data, line, final=True)
            texts = dict(zip(records.lines, records.raws, strict=True))
            return {number: texts[number] for number in wanted}

        return Block(columns, rows.rename("source_row"), raw)

    def read_carefully(self, data: bytes, line: int, final: bool) -> tuple[Block, int, int]:
        """As `read`, with the standard library, bad records set apart."""
        records = self._records(data, line, final)
        texts = dict(zip(records.lines, records.raws, strict=True))
        block = Block(
            [
                pl.Series(str(i), [row[i] for row in records.rows], dtype=pl.String)
                for i in range(len(self.header.names))
            ],
            pl.Series("source_row", records.lines, dtype=pl.Int64),
            lambda wanted: {number: texts[number] for number in wanted},
            pl.DataFrame(records.rejected, schema=REJECTED_SCHEMA),
        )
        return block, records.consumed, records.consumed_lines

    def _records(self, data: bytes, line: int, final: bool) -> _Records:
        """Every record of `data`; without `final` the last one, if unfinished, is left alone."""
        csv.field_size_limit(sys.maxsize)
        out = _Records()
        try:
            text, is_text = data.decode("utf-8"), True
        except UnicodeDecodeError:
            text, is_text = data.decode("utf-8", "surrogateescape"), False
        lines = _Lines(text)
        reader = csv.reader(lines, delimiter=self.delimiter)
        while True:
            lines.start_record()
            problem: tuple[str | None, str, str] | None = None
            row: list[str] = []
            try:
                row = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                problem = (None, "wrong_column_count", f"the line is not CSV ({error})")
                reader = csv.reader(lines, delimiter=self.delimiter)
            if lines.ran_out:
                # The quote that opens a field here is never closed.
                if not final:
                    lines.rewind(0)
                    break
                lines.rewind(1)
                reader = csv.reader(lines, delimiter=self.delimiter)
                problem = (None, "wrong_column_count", "a quote opened here is never closed")
            number, record = line + lines.record_start, lines.record()
            if not row and problem is None:
                continue
            if not is_text or problem or len(row) != len(self.header.names):
                problem = self._unreadable(row, record) or problem
            if problem is None and len(record) > LONGEST_FIELD:
                problem = self._too_long(row)
            if problem is None:
                out.rows.append([None if value in NULLS else value for value in row])
                out.lines.append(number)
                out.raws.append(record.rstrip("\r\n"))
                continue
            name, reason, detail = problem
            out.rejected.append(
                {
                    "source_file": self.file.name,
                    "source_row": number,
                    "field": name,
                    "reason": reason,
                    "detail": f"{detail}; have the export delivered again",
                    "raw": _printable(record.rstrip("\r\n")),
                }
            )
        out.consumed = len(lines.taken().encode("utf-8", "surrogateescape"))
        out.consumed_lines = lines.taken_lines()
        return out

    def endless(self, data: bytes, line: int) -> Block:
        """A line that does not end within LONGEST_RECORD, rejected; its text is kept in part."""
        start = data[:LONGEST_FIELD].decode("utf-8", "backslashreplace")
        rejected = {
            "source_file": self.file.name,
            "source_row": line,
            "field": None,
            "reason": "field_too_long",
            "detail": f"the line is longer than {LONGEST_RECORD} bytes, of which the first "
            f"{LONGEST_FIELD} are kept; have the export delivered again",
            "raw": start,
        }
        return Block(
            [pl.Series(str(i), [], dtype=pl.String) for i in range(len(self.header.names))],
            pl.Series("source_row", [], dtype=pl.Int64),
            lambda _: {},
            pl.DataFrame([rejected], schema=REJECTED_SCHEMA),
        )

    def _unreadable(self, row: list[str], record: str) -> tuple[str | None, str, str] | None:
        names = self.header.names
        if not _is_utf8(record):
            damaged = [i for i, value in enumerate(row) if not _is_utf8(value)]
            where = names[damaged[0]] if damaged and damaged[0] < len(names) else None
            return where, "not_utf8", f"{where or 'the row'} is not UTF-8 text"
        if row and len(row) != len(names):
            return (
                None,
                "wrong_column_count",
                f"the row has {len(row)} values, the header {len(names)}",
            )
        return None

    def _too_long(self, row: list[str]) -> tuple[str | None, str, str] | None:
        for name, value in zip(self.header.names, row, strict=True):
            if len(value) > LONGEST_FIELD:
                return name, "field_too_long", f"{name} has {len(value)} characters"
        return None


class _Lines:
    """Physical lines of a text, one at a time, knowing which of them make up the record."""

    def __init__(self, text: str) -> None:
        # Only a line feed ends a line; str.splitlines knows a dozen other ends.
        self._lines = list(io.StringIO(text, newline="\n"))
        self._next = 0
        self.record_start = 0
        self.ran_out = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._next == len(self._lines):
            # Asked for a line in the middle of a record.
            self.ran_out = self._next > self.record_start
            raise StopIteration
        self._next += 1
        return self._lines[self._next - 1]

    def start_record(self) -> None:
        self.record_start, self.ran_out = self._next, False

    def rewind(self, lines: int) -> None:
        """Go back to `lines` after the start of the record."""
        self._next = self.record_start + lines

    def record(self) -> str:
        return "".join(self._lines[self.record_start : self._next])

    def taken(self) -> str:
        return "".join(self._lines[: self._next])

    def taken_lines(self) -> int:
        return sum(line.endswith("\n") for line in self._lines[: self._next])


def _is_utf8(text: str) -> bool:
    """Whether a text decoded with `surrogateescape` was UTF-8 throughout."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(record: str) -> str:
    return record.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _is_gzip(file: InputFile) -> bool:
    with file.path.open("rb") as raw:
        return raw.read(2) == b"\x1f\x8b"


def _drop_mark(file: InputFile, head: bytes) -> bytes:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise FileRejected(
            file.name, "not_utf8", "the file is UTF-16; have the export delivered in UTF-8"
        )
    return head.removeprefix(b"\xef\xbb\xbf")


def _header(file: InputFile, data: bytes, match: Match) -> tuple[Header, str]:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileRejected(
            file.name,
            "not_utf8",
            f"the header is not UTF-8 text (byte {error.start}); "
            "have the export delivered in UTF-8",
        ) from error
    try:
        rows = {
            d: next(csv.reader(io.StringIO(text, newline="\n"), delimiter=d)) for d in DELIMITERS
        }
    except csv.Error as error:
        raise FileRejected(
            file.name,
            "not_this_format",
            f"the header is not CSV ({error}); have the export delivered again",
        ) from error
    delimiter = max(DELIMITERS, key=lambda d: len(rows[d]))
    return match(file.name, rows[delimiter]), delimiter


def _first_record_end(data: bytes) -> int | None:
    end = data.find(LINE_FEED)
    while end >= 0 and data.count(QUOTE, 0, end) % 2:
        end = data.find(LINE_FEED, end + 1)
    return None if end < 0 else end + 1


def _last_record_end(data: bytes) -> int:
    """Where the last whole record ends: the last line feed outside quotes. 0: there is none."""
    end = data.rfind(LINE_FEED)
    quotes = data.count(QUOTE, 0, end + 1)
    while end >= 0 and quotes % 2:
        before = data.rfind(LINE_FEED, 0, end)
        quotes -= data.count(QUOTE, before + 1, end + 1)
        end = before
    return end + 1
