"""Parquet files in bounded memory: batches of rows as typed as the file has them."""

import json
from collections.abc import Iterator, Sequence

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.contracts import Problem
from ingest.errors import FileRejected
from ingest.files import InputFile
from ingest.table_csv import LONGEST_FIELD, Block, Header, Match, read_csv

BATCH_ROWS = 1 << 16
MAGIC = b"PAR1"


def read_table(file: InputFile, match: Match) -> tuple[Header, Iterator[Block]]:
    """The header and the blocks of a file, whether Parquet or CSV. Raises FileRejected."""
    return read_parquet(file, match) if is_parquet(file) else read_csv(file, match)


def is_parquet(file: InputFile) -> bool:
    """Parquet by its magic number, or by its name if the file is too damaged to tell."""
    with file.path.open("rb") as raw:
        return raw.read(4) == MAGIC or file.name.lower().endswith(".parquet")


def read_parquet(file: InputFile, match: Match) -> tuple[Header, Iterator[Block]]:
    """The header and the blocks of a Parquet file.

    Raises FileRejected before the first block when the file is none, after it when a page is
    damaged.
    """
    if file.path.stat().st_size == 0:
        raise FileRejected(file.name, "empty_file", "the file is empty; have it delivered again")
    try:
        parquet = pq.ParquetFile(file.path, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise FileRejected(
            file.name,
            "not_this_format",
            f"the Parquet file is damaged or incomplete ({error}); have it delivered again",
        ) from error
    return match(file.name, parquet.schema_arrow.names), _blocks(file, parquet)


def _blocks(file: InputFile, parquet: pq.ParquetFile) -> Iterator[Block]:
    first = 1
    with parquet:
        batches = parquet.iter_batches(BATCH_ROWS)
        while True:
            try:
                batch = next(batches, None)
            except (pa.ArrowException, OSError) as error:
                raise FileRejected(
                    file.name,
                    "not_this_format",
                    f"the Parquet file is damaged after row {first - 1} ({error}); "
                    "have it delivered again",
                ) from error
            if batch is None:
                return
            yield block_of(batch, first)
            first += batch.num_rows


def block_of(batch: pa.RecordBatch, first: int) -> Block:
    """A batch of rows that are numbered from `first`."""
    rows = pl.int_range(first, first + batch.num_rows, eager=True, dtype=pl.Int64)
    columns: list[pl.Series] = []
    problems: list[Problem] = []
    for i, array in enumerate(batch.columns):
        name = batch.schema.names[i]
        column, unreadable = _to_polars(array)
        columns.append(column.rename(str(i)))
        for reason, mask in unreadable.items():
            detail = f"{name} holds a value that cannot be read; have the export delivered again"
            problems.append((name, reason, detail, mask))
        if column.dtype == pl.String:
            # In bytes first: that is no less than the characters, and costs nothing.
            longest = column.str.len_bytes().max()
            if isinstance(longest, int) and longest > LONGEST_FIELD:
                mask = (column.str.len_chars() > LONGEST_FIELD).fill_null(False)
                detail = (
                    f"{name} is longer than {LONGEST_FIELD} characters; shorten it at its origin"
                )
                problems.append((name, "field_too_long", detail, mask))

    def raw(wanted: Sequence[int]) -> dict[int, str]:
        return {number: _row_text(batch.slice(number - first, 1)) for number in wanted}

    return Block(columns, rows.rename("source_row"), raw, problems=problems)


def _row_text(row: pa.RecordBatch) -> str:
    """One row as a JSON object; a value that is no text or no date is shown by its bytes."""
    values: dict[str, object] = {}
    for name, array in zip(row.schema.names, row.columns, strict=True):
        try:
            values[name] = _jsonable(array[0].as_py())
        except UnicodeDecodeError as error:
            values[name] = error.object.decode("utf-8", "backslashreplace")
        except (ValueError, OverflowError):
            values[name] = str(array.cast(pa.int64())[0])
    return json.dumps(values, ensure_ascii=False, default=str)


def _to_polars(array: pa.Array) -> tuple[pl.Series, dict[str, pl.Series]]:
    """An Arrow column as a series of a type that polars can compute with, or as text.

    With the rows that hold something unreadable, by reason; those values are null.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        array, kind = array.dictionary_decode(), kind.value_type
    if pa.types.is_timestamp(kind):
        # A zone of its own is not kept: the instant is.
        unit = pa.timestamp("us", "UTC" if kind.tz else None)
        try:
            options = pc.CastOptions(unit, allow_time_truncate=True)
            return pl.Series(pl.from_arrow(array.cast(options=options))), {}
        except pa.ArrowInvalid:
            return _by_row(array)
    if pa.types.is_decimal256(kind):
        return pl.Series(pl.from_arrow(array.cast(pa.string()))), {}
    if pa.types.is_float16(kind):
        array = array.cast(pa.float32())
    elif _is_text(kind) or (pa.types.is_nested(kind) and _is_plain(kind)):
        try:
            array.validate(full=True)  # polars trusts Arrow that text is UTF-8
        except pa.ArrowInvalid:
            return _by_row(array)
    elif not (_is_number(kind) or pa.types.is_date(kind) or pa.types.is_null(kind)):
        return _by_row(array)
    return pl.Series(pl.from_arrow(array)), {}


def _by_row(array: pa.Array) -> tuple[pl.Series, dict[str, pl.Series]]:
    """The slow way, for what polars does not know or what is damaged: text, value by value."""
    texts: list[str | None] = []
    reasons: list[str | None] = []
    for scalar in array:
        text, reason = None, None
        try:
            value = _jsonable(scalar.as_py())
            if value is not None:
                nested = isinstance(value, dict | list)
                text = json.dumps(value, ensure_ascii=False, default=str) if nested else str(value)
        except UnicodeDecodeError:
            reason = "not_utf8"
        except (ValueError, OverflowError):
            reason = "out_of_range"
        texts.append(text)
        reasons.append(reason)
    found = pl.Series(reasons, dtype=pl.String)
    masks = {r: (found == r).fill_null(False) for r in found.unique().drop_nulls().sort()}
    return pl.Series(texts, dtype=pl.String), masks


def _jsonable(value: object) -> object:
    """Arrow's Python value with maps as objects and bytes as text; raises UnicodeDecodeError."""
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, dict):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(entry, tuple) for entry in value):
            return {str(_jsonable(k)): _jsonable(v) for k, v in value}
        return [_jsonable(entry) for entry in value]
    return value


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
    )


def _is_plain(kind: pa.DataType) -> bool:
    """Whether polars writes this type as JSON by itself."""
    if pa.types.is_map(kind):
        return _is_text(kind.key_type) and _is_plain(kind.item_type)
    if pa.types.is_nested(kind):
        return all(_is_plain(kind.field(i).type) for i in range(kind.num_fields))
    return _is_text(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)
