"""FOCUS 1.0, 1.1 and 1.2 billing exports: CSV, CSV.gz or Parquet, one file or thousands.

One delivery per export (= folder) and billing period: a period that is delivered again replaces
itself, and no other. Costs are kept to the last digit; unknown columns are kept in `x_extra`.
A row that cannot be dated or summed is rejected whole; a file that cannot be read is rejected
whole, and the periods of its folder are marked incomplete, so that no complete one is replaced.
"""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pandera.polars as pa
import polars as pl
from pydantic import Field, field_validator

from ingest.contracts import Batch, Dataset, Problem, empty_rejected, rejected_file, split
from ingest.errors import FileRejected
from ingest.files import InputFile, discover
from ingest.focus_columns import (
    COLUMNS,
    INSTANT,
    JSON_COLUMNS,
    MONEY,
    NEVER_NULL,
    match_header,
)
from ingest.focus_values import (
    as_float,
    as_instant,
    as_json,
    as_money,
    as_text,
    extra_json,
    month_of,
)
from ingest.sources import FileSourceSettings, SourceContext, SourceSettings
from ingest.table_csv import Block, Header
from ingest.table_parquet import read_table

NAME = "focus"
CHARGES = Dataset(
    "focus__charges",
    {**COLUMNS, "x_extra": pl.String()},
    {name: pa.Column(COLUMNS[name], nullable=False) for name in NEVER_NULL},
)
DATASETS = (CHARGES,)

# Other files of an export's folder (manifest.json, _SUCCESS, README.md) are not read.
SUFFIXES = (".csv", ".tsv", ".gz", ".parquet")
NO_PERIOD = "no-period"  # rejected rows of a file in which no row has a billing period


class Settings(FileSourceSettings):
    """`[sources.focus]`."""

    timezone: str = Field("UTC", description="The zone of times that are written without one.")

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is no time zone; write it as Europe/Berlin") from error
        return value


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Batch]:
    """Charges by file, folder and billing period, in the order of the files and their rows."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them
    zone = ZoneInfo(settings.timezone)
    files = discover(settings.path)
    if len(files) > 1:
        files = [file for file in files if file.name.lower().endswith(SUFFIXES)]
    scopes: dict[str, set[str]] = {}
    damaged: set[str] = set()
    for file in files:
        try:
            for month, rows, rejected in _file_batches(file, zone):
                scope = f"{context.instance}/{file.folder or '.'}/{month}"
                scopes.setdefault(file.folder, set()).add(scope)
                yield Batch(CHARGES, scope, rows, rejected)
        except FileRejected as error:
            damaged.add(file.folder)
            yield Batch(
                CHARGES,
                f"{context.instance}/file:{file.name}",
                pl.DataFrame(schema=CHARGES.schema),
                rejected_file(error.source_file, error.reason, error.detail),
            )
    for folder in sorted(damaged):
        for scope in sorted(scopes.get(folder, ())):
            nothing = pl.DataFrame(schema=CHARGES.schema)
            yield Batch(CHARGES, scope, nothing, empty_rejected(), incomplete=True)


def _file_batches(
    file: InputFile, zone: ZoneInfo
) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    """(billing period, rows, rejected) of one file, in the order of its rows."""
    header, blocks = read_table(file, match_header)
    month = NO_PERIOD
    for block in blocks:
        typed, problems, months = _typed(file, header, block, zone)
        # A row without a period of its own is rejected with the row before it, else after it.
        months = months.fill_null(strategy="forward").fill_null(strategy="backward")
        months = months.fill_null(month)
        no_text = pl.repeat(None, typed.height, dtype=pl.String, eager=True)
        rows, rejected = split(CHARGES, typed, no_text, problems)
        if not rejected.is_empty():
            rejected = _with_text(rejected, block)
        if not block.rejected.is_empty():
            rejected = pl.concat([rejected, block.rejected]).sort("source_row")
        yield from _by_month(rows, rejected, pl.DataFrame([typed["source_row"], months]), month)
        month = months[-1] if len(months) else month


def _by_month(
    rows: pl.DataFrame, rejected: pl.DataFrame, months: pl.DataFrame, before: str
) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    found = months["month"].unique(maintain_order=True).to_list() or [before]
    if len(found) == 1:
        if rows.height or rejected.height:
            yield found[0], rows, rejected
        return
    # Records without columns have no month: they go with the first of the block.
    of_rows = rows.select("source_row").join(months, on="source_row", how="left")
    of_rejected = rejected.select("source_row").join(
        months, on="source_row", how="left", maintain_order="left"
    )
    of_rejected = of_rejected.with_columns(pl.col("month").fill_null(found[0]))
    for month in found:
        yield (
            month,
            rows.filter(of_rows["month"] == month),
            rejected.filter(of_rejected["month"] == month),
        )


def _with_text(rejected: pl.DataFrame, block: Block) -> pl.DataFrame:
    texts = block.raw(rejected["source_row"].to_list())
    raw = pl.Series("raw", [texts[row] for row in rejected["source_row"]], dtype=pl.String)
    return rejected.with_columns(raw)


def _typed(
    file: InputFile, header: Header, block: Block, zone: ZoneInfo
) -> tuple[pl.DataFrame, list[Problem], pl.Series]:
    """The block in the dataset's columns, what was wrong with which rows, and their period."""
    height = len(block.rows)
    problems = list(block.problems)
    columns = [pl.repeat(file.name, height, dtype=pl.String, eager=True), block.rows]
    for name, dtype in COLUMNS.items():
        found: list[Problem] = []
        if name not in header.known:
            column = pl.repeat(None, height, dtype=dtype, eager=True)
        else:
            source = block.columns[header.known[name]]
            if dtype == MONEY:
                column, found = as_money(name, source)
            elif dtype == INSTANT:
                column, found = as_instant(name, source, zone)
            elif dtype == pl.Float64:
                column, found = as_float(name, source)
            elif name in JSON_COLUMNS:
                column, found = as_json(name, source)
            else:
                column = as_text(source)
        columns.append(column)
        problems += found
    extra = [block.columns[i].alias(name) for name, i in header.extra.items()]
    columns.append(extra_json(extra, height))
    typed = pl.DataFrame(dict(zip(CHARGES.schema, columns, strict=True)))
    problems += _row_problems(typed)
    start = "BillingPeriodStart"
    months = month_of(block.columns[header.known[start]], typed[start])
    return typed, problems, months.alias("month")


def _row_problems(typed: pl.DataFrame) -> list[Problem]:
    """What is wrong with rows whose values could all be read."""
    remedy = "correct it where the export is made"
    backwards = (typed["ChargePeriodEnd"] < typed["ChargePeriodStart"]).fill_null(False)
    detail = f"ChargePeriodEnd is before ChargePeriodStart; {remedy}"
    problems: list[Problem] = [("ChargePeriodEnd", "out_of_range", detail, backwards)]
    for name in NEVER_NULL:
        if typed[name].null_count():
            detail = f"{name} has no value, so the charge cannot be dated or summed; {remedy}"
            problems.append((name, "missing_value", detail, typed[name].is_null()))
    return problems
