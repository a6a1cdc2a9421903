"""Slurm: every job and step of a cluster's accounting, as `sacct` prints it with a delimiter.

    sacct --allusers --duplicates --parsable2 --noconvert --delimiter=$'\\x1f' --format=ALL -S …

Any delimiter is understood, and any choice of columns that holds JobIDRaw or JobID, State, Start,
End, and ElapsedRaw or Elapsed. One row lands per record: the allocation and each of its steps.
What one must know about sacct:

- Nothing is escaped. A delimiter inside a job name or comment makes a record too wide, a newline
  in SubmitLine breaks it over several lines. Both are mended where only one reading makes every
  typed column valid, else the record is rejected; `--delimiter=$'\\x1f'` avoids the question.
- Times carry no zone: they are local to the cluster (`timezone`). In the hour that happens twice
  in autumn the earlier instant is taken, unless a job would then end before it starts; a time
  inside the gap of spring is moved forward by the gap.
- Energy of a batch-only job stands only in its `.batch` row; batch and steps overlap, so summing
  all rows counts twice. Both land as they are: staging decides.
- GPU utilisation (`gres/gpuutil`) is the highest sample of a task in TRESUsageInMax and the last
  sample in TRESUsageInTot (Slurm, jobacct_gather): neither is a mean over the job.
- A job id is used again after a controller reset or a requeue: (cluster, job id, submit) is unique.
"""

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from itertools import accumulate, takewhile
from zoneinfo import ZoneInfo

import hostlist
import pandera.polars as pa
import polars as pl
from pydantic import Field, field_validator

from ingest.contracts import (
    REJECTED_SCHEMA,
    Batch,
    Dataset,
    rejected_file,
    split,
)
from ingest.errors import FileRejected, LandingError
from ingest.files import InputFile, blocks, discover
from ingest.sources import FileSourceSettings, SourceContext

NAME = "slurm"

INSTANT = pl.Datetime("us", "UTC")

SACCT = Dataset(
    name="slurm__sacct",
    columns={
        "Cluster": pl.String(),
        "x_site": pl.String(),
        "JobIDRaw": pl.String(),
        "JobID": pl.String(),
        "x_job_id": pl.String(),  # JobIDRaw (else JobID) without the step
        "x_step_id": pl.String(),  # 0, batch, extern …; null on the allocation's row
        "JobName": pl.String(),
        "User": pl.String(),
        "Account": pl.String(),
        "Partition": pl.String(),
        "QOS": pl.String(),
        "State": pl.String(),
        "x_state": pl.String(),  # the first word, upper case
        "ExitCode": pl.String(),
        "Submit": INSTANT,
        "Eligible": INSTANT,
        "Start": INSTANT,
        "End": INSTANT,
        "ElapsedRaw": pl.Int64(),  # s
        "NNodes": pl.Int64(),
        "NodeList": pl.String(),
        "x_nodes": pl.List(pl.String()),
        "NCPUS": pl.Int64(),  # a job that never started has its requested count here
        "AllocTRES": pl.String(),
        "ReqTRES": pl.String(),
        "x_alloc_cpus": pl.Int64(),
        "x_alloc_memory_bytes": pl.Int64(),
        "x_alloc_gpus": pl.Int64(),
        "x_gpu_type": pl.String(),  # several types: comma-separated
        "CPUTimeRAW": pl.Int64(),  # s
        "TotalCPU": pl.String(),
        "x_total_cpu_s": pl.Float64(),
        "MaxRSS": pl.String(),
        "x_max_rss_bytes": pl.Int64(),
        "ConsumedEnergyRaw": pl.Int64(),  # J
        "TRESUsageInTot": pl.String(),
        "TRESUsageInMax": pl.String(),
        "x_gpu_utilization_pct": pl.Float64(),  # per task, summed over its GPUs: may pass 100
        "Comment": pl.String(),
        "AdminComment": pl.String(),
        "x_comment_json": pl.String(),
        "Restarts": pl.Int64(),
        "WorkDir": pl.String(),
        "TimelimitRaw": pl.Int64(),  # min
    },
    checks={
        name: pa.Column(pl.String(), nullable=False)
        for name in ("source_file", "Cluster", "x_site", "x_job_id", "State", "x_state")
    },
)

DATASETS = (SACCT,)

REMEDY = r"export again with `sacct --parsable2 --delimiter=$'\x1f'`"
BLOCK_BYTES = 1 << 24
MAX_FIELD_CHARACTERS = 1_000_000
MAX_RECORD_LINES = 1_000
MAX_JOINS = 50  # lines that are tried beyond the first that would complete a record
MAX_EXTRA_FIELDS = 200

# What sacct prints where it has no value (NO_VAL and INFINITE of slurm.h as numbers).
NO_TEXT = ("", "Unknown", "None", "N/A", "None assigned", "INVALID", "(null)")
NO_TIME = (*NO_TEXT, "0")  # a time that is not set is 0 inside Slurm
NO_NUMBER = (
    *NO_TEXT,
    "UNLIMITED",
    "Partition_Limit",
    "4294967294",
    "4294967295",
    "18446744073709551614",
    "18446744073709551615",
)
BINARY = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50, "E": 2**60}
DECIMAL = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}

_NUMBER = r"(\d+(?:\.\d+)?)"
_SIZE = rf"^{_NUMBER}([KMGTPE]?)$"
_DURATION = r"^(?:(\d+)-)?(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)$"
_ISO = "%Y-%m-%dT%H:%M:%S"
_JOB_ID = r"^(\d+(?:_(?:\d+|\[[^\]]*\]))?(?:\+\d+)?)(?:\.([A-Za-z0-9_+]+))?$"
_STATE = r"^[A-Z][A-Z_]+( by \S+)?$"


class Settings(FileSourceSettings):
    """`[sources.slurm]`: where the sacct exports are and which cluster they speak of."""

    cluster: str | None = Field(
        None, description="The cluster's name, where the export has no Cluster column."
    )
    timezone: str = Field("UTC", description="IANA zone of the cluster's clock (sacct prints none)")
    site: str | None = Field(
        None, description="The [sites.NAME] the cluster stands in; default: the cluster's name."
    )

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
            pl.select(pl.datetime(2026, 1, 1).dt.replace_time_zone(value))
        except (KeyError, ValueError, OSError, pl.exceptions.ComputeError) as error:
            raise ValueError(
                f"{value!r} is no IANA time zone; write it like Europe/Berlin"
            ) from error
        return value


def read(settings: Settings, context: SourceContext) -> Iterator[Batch]:
    """One delivery per file, in batches of about 16 MiB of text; a bad file is one rejected row."""
    for file in discover(settings.path):
        scope = f"{context.instance}/{file.name}"
        try:
            for rows, rejected in _read_file(file, settings):
                yield Batch(SACCT, scope, rows, rejected)
        except FileRejected as error:
            yield Batch(
                SACCT,
                scope,
                pl.DataFrame(schema=SACCT.schema),
                rejected_file(file.name, error.reason, error.detail),
                incomplete=True,
            )


def _read_file(file: InputFile, settings: Settings) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """(rows, rejected) of one file, piece by piece. Raises FileRejected.

    Rows are typed in a second thread while the caller writes those of the block before.
    """
    with ThreadPoolExecutor(max_workers=1) as typing:
        before: Future[tuple[pl.DataFrame, pl.DataFrame]] | None = None
        broken: FileRejected | None = None
        try:
            for block in _blocks_of_records(file, settings):
                typed = typing.submit(_land, block, settings)
                if before is not None:
                    yield before.result()
                before = typed
        except FileRejected as error:
            broken = error
        if before is not None:
            yield before.result()
        if broken is not None:
            raise broken


def _blocks_of_records(file: InputFile, settings: Settings) -> "Iterator[_Block]":
    """The lines of a file in blocks that end where a record ends. Raises FileRejected."""
    layout: _Layout | None = None
    broken: FileRejected | None = None
    held: list[bytes] = []  # bytes after the last newline
    carried: list[str | None] = []  # lines of a record that may go on in the next block
    carried_undecodable: dict[int, str] = {}
    row = 1  # the physical line of the next line to look at
    stream = blocks(file, BLOCK_BYTES)
    is_last = False
    while not is_last:
        try:
            block = next(stream, b"")
        except FileRejected as error:
            # The line that the damage cut is part of what the file's rejection stands for.
            block, broken, held = b"", error, []
        is_last = not block
        head, newline, rest = block.rpartition(b"\n")
        if not newline and not is_last:
            held.append(block)
            continue
        data = b"".join([*held, head])
        held = [rest]
        if is_last and not data and not carried and (layout is not None or broken is not None):
            break
        lines, undecodable = _decode(data)
        if layout is None:
            skipped, layout = _layout(file.name, lines, settings)
            lines, row = lines.slice(skipped), row + skipped
            undecodable = {i - skipped: text for i, text in undecodable.items()}
        else:
            shift = len(carried)
            undecodable = carried_undecodable | {i + shift: t for i, t in undecodable.items()}
            lines = pl.concat([pl.Series(carried, dtype=pl.String), lines])
        records = _records(layout, lines, undecodable, is_last)
        used = records.lines_used
        carried = lines.slice(used).to_list()
        carried_undecodable = {i - used: t for i, t in undecodable.items() if i >= used}
        yield _Block(layout, records, lines.head(used), row)
        row += used
    if broken is not None:
        raise broken


def _decode(data: bytes) -> tuple[pl.Series, dict[int, str]]:
    """The lines of a block; those that are not UTF-8 are null, and kept escaped by their index."""
    try:
        return pl.Series([data.decode()]).str.split("\n").explode(), {}
    except UnicodeDecodeError:
        lines: list[str | None] = []
        undecodable = {}
        for index, line in enumerate(data.split(b"\n")):
            try:
                lines.append(line.decode())
            except UnicodeDecodeError:
                lines.append(None)
                undecodable[index] = line.decode(errors="backslashreplace")
        return pl.Series(lines, dtype=pl.String), undecodable


# ---- The header: which delimiter, which columns ----------------------------------------------


@dataclass(frozen=True)
class _Layout:
    """What the header line of a file says."""

    source_file: str
    header: str
    delimiter: str
    columns: tuple[str, ...]  # sacct's own spelling
    is_trailing: bool  # `--parsable`: a delimiter after the last field, too

    @property
    def delimiters(self) -> int:
        """Delimiters of a whole record."""
        return len(self.columns) - (not self.is_trailing)


def _layout(source_file: str, lines: pl.Series, settings: Settings) -> tuple[int, _Layout]:
    """How many lines stand before the first record, and the layout. Raises FileRejected."""

    def refuse(reason: str, detail: str) -> FileRejected:
        return FileRejected(source_file, reason, detail)

    first = lines.head(1_000).to_list()
    skipped = 0
    while skipped < len(first) and first[skipped] is not None and not _text(first[skipped]).strip():
        skipped += 1
    if skipped == lines.len():
        raise refuse("empty_file", f"the file is empty; {REMEDY}")
    header = first[skipped] if skipped < len(first) else None
    if header is None:
        raise refuse("not_utf8", f"the header line is not UTF-8 text; {REMEDY}")
    header = header.lstrip("\ufeff").rstrip("\r")
    below = first[skipped + 1] if skipped + 1 < len(first) else None
    if header.lstrip()[:1] in ("{", "["):
        raise refuse(
            "not_this_format",
            f"this is JSON; the text of sacct with a header line and a delimiter is read: {REMEDY}",
        )
    found = re.match(r"([A-Za-z]+)([^A-Za-z0-9]+)(?=[A-Za-z])", header)
    is_fixed_width = re.fullmatch(r"[- ]*-[- ]*", _text(below)) is not None or (
        found is not None and (found[2] == "  " or (found[2] == " " and "  " in header))
    )
    if is_fixed_width:
        raise refuse("not_this_format", f"columns of fixed width cut their values short; {REMEDY}")
    if found is None or found[1].lower() not in SPELLING:
        raise refuse(
            "not_this_format",
            f"the first line is no header of sacct with a delimiter; {REMEDY} "
            "and without --noheader",
        )
    delimiter = found[2]
    names = header.split(delimiter)
    is_trailing = names[-1] == ""
    columns = tuple(SPELLING.get(n.lower(), n) for n in (names[:-1] if is_trailing else names))
    repeated = sorted({c for c in columns if columns.count(c) > 1})
    if repeated:
        raise refuse("duplicate_header", f"column {', '.join(repeated)} is there twice; {REMEDY}")
    for choice in (
        ("JobIDRaw", "JobID"),
        ("State",),
        ("Start",),
        ("End",),
        ("ElapsedRaw", "Elapsed"),
    ):
        if not set(choice) & set(columns):
            raise refuse(
                "missing_column",
                f"the export has no column {' or '.join(choice)}; add it to sacct's --format",
            )
    if "Cluster" not in columns and settings.cluster is None:
        raise refuse(
            "missing_column",
            "the export has no column Cluster: add it to sacct's --format, or set `cluster` "
            "of this source",
        )
    return skipped + 1, _Layout(source_file, header, delimiter, columns, is_trailing)


def _text(value: str | None) -> str:
    return value or ""


# ---- Lines → records -------------------------------------------------------------------------


@dataclass
class _Records:
    """The records of a block: which lines are whole as they stand, and what became of others."""

    whole: pl.Series  # Boolean per line
    lines_used: int  # lines before the record that goes on in the next block
    # By the line a record starts on: its fields and its text.
    mended: dict[int, tuple[list[str], str]] = field(default_factory=dict)
    # Line, reason, detail, text.
    rejected: list[tuple[int, str, str, str]] = field(default_factory=list)


def _records(
    layout: _Layout, lines: pl.Series, undecodable: Mapping[int, str], is_last: bool
) -> _Records:
    """Find the records. Only lines with an unusual number of delimiters cost Python time."""
    delimiters = lines.str.count_matches(layout.delimiter, literal=True)
    whole = (
        (delimiters == layout.delimiters)
        & (lines.str.len_bytes() <= MAX_FIELD_CHARACTERS)
        & (lines.str.strip_suffix("\r") != layout.header)
    ).fill_null(False)
    odd = (~whole).arg_true().to_list()
    used = lines.len()
    if not is_last:
        # A record may go on in the next block: keep back the odd lines at the end.
        while odd and odd[-1] == used - 1 and lines.len() - used < MAX_RECORD_LINES:
            used = odd.pop()
        if used and not layout.is_trailing and layout.columns[-1] in FREE_TEXT:
            # Even a whole last line may go on, where it ends in free text.
            used -= 1
            odd = odd[:-1] if odd and odd[-1] == used else odd
    records = _Records(whole, used)
    if odd:
        _mend(layout, lines, delimiters.fill_null(0).to_list(), undecodable, odd, records)
    return records


def _mend(
    layout: _Layout,
    lines: pl.Series,
    delimiters: Sequence[int],
    undecodable: Mapping[int, str],
    odd: Sequence[int],
    records: _Records,
) -> None:
    """Join and regroup what stands on the odd lines; what has no single reading is rejected."""
    is_last_free = not layout.is_trailing and layout.columns[-1] in FREE_TEXT
    before = [0, *accumulate(delimiters)]  # delimiters before each line
    last_piece: dict[int, int] = {}  # the last line to which a record from this line can reach
    for index in reversed(odd):
        following = index + 1
        goes_on = following in last_piece and delimiters[following] < layout.delimiters
        last_piece[index] = (
            last_piece[following] if goes_on and following not in undecodable else index
        )
    record_at: dict[int, int] = {}  # of odd lines in a record: the line that it starts on
    for index in odd:
        line = lines[index]
        if index in record_at:
            continue
        if line is None:
            detail = f"the line is not UTF-8 text; run sacct in a UTF-8 locale and {REMEDY}"
            records.rejected.append((index, "not_utf8", detail, undecodable[index]))
            continue
        if not line.strip() or line.rstrip("\r") == layout.header:
            continue  # an empty line, or the header of an appended export: no record
        if any(len(f) > MAX_FIELD_CHARACTERS for f in line.split(layout.delimiter)):
            detail = f"a field is longer than {MAX_FIELD_CHARACTERS:,} characters; {REMEDY}"
            records.rejected.append((index, "field_too_long", detail, line))
            continue
        if delimiters[index] == 0 and is_last_free:
            start = _record_before(index, lines, records, record_at)
            if start is not None:
                # The free text that ends the record before goes on here.
                raw = "\n".join(lines.slice(start, index - start + 1))
                fields = records.mended[start][0] if start in records.mended else None
                fields = fields or _text(lines[start]).split(layout.delimiter)
                records.mended[start] = ([*fields[:-1], f"{fields[-1]}\n{line}"], raw)
                record_at[index] = start
                continue
        needed = before[index] + layout.delimiters
        end = bisect_left(before, needed, index + 1) - 1
        limit = min(last_piece[index], index + MAX_RECORD_LINES, end + MAX_JOINS)
        if not _could_begin(layout, line):
            limit = -1
        while end <= limit and before[end + 1] <= needed + MAX_EXTRA_FIELDS:
            raw = "\n".join(lines.slice(index, end - index + 1))
            reading = _regroup(layout, raw)
            if reading is not None:
                records.mended[index] = (reading, raw)
                record_at |= dict.fromkeys(range(index, end + 1), index)
                break
            end += 1
        if index not in record_at:
            found = delimiters[index] + (not layout.is_trailing)
            detail = (
                f"{found} fields where the header has {len(layout.columns)}, and no single way to "
                f"put them right; {REMEDY}"
            )
            records.rejected.append((index, "wrong_column_count", detail, line))
    records.whole = records.whole.scatter(list(records.mended), False)


def _could_begin(layout: _Layout, line: str) -> bool:
    """Are the typed columns before the first free text plausible, as far as the line has them?"""
    typed = takewhile(lambda column: column not in FREE_TEXT, layout.columns)
    whole_fields = line.split(layout.delimiter, len(layout.columns))[:-1]
    return all(map(_is_plausible, typed, whole_fields))


def _record_before(
    index: int, lines: pl.Series, records: _Records, record_at: Mapping[int, int]
) -> int | None:
    """The first line of the record that ends just before this line; None after anything else."""
    index -= 1
    while index >= 0 and lines[index] is not None and not _text(lines[index]).strip():
        index -= 1
    if index < 0:
        return None
    return index if records.whole[index] else record_at.get(index)


def _regroup(layout: _Layout, record: str) -> list[str] | None:
    """The record's fields, one per column: delimiters inside free text are found and kept.

    Every way to give the surplus pieces to columns of free text is tried; it must leave every
    typed column valid. Of those the least odd count: a text that begins or ends with the
    delimiter is odd, and so is one in a path or a list of features. None if no reading is left,
    or several that differ in what lands.
    """
    pieces = record.split(layout.delimiter)
    if layout.is_trailing:
        if pieces[-1].strip() != "":
            return None
        pieces.pop()
    surplus = len(pieces) - len(layout.columns)
    if surplus < 0 or surplus > MAX_EXTRA_FIELDS:
        return None
    best: dict[tuple[str, ...], tuple[int, list[str]]] = {}
    visited = 0
    dead: set[tuple[int, int]] = set()

    def place(column: int, at: int, fields: list[str], oddities: int) -> bool:
        nonlocal visited
        visited += 1
        if column == len(layout.columns):
            landed = tuple(
                f for c, f in zip(layout.columns, fields, strict=True) if c in USED_COLUMNS
            )
            if landed not in best or oddities < best[landed][0]:
                best[landed] = (oddities, fields.copy())
            return True
        if (column, at) in dead or visited > 20_000:
            return False
        name = layout.columns[column]
        left = surplus - (at - column)
        spans = range(1, left + 2) if name in FREE_TEXT else range(1, 2)
        fits = False
        for span in spans:
            value = layout.delimiter.join(pieces[at : at + span])
            if not _is_plausible(name, value):
                continue
            if column == len(layout.columns) - 1 and at + span != len(pieces):
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
    if not best or visited > 20_000:
        return None
    fewest = min(oddities for oddities, _ in best.values())
    readings = [fields for oddities, fields in best.values() if oddities == fewest]
    return readings[0] if len(readings) == 1 else None


def _is_plausible(column: str, value: str) -> bool:
    """Could sacct print this value in this column? Unknown columns may hold anything."""
    if column in ("Comment", "AdminComment", "SystemComment"):
        return value.startswith("{") == value.endswith("}")
    pattern = PLAUSIBLE.get(column)
    return pattern is None or pattern.fullmatch(value) is not None


# ---- Records → typed rows --------------------------------------------------------------------


@dataclass(frozen=True)
class _Block:
    """Some of a file's lines and the records in them."""

    layout: _Layout
    records: _Records
    lines: pl.Series
    first_row: int


def _land(block: _Block, settings: Settings) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Typed rows and rejected rows of a block."""
    layout, records, lines, first_row = block.layout, block.records, block.lines, block.first_row
    whole = records.whole.head(records.lines_used)
    text = pl.concat(
        [
            _columns_of_lines(layout, lines.filter(whole)).with_columns(
                whole.arg_true().cast(pl.Int64).alias("_line")
            ),
            _columns_of_fields(layout, records.mended),
        ],
        how="diagonal",
    )
    if records.mended:
        text = text.sort("_line")
    text = text.with_columns(
        pl.lit(layout.source_file).alias("source_file"),
        (pl.col("_line") + first_row).alias("source_row"),
    )
    typed, problems = _typed(text, settings)
    rows, rejected = split(SACCT, typed, text["_line"].cast(pl.String), problems)
    whole_records = [
        records.mended[i][1] if i in records.mended else lines[i]
        for i in rejected["raw"].cast(pl.Int64)
    ]
    rejected = rejected.with_columns(pl.Series("raw", whole_records, dtype=pl.String))
    if records.rejected:
        refused = pl.DataFrame(
            [
                (layout.source_file, first_row + index, None, reason, detail, raw)
                for index, reason, detail, raw in records.rejected
            ],
            schema=REJECTED_SCHEMA,
            orient="row",
        )
        rejected = pl.concat([rejected, refused]).sort("source_row", maintain_order=True)
    rows_in = text.height + len(records.rejected)
    if rows.height + rejected.height != rows_in:
        raise LandingError(f"{layout.source_file}: {rows_in} records, but not as many rows")
    return rows, rejected


def _columns_of_lines(layout: _Layout, lines: pl.Series) -> pl.DataFrame:
    """The used columns of whole lines as text; empty is null."""
    wanted = [c for c in layout.columns if c in USED_COLUMNS]
    if lines.is_empty():
        return pl.DataFrame(schema=dict.fromkeys(wanted, pl.String))
    body: str = lines.str.join("\n").item()
    separator = layout.delimiter
    if len(separator.encode()) > 1:
        separator = next(c for c in map(chr, (31, 30, 29, 28, 1, 2, 3, 4)) if c not in body)
        body = body.replace(layout.delimiter, separator)
    frame = pl.read_csv(
        body.encode(),
        separator=separator,
        has_header=False,
        quote_char=None,
        schema=dict.fromkeys(
            [*layout.columns, *(["_after_the_last"] if layout.is_trailing else [])], pl.String
        ),
        columns=[layout.columns.index(c) for c in wanted],
    )
    if frame.height != lines.len():
        raise LandingError(
            f"{layout.source_file}: {lines.len()} lines were read as {frame.height} records"
        )
    return frame


def _columns_of_fields(
    layout: _Layout, mended: Mapping[int, tuple[list[str], str]]
) -> pl.DataFrame:
    wanted = [(i, c) for i, c in enumerate(layout.columns) if c in USED_COLUMNS]
    return pl.DataFrame(
        {c: [fields[i] or None for fields, _ in mended.values()] for i, c in wanted}
        | {"_line": list(mended)},
        schema=dict.fromkeys((c for _, c in wanted), pl.String()) | {"_line": pl.Int64()},
    )


_Problem = tuple[str, str, str, pl.Series]

# Columns of whole numbers, the readable twin that stands in where sacct's raw column was not
# exported, and how the twin is written.
_NUMBERS = (
    ("NNodes", None, ""),
    ("NCPUS", "AllocCPUS", "a whole number"),
    ("Restarts", None, ""),
    ("ElapsedRaw", "Elapsed", "[days-]hours:minutes:seconds"),
    ("CPUTimeRAW", "CPUTime", "[days-]hours:minutes:seconds"),
    ("TimelimitRaw", "Timelimit", "[days-]hours:minutes:seconds"),
    ("ConsumedEnergyRaw", "ConsumedEnergy", "joules like 3348 or 3.35K"),
)
_TIMES = ("Submit", "Eligible", "Start", "End")


def _typed(text: pl.DataFrame, settings: Settings) -> tuple[pl.DataFrame, list[_Problem]]:
    """The dataset's columns from sacct's text, and what is wrong with which rows."""
    present = set(text.columns)
    text = text.with_columns(
        pl.lit(None, pl.String).alias(c) for c in sorted(USED_COLUMNS - present)
    )
    numbers, claims = _numbers(text, present)
    instants, time_claims = _instants(text, settings.timezone)
    resources, resource_claims = _resources(text)
    comments = _by_distinct(text["Comment"], _comment_json, {"x_comment_json": pl.String()})

    cluster = pl.coalesce("Cluster", pl.lit(settings.cluster, pl.String))
    job_id = pl.coalesce("JobIDRaw", "JobID")
    started = pl.col("Start").is_not_null()
    replaced = [*numbers.columns, *instants.columns, *resources.columns, *comments.columns]
    frame = pl.concat(
        [text.drop(replaced, strict=False), numbers, instants, resources, comments],
        how="horizontal",
    ).with_columns(
        cluster.alias("Cluster"),
        (cluster if settings.site is None else pl.lit(settings.site)).alias("x_site"),
        job_id.str.extract(_JOB_ID, 1).alias("x_job_id"),
        job_id.str.extract(_JOB_ID, 2).alias("x_step_id"),
        pl.col("State").str.extract(r"^(\S+)", 1).str.to_uppercase().alias("x_state"),
        # Old exports have no AllocTRES: what a started job was given are then its CPUs and the
        # memory it asked for.
        pl.coalesce("x_alloc_cpus", pl.when(started).then("NCPUS")).alias("x_alloc_cpus"),
        pl.coalesce(
            "x_alloc_memory_bytes",
            pl.when(started & pl.col("AllocTRES").is_null()).then(_requested_memory()),
        ).alias("x_alloc_memory_bytes"),
    )
    claims += [*time_claims, *resource_claims]
    claims += [
        (
            column,
            "wrong_type",
            f"{column} must be like 123, 123_4 or 123.0",
            ~pl.col(column).str.contains(_JOB_ID),
        )
        for column in ("JobIDRaw", "JobID")
    ]
    claims.append(
        (
            "State",
            "value_not_allowed",
            "State must be words in capitals like COMPLETED",
            ~pl.col("State").str.contains(_STATE),
        )
    )
    claims.append(
        (
            "Cluster",
            "missing_value",
            "the row names no cluster; set `cluster` of this source",
            pl.col("Cluster").is_null(),
        )
    )
    found = frame.select(
        claim.fill_null(False).alias(str(i)) for i, (*_, claim) in enumerate(claims)
    )
    problems = [
        (column, reason, detail, found[str(i)])
        for i, (column, reason, detail, _) in enumerate(claims)
    ]
    rows = frame.select(pl.col(name).cast(dtype) for name, dtype in SACCT.schema.items())
    return rows, problems


_Claim = tuple[str, str, str, pl.Expr]  # field, reason, detail, and where it holds


def _known(column: str, nothing: Sequence[str]) -> pl.Expr:
    """The column's text, null where sacct writes that it has none."""
    return pl.when(~pl.col(column).is_in(nothing)).then(column)


def _numbers(text: pl.DataFrame, present: set[str]) -> tuple[pl.DataFrame, list[_Claim]]:
    """Counts, seconds, bytes and joules."""
    parsed: dict[str, tuple[str, str, pl.Expr]] = {}
    for raw, twin, form in _NUMBERS:
        if raw in present or twin is None or twin not in present:
            parsed[raw] = (raw, "a whole number", _whole(raw))
            continue
        value = {
            "AllocCPUS": _whole(twin),
            "Elapsed": _seconds(twin),
            "CPUTime": _seconds(twin),
            "Timelimit": _seconds(twin) // 60,
            "ConsumedEnergy": _scaled(pl.col(twin), DECIMAL),
        }[twin]
        parsed[raw] = (twin, form, value.cast(pl.Int64))
    form = "[days-][hours:]minutes:seconds"
    parsed["x_total_cpu_s"] = ("TotalCPU", form, _seconds("TotalCPU"))
    parsed["x_max_rss_bytes"] = ("MaxRSS", "like 1234K", _scaled(pl.col("MaxRSS"), BINARY))
    # Lazy, so that each regular expression runs once for all of its groups.
    values = (
        text.lazy().select(value.alias(name) for name, (_, _, value) in parsed.items()).collect()
    )
    claims: list[_Claim] = []
    for name, (column, form, _) in parsed.items():
        if values[name].null_count() > text[column].null_count():
            unread = text[column].is_not_null() & values[name].is_null()
            unread &= ~text[column].is_in(NO_NUMBER)
            below = text[column].str.starts_with("-").fill_null(False)
            claims.append((column, "out_of_range", f"{column} is below zero", pl.lit(below)))
            claims.append((column, "wrong_type", f"{column} must be {form}", pl.lit(unread)))
    return values, claims


def _whole(column: str) -> pl.Expr:
    """Whole numbers, not below zero; Slurm's numbers for “no value” are null."""
    number = pl.col(column).cast(pl.Int64, strict=False)
    return pl.when((number >= 0) & ~number.is_in([4294967294, 4294967295])).then(number)


def _seconds(column: str) -> pl.Expr:
    """`[days-][hours:]minutes:seconds[.fraction]` in seconds."""
    parts = pl.col(column).str.extract_groups(_DURATION)
    days, hours, minutes, seconds = (
        parts.struct.field(str(i)).cast(pl.Float64) for i in range(1, 5)
    )
    return (
        days.fill_null(0.0) * 86400 + hours.fill_null(0.0) * 3600 + minutes * 60 + seconds
    ).round(6)


def _scaled(text: pl.Expr, factors: Mapping[str, int]) -> pl.Expr:
    """Numbers with a unit letter, as whole numbers."""
    parts = text.str.extract_groups(_SIZE)
    factor = parts.struct.field("2").replace_strict(
        list(factors), [float(f) for f in factors.values()], default=None, return_dtype=pl.Float64
    )
    number = parts.struct.field("1").cast(pl.Float64)
    return (number * factor).round(0).cast(pl.Int64, strict=False)


def _requested_memory() -> pl.Expr:
    """ReqMem in bytes: of the job, or before Slurm 21.08 per node (`4Gn`) or per CPU (`4Gc`)."""
    text = _known("ReqMem", NO_NUMBER)
    each = _scaled(text.str.strip_chars_end("nc"), BINARY)
    total = (
        pl.when(text.str.ends_with("n"))
        .then(each * pl.col("NNodes"))
        .when(text.str.ends_with("c"))
        .then(each * pl.col("NCPUS"))
        .otherwise(each)
    )
    return pl.when(total > 0).then(total)  # 0: all memory of the node


def _resources(text: pl.DataFrame) -> tuple[pl.DataFrame, list[_Claim]]:
    """What was allocated: nodes, CPUs, memory, GPUs; and the GPUs' utilisation."""
    given = text.select(
        nodes=_known("NodeList", NO_TEXT),
        # Billing and energy differ from job to job, and are not read here.
        tres=pl.col("AllocTRES").str.replace_all(r"(?:^|,)(?:billing|energy)=[^,]*", ""),
    )
    nodes = _by_distinct(given["nodes"], _node_list, {"x_nodes": pl.String()})
    allocated = _by_distinct(
        given.select(pl.when(pl.col("tres").str.strip_chars(", ") != "").then("tres")).to_series(),
        _allocated_resources,
        {
            "x_alloc_cpus": pl.Int64(),
            "x_alloc_memory_bytes": pl.Int64(),
            "x_alloc_gpus": pl.Int64(),
            "x_gpu_type": pl.String(),
        },
    )
    gpu_utilization = text.select(
        pl.coalesce(
            pl.when(pl.col(column).str.contains("gres/gpuutil=", literal=True)).then(
                pl.col(column).str.extract(rf"(?:^|,)gres/gpuutil={_NUMBER}")
            )
            for column in ("TRESUsageInMax", "TRESUsageInTot")
        )
        .cast(pl.Float64)
        .alias("x_gpu_utilization_pct")
    )
    unread_nodes = given["nodes"].is_not_null() & nodes["x_nodes"].is_null()
    claims: list[_Claim] = [
        ("NodeList", "wrong_type", "NodeList must be like node[01-04]", pl.lit(unread_nodes)),
        (
            "AllocTRES",
            "wrong_type",
            "AllocTRES must be like cpu=8,mem=64G,node=1",
            pl.col("x_alloc_gpus") == -1,
        ),
    ]
    columns = [
        given["nodes"].alias("NodeList"),
        nodes["x_nodes"].str.split(","),
        *allocated.get_columns(),
        *gpu_utilization.get_columns(),
    ]
    return pl.DataFrame(columns), claims


def _by_distinct(
    keys: pl.Series, function: Callable[[str], object], schema: Mapping[str, pl.DataType]
) -> pl.DataFrame:
    """A function of text, called once per distinct text; the null text gives nulls.

    With one column the function returns its value, with several a tuple of them.
    """
    distinct = keys.drop_nulls().unique(maintain_order=True)
    results = [function(key) for key in distinct.to_list()]
    values = pl.DataFrame(
        {next(iter(schema)): results} if len(schema) == 1 else results,
        schema=dict(schema),
        orient=None if len(schema) == 1 else "row",
    )
    table = values.with_columns(distinct.alias("_key"))
    return (
        keys.alias("_key")
        .to_frame()
        .join(table, on="_key", how="left", maintain_order="left")
        .drop("_key")
    )


@lru_cache(maxsize=100_000)
def _node_list(text: str) -> str | None:
    """`gpu[01-03],login` in full, comma-separated; None if it is no host list."""
    try:
        names: list[str] = hostlist.expand_hostlist(text)
    except hostlist.BadHostlist:
        return None
    full = ",".join(names)
    return full if re.fullmatch(r"[\w.\-]+(,[\w.\-]+)*", full) else None


_WRONG_TRES = (None, None, -1, None)


def _allocated_resources(text: str) -> tuple[int | None, int | None, int | None, str | None]:
    """CPUs, bytes of memory, GPUs and their type of an AllocTRES; -1 GPUs if it is none."""
    tres: dict[str, int] = {}
    for part in text.strip(",").split(","):
        name, equals, amount = part.partition("=")
        number = re.match(_SIZE, amount)
        if not equals or not name or number is None:
            return _WRONG_TRES
        # AllocTRES counts memory in MiB (it prints `mem=4096M`), unlike TRESUsage with its bytes.
        unit = number[2] or ("M" if name == "mem" else "")
        factors = BINARY if name in ("mem", "vmem", "fs/disk") else DECIMAL
        tres[name] = round(float(number[1]) * factors[unit])
    typed = {name[9:]: count for name, count in tres.items() if name.startswith("gres/gpu:")}
    return (
        tres.get("cpu"),
        tres.get("mem"),
        tres.get("gres/gpu", sum(typed.values())),
        ",".join(sorted(typed)) or None,
    )


def _comment_json(comment: str) -> str | None:
    """The comment's keys as a JSON object: JSON as it is, `team=nlp;model=x` in pairs."""
    if comment.startswith("{"):
        try:
            return (
                comment if isinstance(json.loads(comment, parse_constant=_no_json), dict) else None
            )
        except (ValueError, RecursionError):
            return None
    pairs = [part.strip() for part in re.split("[;,]", comment) if part.strip()]
    found = [re.fullmatch(r"([A-Za-z_][\w.\-]*)=(.*)", part, re.DOTALL) for part in pairs]
    if not found or not all(found):
        return None
    return json.dumps({m[1]: m[2] for m in found if m is not None}, ensure_ascii=False)


def _no_json(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _instants(text: pl.DataFrame, timezone: str) -> tuple[pl.DataFrame, list[_Claim]]:
    """The four times in UTC; what is no time, or outside 1970 … 2100, is null and claimed."""
    local = text.select(
        pl.col(column).str.to_datetime(_ISO, time_unit="us", strict=False) for column in _TIMES
    )
    times = local.select(
        pl.when(pl.col(column).dt.year().is_between(1970, 2100))
        .then(column)
        .dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
        .dt.convert_time_zone("UTC")
        for column in _TIMES
    )
    zone = ZoneInfo(timezone)
    claims: list[_Claim] = []
    for column in _TIMES:
        unsettled = times[column].is_null() & text[column].is_not_null()
        if unsettled.any():
            # Seconds since 1970, offsets, fractions, gaps of summer time, and what is no time.
            found = _by_distinct(
                text.select(pl.when(pl.lit(unsettled)).then(_known(column, NO_TIME))).to_series(),
                lambda value: _instant(value, zone),
                {"at": INSTANT, "reason": pl.String()},
            )
            times = times.with_columns(pl.coalesce(column, pl.lit(found["at"])).alias(column))
            claims += [
                (column, reason, f"{column} {detail}", pl.lit(found["reason"] == reason))
                for reason, detail in (
                    ("out_of_range", "is not between 1970 and 2100"),
                    ("wrong_type", "must be a time like 2026-11-23T03:55:00"),
                )
            ]
    if timezone != "UTC":
        # An end in the hour that happens twice, before its start: it was the second time.
        later = pl.lit(local["End"]).dt.replace_time_zone(
            timezone, ambiguous="latest", non_existent="null"
        )
        ends_first = pl.col("End") < pl.col("Start")
        if times.select(ends_first.any()).item():
            times = times.with_columns(
                pl.when(ends_first)
                .then(pl.coalesce(later.dt.convert_time_zone("UTC"), "End"))
                .otherwise("End")
                .alias("End")
            )
    claims.append(
        (
            "End",
            "out_of_range",
            "the job ends before it starts",
            pl.col("End") < pl.col("Start"),
        )
    )
    return times, claims


def _instant(text: str, zone: ZoneInfo) -> tuple[datetime | None, str | None]:
    """One time or why not: seconds since 1970, or ISO 8601 with or without an offset."""
    try:
        if re.fullmatch(r"-?\d{1,15}(\.\d+)?", text):
            moment = datetime.fromtimestamp(float(text), UTC)
        else:
            moment = datetime.fromisoformat(text)
        if not 1970 <= moment.year <= 2100 or text.startswith("-"):
            return None, "out_of_range"
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC), None
    except OverflowError:
        return None, "out_of_range"
    except ValueError:
        beyond = re.match(r"-?\d+$|0000-|[1-9]\d{4,}-", text)
        return None, "out_of_range" if beyond else "wrong_type"


# ---- What sacct may print in its columns (sacct(1), Slurm 18 to 25) ----------------------------

_KINDS: Mapping[str, tuple[str, str]] = {
    "time": (
        r"|Unknown|None|N/A|\d{1,11}|"
        r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?",
        "Eligible End Start Submit",
    ),
    "number": (
        r"|Unknown|INVALID|N/A|UNLIMITED|Partition_Limit|-?\d+",
        "AllocCPUS AllocNodes AssocID AveDiskReadRaw ConsumedEnergyRaw CPUTimeRAW DBIndex "
        "ElapsedRaw GID MaxDiskReadTask MaxDiskWriteTask MaxPagesTask MaxRSSTask MaxVMSizeTask "
        "MinCPUTask NCPUS NNodes NTasks Priority QOSRAW ReqCPUS ReqNodes ReservationId "
        "ResvCPURAW PlannedCPURAW Restarts TimelimitRaw UID WCKeyID",
    ),
    "duration": (
        r"|Unknown|INVALID|N/A|UNLIMITED|Partition_Limit|(\d+-)?(\d+:)?\d+:\d+(\.\d+)?",
        "AveCPU CPUTime Elapsed MinCPU Reserved ResvCPU Planned PlannedCPU Suspended SystemCPU "
        "Timelimit TotalCPU UserCPU",
    ),
    "size": (
        r"|Unknown|\?|-?[\d.]+[KMGTPE]?[nc]?",
        "AveCPUFreq AveDiskRead AveDiskWrite AvePages AveRSS AveVMSize ConsumedEnergy MaxDiskRead "
        "MaxDiskWrite MaxPages MaxRSS MaxVMSize ReqMem",
    ),
    "tres": (
        r"|[a-z][\w/:.\-]*=[^,=\s]*(,[a-z][\w/:.\-]*=[^,=\s]*)*",
        "AllocTRES ReqTRES TRESUsageInAve TRESUsageInMax TRESUsageInMaxNode TRESUsageInMaxTask "
        "TRESUsageInMin TRESUsageInMinNode TRESUsageInMinTask TRESUsageInTot TRESUsageOutAve "
        "TRESUsageOutMax TRESUsageOutMaxNode TRESUsageOutMaxTask TRESUsageOutMin "
        "TRESUsageOutMinNode TRESUsageOutMinTask TRESUsageOutTot",
    ),
    "job": (r"|\d+(_(\d+|\[[^\]]*\]))?(\+\d+)?(\.\w+(\+\w+)?)?", "JobID JobIDRaw"),
    "state": (r"[A-Z][A-Z_]+( by \S+)?", "State"),
    "exit": (r"|\d+:\d+", "ExitCode DerivedExitCode"),
    "nodes": (
        r"|None assigned|[\w.\-\[\],]+",
        "NodeList MaxDiskReadNode MaxDiskWriteNode MaxPagesNode MaxRSSNode MaxVMSizeNode "
        "MinCPUNode FailedNode",
    ),
    "word": (
        r"[\w.@+,:\-\\$/]*",
        "Account AllocGRES Cluster Flags Group Layout McsLabel Partition QOS QOSREQ Reservation "
        "ReqCPUFreq ReqCPUFreqGov ReqCPUFreqMax ReqCPUFreqMin ReqGRES User BlockID Licenses SLUID",
    ),
    "reason": (r"[\w ,:()\-.\[\]/]*", "Reason"),
    "path": (r"|/.*", "WorkDir"),
    "features": (r"[^\s\"'{}]*", "Constraints"),
    "text": (r".*", "JobName Comment AdminComment SystemComment SubmitLine Container Extra WCKey "
             "StdErr StdIn StdOut"),
}  # fmt: skip

FREE_TEXT = frozenset(
    name for kind in ("text", "path", "features") for name in _KINDS[kind][1].split()
)
PROSE = frozenset(["JobName", "Comment", "AdminComment", "SystemComment", "SubmitLine"])
SPELLING = {name.lower(): name for _, names in _KINDS.values() for name in names.split()}
PLAUSIBLE = {
    name: re.compile(pattern, re.DOTALL)
    for pattern, names in _KINDS.values()
    for name in names.split()
}
_TWINS = ("AllocCPUS", "Elapsed", "CPUTime", "Timelimit", "ConsumedEnergy", "ReqMem")
USED_COLUMNS = frozenset(
    {name for name in SACCT.columns if not name.startswith("x_")} | set(_TWINS)
)
