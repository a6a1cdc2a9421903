"""Records that sacct broke: nothing is escaped in its output, neither delimiter nor newline.

A delimiter inside a name makes a record too wide, a newline breaks it over several lines. Lines
are joined and surplus pieces given to columns of free text, where only one reading makes every
typed column valid. What has no reading, or several, is rejected.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, takewhile

import polars as pl

from ingest.slurm_columns import FREE_TEXT, PROSE, USED, is_plausible
from ingest.slurm_layout import REMEDY, Layout

MAX_FIELD_CHARACTERS = 1_000_000
MAX_RECORD_LINES = 1_000
MAX_JOINS = 50  # lines that are tried beyond the first that would complete a record
MAX_EXTRA_FIELDS = 200
MAX_VISITS = 20_000  # steps of the search for the readings of one record


@dataclass
class Block:
    """Some lines of a file and the records in them; lines are numbered from 0."""

    layout: Layout
    first_row: int  # the physical line of line 0
    lines: pl.Series
    is_whole: pl.Series  # Boolean per line: a record as it stands
    # By the line that a record starts on: its fields and its text.
    mended: dict[int, tuple[list[str], str]] = field(default_factory=dict)
    # Line, reason, detail, text.
    rejected: list[tuple[int, str, str, str]] = field(default_factory=list)


class Mender:
    """Joins and regroups what stands on the odd lines of a block."""

    def __init__(
        self,
        block: Block,
        delimiters: Sequence[int],
        undecodable: Mapping[int, str],
        odd: Sequence[int],
    ) -> None:
        self.block = block
        self.layout = block.layout
        self.delimiters = delimiters
        self.undecodable = undecodable
        self.odd = odd
        self.before = [0, *accumulate(delimiters)]  # delimiters before each line
        self.start_of: dict[int, int] = {}  # odd lines in a record: the line that it starts on

    def mend(self) -> None:
        """Fill the block's mended and rejected records."""
        ends_in_text = not self.layout.is_trailing and self.layout.columns[-1] in FREE_TEXT
        last_line = self._last_lines()
        for index in self.odd:
            if index in self.start_of or self._is_no_record(index):
                continue
            if ends_in_text and self.delimiters[index] == 0 and self._continue_text(index):
                continue
            if not self._join(index, last_line[index]):
                found = self.delimiters[index] + (not self.layout.is_trailing)
                detail = (
                    f"{found} fields where the header has {len(self.layout.columns)}, and no "
                    f"single way to put them right; {REMEDY}"
                )
                self._reject(index, "wrong_column_count", detail, self.block.lines[index])
        self.block.is_whole = self.block.is_whole.scatter(list(self.block.mended), False)

    def _last_lines(self) -> dict[int, int]:
        """By odd line: the last line to which a record from there can reach."""
        last: dict[int, int] = {}
        for index in reversed(self.odd):
            below = index + 1
            goes_on = (
                below in last
                and below not in self.undecodable
                and self.delimiters[below] < self.layout.delimiters
            )
            last[index] = last[below] if goes_on else index
        return last

    def _is_no_record(self, index: int) -> bool:
        """Is the line to be left out, or rejected at once?"""
        line = self.block.lines[index]
        if line is None:
            detail = f"the line is not UTF-8 text; run sacct in a UTF-8 locale and {REMEDY}"
            self._reject(index, "not_utf8", detail, self.undecodable[index])
            return True
        if not line.strip() or line.rstrip("\r") == self.layout.header:
            return True  # an empty line, or the header of an appended export
        if any(len(f) > MAX_FIELD_CHARACTERS for f in line.split(self.layout.delimiter)):
            detail = f"a field is longer than {MAX_FIELD_CHARACTERS:,} characters; {REMEDY}"
            self._reject(index, "field_too_long", detail, line)
            return True
        return False

    def _reject(self, index: int, reason: str, detail: str, text: str) -> None:
        self.block.rejected.append((index, reason, detail, text))

    def _text(self, first: int, last: int) -> str:
        return "\n".join(self.block.lines.slice(first, last - first + 1))

    def _continue_text(self, index: int) -> bool:
        """Does the free text that ends the record before go on here? Then it is added."""
        start = self._record_before(index)
        if start is None:
            return False
        mended = self.block.mended.get(start)
        fields = mended[0] if mended else self.block.lines[start].split(self.layout.delimiter)
        fields = [*fields[:-1], f"{fields[-1]}\n{self.block.lines[index]}"]
        self.block.mended[start] = (fields, self._text(start, index))
        self.start_of[index] = start
        return True

    def _record_before(self, index: int) -> int | None:
        """The first line of the record that ends just before this line, if it is one."""
        lines = self.block.lines
        index -= 1
        while index >= 0 and lines[index] is not None and not lines[index].strip():
            index -= 1
        if index < 0:
            return None
        return index if self.block.is_whole[index] else self.start_of.get(index)

    def _join(self, index: int, last: int) -> bool:
        """Is this line, with those below it if need be, a record of one reading? It is kept."""
        if not _could_begin(self.layout, self.block.lines[index]):
            return False
        needed = self.before[index] + self.layout.delimiters
        end = bisect_left(self.before, needed, index + 1) - 1
        last = min(last, index + MAX_RECORD_LINES, end + MAX_JOINS)
        while end <= last and self.before[end + 1] <= needed + MAX_EXTRA_FIELDS:
            text = self._text(index, end)
            fields = regroup(self.layout, text)
            if fields is not None:
                self.block.mended[index] = (fields, text)
                self.start_of |= dict.fromkeys(range(index, end + 1), index)
                return True
            end += 1
        return False


def _could_begin(layout: Layout, line: str) -> bool:
    """Are the typed columns before the first free text plausible, as far as the line has them?"""
    typed = takewhile(lambda column: column not in FREE_TEXT, layout.columns)
    whole_fields = line.split(layout.delimiter, len(layout.columns))[:-1]
    return all(map(is_plausible, typed, whole_fields))


def regroup(layout: Layout, record: str) -> list[str] | None:
    """The record's fields, one per column: delimiters inside free text are found and kept.

    Every way to give the surplus pieces to columns of free text is tried; it must leave every
    typed column valid. Of those the least odd count: a text that begins or ends with the
    delimiter is odd, and so is one in a path or a list of features. None if no reading is left,
    or several that differ in what lands.
    """
    columns = layout.columns
    pieces = record.split(layout.delimiter)
    if layout.is_trailing:
        if pieces[-1].strip() != "":
            return None
        pieces.pop()
    surplus = len(pieces) - len(columns)
    if surplus < 0 or surplus > MAX_EXTRA_FIELDS:
        return None
    best: dict[tuple[str, ...], tuple[int, list[str]]] = {}  # what lands → oddities, fields
    visited = 0
    dead: set[tuple[int, int]] = set()  # (column, piece) from which no reading is left

    def place(column: int, at: int, fields: list[str], oddities: int) -> bool:
        """Give the pieces from `at` to the columns from `column`; was there a reading?"""
        nonlocal visited
        visited += 1
        if column == len(columns):
            landed = tuple(f for c, f in zip(columns, fields, strict=True) if c in USED)
            if landed not in best or oddities < best[landed][0]:
                best[landed] = (oddities, fields.copy())
            return True
        if (column, at) in dead or visited > MAX_VISITS:
            return False
        name = columns[column]
        left = surplus - (at - column)
        spans = range(1, left + 2) if name in FREE_TEXT else range(1, 2)
        fits = False
        for span in spans:
            value = layout.delimiter.join(pieces[at : at + span])
            if not is_plausible(name, value):
                continue
            if column == len(columns) - 1 and at + span != len(pieces):
                continue
            ragged = span > 1 and (pieces[at] == "" or pieces[at + span - 1] == "")
            unlikely = span > 1 and name not in PROSE
            fields.append(value)
            fits |= place(column + 1, at + span, fields, oddities + ragged + unlikely)
            fields.pop()
        if not fits:
            dead.add((column, at))
        return fits

    place(0, 0, [], 0)
    if not best or visited > MAX_VISITS:
        return None
    fewest = min(oddities for oddities, _ in best.values())
    readings = [fields for oddities, fields in best.values() if oddities == fewest]
    return readings[0] if len(readings) == 1 else None
