"""Files of list prices that the user brings: CSV or Parquet, one price per row."""

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

import polars as pl

from ingest.contracts import Batch, Problem, rejected_file, split
from ingest.errors import FileRejected
from ingest.files import InputFile, discover
from ingest.focus_columns import INSTANT, MONEY
from ingest.focus_values import as_instant, as_money, as_text
from ingest.intensity_columns import plain_name
from ingest.price_offers import PRICES
from ingest.table_csv import Block, Header
from ingest.table_parquet import read_table

SUFFIXES = (".csv", ".tsv", ".gz", ".parquet")
REQUIRED = ("provider", "region", "instance_type", "price", "currency")
# What a row says that does not say otherwise.
USUAL = {"component": "machine", "term": "on_demand", "unit": "hour", "price_source": "file"}
LOWER = ("provider", "region", "component", "term")
REMEDY = "correct it where the file is made"


def file_batches(path: str, instance: str) -> Iterator[Batch]:
    """One delivery per file; a file that cannot be read is one rejected row."""
    files = discover(path)
    if len(files) > 1:
        files = [file for file in files if file.name.lower().endswith(SUFFIXES)]
    for file in files:
        scope = f"{instance}/{file.name}"
        try:
            header, blocks = read_table(file, match_columns)
            for block in blocks:
                yield Batch(PRICES, scope, *_rows_of(file, header, block))
        except FileRejected as error:
            nothing = pl.DataFrame(schema=PRICES.schema)
            refused = rejected_file(error.source_file, error.reason, error.detail)
            yield Batch(PRICES, scope, nothing, refused, incomplete=True)


def match_columns(source_file: str, names: Sequence[str]) -> Header:
    """Our columns by their names, case, spaces and punctuation aside. Raises FileRejected."""
    plain = [plain_name(name) for name in names]
    known = {}
    for column in PRICES.columns:
        name = plain_name(column)
        if plain.count(name) > 1:
            raise FileRejected(
                source_file,
                "duplicate_header",
                f"the header names the column {column} twice, so it is not known which one "
                "counts; remove one",
            )
        if name in plain:
            known[column] = plain.index(name)
    missing = [column for column in REQUIRED if column not in known]
    if missing:
        raise FileRejected(
            source_file,
            "missing_column",
            f"the file has no column {', '.join(missing)}; a list of prices needs "
            f"{', '.join(REQUIRED)}",
        )
    extra = {name: i for i, name in enumerate(names) if i not in known.values()}
    return Header(tuple(names), known, extra)


def _rows_of(file: InputFile, header: Header, block: Block) -> tuple[pl.DataFrame, pl.DataFrame]:
    height = len(block.rows)
    problems: list[Problem] = list(block.problems)
    columns = [pl.repeat(file.name, height, dtype=pl.String, eager=True), block.rows]
    for name, dtype in PRICES.columns.items():
        if name not in header.known:
            columns.append(pl.repeat(USUAL.get(name), height, dtype=dtype, eager=True))
            continue
        told = block.columns[header.known[name]]
        if dtype == MONEY:
            column, found = as_money(name, told)
        elif dtype == INSTANT:
            column, found = as_instant(name, told, ZoneInfo("UTC"))
        else:
            column, found = as_text(told).str.strip_chars(), []
            if name in USUAL:
                column = column.fill_null(USUAL[name])
            if name in LOWER:
                column = column.str.to_lowercase()
        columns.append(column)
        problems += found
    typed = pl.DataFrame(dict(zip(PRICES.schema, columns, strict=True)))
    typed = typed.with_columns(pl.col("currency").str.to_uppercase())
    nameless = typed["instance_type"].is_null() & (typed["component"] == "machine")
    detail = f"instance_type has no value, so it is not known what the price is of; {REMEDY}"
    problems.append(("instance_type", "missing_value", detail, nameless.fill_null(False)))
    no_text = pl.repeat(None, height, dtype=pl.String, eager=True)
    rows, rejected = split(PRICES, typed, no_text, problems)
    if not rejected.is_empty():
        texts = block.raw(rejected["source_row"].to_list())
        raw = pl.Series("raw", [texts[row] for row in rejected["source_row"]], dtype=pl.String)
        rejected = rejected.with_columns(raw)
    if not block.rejected.is_empty():
        rejected = pl.concat([rejected, block.rejected]).sort("source_row")
    return rows, rejected
