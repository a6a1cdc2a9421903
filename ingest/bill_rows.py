"""What rows of all bills have in common: how their columns are typed, and which cannot count."""

from collections.abc import Collection, Iterator
from zoneinfo import ZoneInfo

import polars as pl

from ingest.contracts import Problem
from ingest.focus_columns import INSTANT, MONEY
from ingest.focus_values import as_float, as_instant, as_json, as_money, as_text

REMEDY = "correct it where the export is made"


def typed_column(
    name: str, dtype: pl.DataType, source: pl.Series, zone: ZoneInfo, json_names: Collection[str]
) -> tuple[pl.Series, list[Problem]]:
    """The column as `dtype`, and which values cannot be read as that.

    `zone` is that of times that are written without one.
    """
    if dtype == MONEY:
        return as_money(name, source)
    if dtype == INSTANT:
        return as_instant(name, source, zone)
    if dtype == pl.Float64:
        return as_float(name, source)
    if name in json_names:
        return as_json(name, source)
    return as_text(source), []


def row_problems(
    rows: pl.DataFrame, start: str, end: str, never_null: Collection[str], remedy: str = REMEDY
) -> Iterator[Problem]:
    """Rows that cannot be dated or summed, although each of their values could be read."""
    backwards = (rows[end] < rows[start]).fill_null(False)
    yield end, "out_of_range", f"{end} is before {start}; {remedy}", backwards
    for name in never_null:
        if rows[name].null_count():
            detail = f"{name} has no value, so the charge cannot be dated or summed; {remedy}"
            yield name, "missing_value", detail, rows[name].is_null()
