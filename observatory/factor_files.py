"""Reads deliveries of factor tables: CSV files named like the seeds, in the seeds' format.

A file's columns are the seed's, in any order; a column that may be empty may be left out.
`recorded_on` may stand there and is not read: a delivered row is recorded on the day it is
received. A row that breaks what the seed's tests ask is rejected with its file, line, column and
the remedy; so are rows of one file that say one fact twice or overlap in time within a version.
"""

import csv
import difflib
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from ingest.contracts import ORIGIN, REJECTED_SCHEMA, Batch, Dataset, rejected_file, split
from ingest.errors import ConfigError, FileRejected, ObservatoryError
from ingest.files import InputFile, blocks, discover
from ingest.sources import FileSourceSettings, SourceContext, SourceSettings
from observatory.factor_tables import RECORDED_ON, FactorTable, datasets, factor_tables

AGAIN = "correct it and deliver the file again"
HOW_WRITTEN = {
    pl.Int32: "a whole number such as 2025",
    pl.Int64: "a whole number such as 2025",
    pl.Float64: "a plain number such as 41.44",
    pl.Boolean: "true or false",
    pl.Date: "a day such as 2026-11-23",
    pl.Datetime: "an instant in UTC such as 2026-11-23T00:00:00",
}
Problem = tuple[str, str, str, pl.Series]


class FactorFiles:
    """A source of the conductor's own: `run_source` lands what it reads."""

    NAME: str = "factors"
    Settings: type[SourceSettings] = FileSourceSettings

    def __init__(self) -> None:
        self.DATASETS = tuple(datasets())

    def read(self, settings: SourceSettings, context: SourceContext) -> Iterator[Batch]:
        """One batch per factor table that has files, by table."""
        assert isinstance(settings, FileSourceSettings)  # noqa: S101
        for name, files in find(settings.path).items():
            yield _batch(factor_tables()[name], files)


def find(path: str) -> dict[str, list[InputFile]]:
    """The CSV files under `path` by factor table, sorted. Raises ConfigError, for nothing to read
    and for a CSV file that is named like no factor table.
    """
    tables = factor_tables()
    try:
        files = discover(path)
    except ObservatoryError as error:
        raise ConfigError(f"factors: {error}") from error
    found: dict[str, list[InputFile]] = {}
    for file in files:
        name, _, kind = Path(file.name).name.partition(".")
        if kind.lower() not in ("csv", "csv.gz"):
            continue
        if name not in tables:
            near = difflib.get_close_matches(name, tables, n=1)
            hint = f"did you mean {near[0]}.csv? " if near else ""
            raise ConfigError(
                f"{file.path}: there is no factor table {name}; {hint}A file is named like its "
                f"table: {', '.join(tables)}"
            )
        found.setdefault(name, []).append(file)
    if not found:
        raise ConfigError(
            f"{path}: no factor file there; give CSV files named like their table: "
            f"{', '.join(f'{table}.csv' for table in tables)}"
        )
    return dict(sorted(found.items()))


def _batch(table: FactorTable, files: Sequence[InputFile]) -> Batch:
    """What the files of one table hold, checked row by row and against each other."""
    dataset = table.dataset
    frames = [pl.DataFrame(schema=dataset.schema)]
    refused = [pl.DataFrame(schema=REJECTED_SCHEMA)]
    raw_of: dict[tuple[str, int], str] = {}
    for file in files:
        try:
            texts, raw, rejected = _records(table, file)
        except FileRejected as error:
            refused.append(rejected_file(error.source_file, error.reason, error.detail))
            continue
        raw_of |= {
            (file.name, row): line for row, line in zip(texts["source_row"], raw, strict=True)
        }
        typed, problems = _typed(dataset, texts)
        rows, wrong = split(dataset, typed, raw, problems)
        frames.append(rows)
        refused += [rejected, wrong]
    rows = pl.concat(frames)
    raw = pl.Series(
        "raw",
        [raw_of[key] for key in rows.select("source_file", "source_row").rows()],
        dtype=pl.String,
    )
    rows, wrong = split(dataset, rows, raw, list(_contradictions(table, rows)))
    rejected = pl.concat([*refused, wrong]).sort(
        "source_file", "source_row", maintain_order=True, nulls_last=False
    )
    return Batch(dataset, table.name, rows, rejected)


def _records(table: FactorTable, file: InputFile) -> tuple[pl.DataFrame, pl.Series, pl.DataFrame]:
    """The file's records as texts, each as it came, and those of a wrong length.

    Raises FileRejected when it is no such CSV file.
    """
    try:
        text = b"".join(blocks(file)).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRejected(
            file.name, "not_utf8", f"not UTF-8 ({error}); save the file as UTF-8"
        ) from error
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, strict=True)
    wanted = table.dataset.columns
    columns: list[str] = []
    records: list[dict[str, object]] = []
    raw: list[str] = []
    rejected: list[dict[str, object]] = []
    line = 1
    try:
        for record in reader:
            as_it_came = "".join(lines[line - 1 : reader.line_num]).rstrip("\r\n")
            if not columns:
                columns = [name.strip() for name in record]
                _check_header(table, file, columns)
            elif record and len(record) != len(columns):
                rejected.append(
                    {
                        "source_file": file.name,
                        "source_row": line,
                        "field": None,
                        "reason": "wrong_column_count",
                        "detail": f"{len(record)} values for {len(columns)} columns; {AGAIN}",
                        "raw": as_it_came,
                    }
                )
            elif record:
                texts = (value.strip() or None for value in record)
                values = dict(zip(columns, texts, strict=True))
                raw.append(as_it_came)
                records.append(
                    {
                        "source_file": file.name,
                        "source_row": line,
                        **{name: values.get(name) for name in wanted},
                    }
                )
            line = reader.line_num + 1
    except csv.Error as error:
        raise FileRejected(
            file.name, "malformed_csv", f"line {reader.line_num}: {error}; write the CSV file anew"
        ) from error
    if not columns:
        raise FileRejected(file.name, "empty_file", "the file is empty; it needs a header")
    return (
        pl.DataFrame(records, schema={**ORIGIN, **dict.fromkeys(wanted, pl.String())}),
        pl.Series("raw", raw, dtype=pl.String),
        pl.DataFrame(rejected, schema=REJECTED_SCHEMA),
    )


def _check_header(table: FactorTable, file: InputFile, columns: Sequence[str]) -> None:
    """Raises FileRejected for a header that is not the table's."""
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise FileRejected(
            file.name, "duplicate_header", f"column {twice[0]} is there twice; keep one"
        )
    unknown = [name for name in columns if name not in table.columns]
    if unknown:
        near = difflib.get_close_matches(unknown[0], table.columns, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(table.columns)}"
        raise FileRejected(
            file.name,
            "unknown_column",
            f"{table.name} has no column {unknown[0] or '(without a name)'}; {hint}",
        )
    missing = [
        name
        for name, check in table.checks.items()
        if not check.nullable and name not in columns and name != RECORDED_ON
    ]
    if missing:
        raise FileRejected(
            file.name, "missing_column", f"{table.name} needs {', '.join(missing)}; add it"
        )


def _typed(dataset: Dataset, texts: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
    """The texts in the dataset's types, and what could not be read."""
    columns: list[pl.Series] = [texts["source_file"], texts["source_row"]]
    problems: list[Problem] = []
    for name, dtype in dataset.columns.items():
        text = texts[name]
        values = _read(text, dtype)
        unread = text.is_not_null() & values.is_null()
        columns.append(values)
        if unread.any():
            detail = f"{name} must be {HOW_WRITTEN[type(dtype)]}; {AGAIN}"
            problems.append((name, "wrong_type", detail, unread))
    return pl.DataFrame(columns), problems


def _read(text: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Values of a column; null where the text is none of that type."""
    if isinstance(dtype, pl.String):
        return text
    if isinstance(dtype, pl.Boolean):
        return text.str.to_lowercase().replace_strict(
            {"true": True, "false": False}, default=None, return_dtype=pl.Boolean
        )
    if isinstance(dtype, pl.Date):
        whole = text.set(~text.str.contains(r"^\d{4}-\d{2}-\d{2}$"), None)
        return whole.str.to_date("%Y-%m-%d", strict=False)
    if isinstance(dtype, pl.Datetime):
        return text.str.to_datetime(time_unit="us", strict=False)
    values = text.cast(dtype, strict=False)
    return values.set(~values.is_finite(), None) if dtype.is_float() else values


def _contradictions(table: FactorTable, rows: pl.DataFrame) -> Iterator[Problem]:
    """Rows that cannot all be true: of two that clash both go, because nobody knows which holds.

    Of rows that say the same the first stays.
    """
    copies = rows.select(~pl.struct(*table.dataset.columns).is_first_distinct()).to_series()
    yield (
        table.key[0],
        "duplicate_row",
        "an earlier row of this delivery says the same; leave one out",
        copies,
    )
    distinct = rows.with_row_index().filter(~copies)

    def of_all(clashes: pl.Series) -> pl.Series:
        return pl.int_range(rows.height, eager=True).is_in(distinct["index"].filter(clashes))

    yield (
        table.key[0],
        "duplicate_fact",
        f"another row of this delivery has the same {', '.join(table.key)}; keep one of them",
        of_all(distinct.select(table.key).is_duplicated()),
    )
    if {"valid_from", "valid_to"} <= set(table.columns):
        yield (
            "valid_to",
            "backwards_interval",
            "valid_to is the first day on which the row is no longer true: later than valid_from",
            rows["valid_from"] >= rows["valid_to"],
        )
    if table.exclusive:
        yield (
            "valid_from",
            "overlapping_validity",
            f"another row of the same {', '.join(table.exclusive)} is true of some of the same "
            "days; let one end where the next begins",
            of_all(_overlaps(distinct, table.exclusive)),
        )


def _overlaps(rows: pl.DataFrame, group: Sequence[str]) -> pl.Series:
    """Which rows share a day [valid_from, valid_to) with another of their group; in order."""
    return (
        rows.select("index", *group, "valid_from", "valid_to")
        .sort("valid_from", "valid_to", "index")
        .with_columns(
            before=pl.col("valid_to").cum_max().shift(1).over(group),
            after=pl.col("valid_from").shift(-1).over(group),
        )
        .sort("index")
        .select(
            (
                (pl.col("valid_from") < pl.col("before")) | (pl.col("valid_to") > pl.col("after"))
            ).fill_null(value=False)
        )
        .to_series()
    )
