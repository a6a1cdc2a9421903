"""The values of FOCUS columns: text or typed columns in, the landed types and problems out.

The happy path is vectorised. What a cast does not understand is looked at again value by value,
each distinct value once. Nothing is guessed: a value that cannot be read is a problem with a
reason, and its row is rejected.
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from ingest.bounds import MAX_COST, MAX_QUANTITY
from ingest.contracts import Problem
from ingest.focus_columns import INSTANT, MONEY

EARLIEST_YEAR, LATEST_YEAR = 1970, 2100
FIRST_US = 0
LAST_US = int(datetime(LATEST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000 - 1
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})"
    r"(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) ?(Z|UTC|[+-]\d{2}(?::?\d{2})?)?)?"
)
DETAILS = {
    ("cost", "wrong_type"): "is not a number; correct it where the export is made",
    ("cost", "out_of_range"): (
        f"is not between -{MAX_COST:,} and {MAX_COST:,}; correct it where the export is made"
    ),
    ("quantity", "wrong_type"): "is not a number; correct it where the export is made",
    ("quantity", "out_of_range"): (
        f"is not between -{MAX_QUANTITY:,} and {MAX_QUANTITY:,}; "
        "correct it where the export is made"
    ),
    ("price", "wrong_type"): "is not a number; correct it where the export is made",
    ("price", "out_of_range"): "is not a finite number; correct it where the export is made",
    ("time", "wrong_type"): (
        "is not an ISO 8601 date or time, such as 2026-10-01T00:00:00Z; "
        "correct it where the export is made"
    ),
    ("time", "out_of_range"): (
        f"is not a date of the years {EARLIEST_YEAR} to {LATEST_YEAR}; "
        "correct it where the export is made"
    ),
    ("json", "not_json"): "is not a JSON value; correct it where the export is made",
}


# What a cell may become.
Value = str | float | Decimal | datetime


class _UnreadableError(ValueError):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def as_text(values: pl.Series) -> pl.Series:
    """Any flat column as text; the empty text and the text NULL are null."""
    text = values if values.dtype == pl.String else values.cast(pl.String, strict=False)
    absent = text.is_in(["", "NULL"])
    return _blank(text, absent) if absent.any() else text


def _blank(values: pl.Series, mask: pl.Series) -> pl.Series:
    """The values, null where the mask is true."""
    gone = pl.Series([None], dtype=values.dtype)
    return gone.zip_with(mask.fill_null(False), values).alias(values.name)


def as_money(name: str, values: pl.Series) -> tuple[pl.Series, list[Problem]]:
    """Decimal(38, 18), exact; digits after the 18th decimal are rounded half to even.

    A float is the shortest decimal that reads back as the same float (0.1 is 0.1).
    """
    if isinstance(values.dtype, pl.Decimal):
        precision, scale = values.dtype.precision or 38, values.dtype.scale
        if scale <= MONEY.scale and precision - scale <= MONEY.precision - MONEY.scale:
            return _bounded(name, values.cast(MONEY), "cost", MAX_COST, [])
    text = as_text(values)
    parsed = text.str.to_decimal(scale=MONEY.scale)
    parsed, problems = _second_look(name, text, parsed, MONEY, "cost", _read_money)
    return _bounded(name, parsed, "cost", MAX_COST, problems)


def as_float(name: str, values: pl.Series) -> tuple[pl.Series, list[Problem]]:
    """Float64; NaN and infinity are out of range, and quantities and costs above their bound."""
    kind, most = _kind(name)
    text = values
    if values.dtype.is_numeric():
        parsed = values.cast(pl.Float64)
    else:
        text = as_text(values)
        parsed = text.cast(pl.Float64, strict=False)
    endless = ~parsed.is_finite()
    if endless.any():
        text, parsed = text.cast(pl.String), _blank(parsed, endless)
    parsed, problems = _second_look(name, text, parsed, pl.Float64(), kind, _read_float)
    return _bounded(name, parsed, kind, most, problems)


def _kind(name: str) -> tuple[str, float]:
    """What a column of numbers holds, and the most that its values may be."""
    if name.endswith("Cost"):
        return "cost", MAX_COST
    if name.endswith(("Quantity", "_quantity", "_amount", "_usage")):
        return "quantity", MAX_QUANTITY
    return "price", math.inf


def _bounded(
    name: str, parsed: pl.Series, kind: str, most: float, problems: list[Problem]
) -> tuple[pl.Series, list[Problem]]:
    """The values, and the problems with those above the bound added."""
    largest = parsed.abs().max()
    if largest is None or largest <= most:  # type: ignore[operator]
        return parsed, problems
    above = (parsed.abs() > most).fill_null(False)
    return parsed, problems + _problems(name, kind, {"out_of_range": above})


def as_instant(name: str, values: pl.Series, zone: ZoneInfo) -> tuple[pl.Series, list[Problem]]:
    """Datetime in UTC; a time without a zone is in `zone`."""
    kind = values.dtype
    if isinstance(kind, pl.Datetime) and kind.time_zone is None and zone.key == "UTC":
        values, kind = values.dt.replace_time_zone("UTC"), pl.Datetime("us", "UTC")
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        parsed = values.dt.convert_time_zone("UTC").cast(INSTANT)
        # As numbers: the calendar ends before the type does.
        inside = parsed.to_physical().is_between(FIRST_US, LAST_US)
        outside = (~inside).fill_null(False)
        parsed = _blank(parsed, outside) if outside.any() else parsed
        return parsed, _problems(name, "time", {"out_of_range": outside})
    if isinstance(kind, pl.Datetime):  # naive: the zone's own rules, value by value
        values = values.dt.to_string("iso")
    text = as_text(values)
    return _by_value(name, text, INSTANT, "time", lambda value: read_instant(value, zone))


def as_json(name: str, values: pl.Series) -> tuple[pl.Series, list[Problem]]:
    """Canonical JSON text of JSON text, a map, a struct, or a list of key/value structs."""
    text = as_text(nested_to_text(values))
    return _by_value(name, text, pl.String(), "json", canonical_json)


def nested_to_text(values: pl.Series) -> pl.Series:
    """A nested column as JSON text; any other column unchanged."""
    if not values.dtype.is_nested():
        return values
    encoded = (
        values.alias("v")
        .to_frame()
        .select(pl.struct("v").struct.json_encode().alias("j").str.slice(5))  # after {"v":
        .select(pl.col("j").str.strip_suffix("}"))
        .to_series()
    )
    return _blank(encoded, values.is_null())


def month_of(values: pl.Series, parsed: pl.Series) -> pl.Series:
    """YYYY-MM of a column as it was written, in its own zone; null where it was not readable.

    A period that starts at 2026-10-01T00:00+02:00 is October, though in UTC it starts in September.
    """
    values = _blank(values, parsed.is_null())
    if values.dtype.is_temporal():
        return values.dt.strftime("%Y-%m")
    return as_text(values).str.strip_chars().str.slice(0, 7)


def read_instant(value: str, zone: ZoneInfo) -> datetime:
    """One text as an instant in UTC."""
    match = TIME.fullmatch(value.strip())
    if match is None:
        raise _UnreadableError("wrong_type")
    date, time, offset = match.groups()
    offset = "+00:00" if offset == "UTC" else offset or ""
    try:
        instant = datetime.fromisoformat(f"{date}T{time or '00:00'}{offset}")
    except ValueError as error:
        raise _UnreadableError("out_of_range") from error
    if not EARLIEST_YEAR <= instant.year <= LATEST_YEAR:
        raise _UnreadableError("out_of_range")
    return (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)


def canonical_json(value: str) -> str:
    """One JSON text in one form: no space, keys sorted, key/value lists as an object."""
    try:
        # Azure writes tags without the braces in some exports: "team": "nlp","env": "dev"
        text = value.strip()
        content = json.loads(f"{{{text}}}" if re.match(r'"[^"]*"\s*:', text) else text)
        if isinstance(content, list) and content:
            content = _as_object(content)
        canonical = json.dumps(
            content, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
        )
        canonical.encode()  # a lone surrogate is no text
    except (ValueError, RecursionError) as error:
        raise _UnreadableError("not_json") from error
    return canonical


def _as_object(content: list[Any]) -> list[Any] | dict[str, Any]:
    pairs = {}
    for entry in content:
        lowered = {k.lower(): v for k, v in entry.items()} if isinstance(entry, dict) else {}
        if not {"key", "value"} <= lowered.keys() or not isinstance(lowered["key"], str):
            return content
        pairs[lowered["key"]] = lowered["value"]
    return pairs


def _read_money(value: str) -> Decimal:
    number = _read_number(value)
    series = pl.Series([number], dtype=pl.String).str.to_decimal(scale=MONEY.scale)
    if series[0] is None:
        raise _UnreadableError("out_of_range")
    return Decimal(series[0])


def _read_float(value: str) -> float:
    number = float(_read_number(value))
    if not math.isfinite(number):
        raise _UnreadableError("out_of_range")
    return number


def _read_number(value: str) -> str:
    text = value.strip()
    if NOT_FINITE.fullmatch(text):
        raise _UnreadableError("out_of_range")
    if not NUMBER.fullmatch(text):
        raise _UnreadableError("wrong_type")
    return text


def _second_look(
    name: str,
    text: pl.Series,
    parsed: pl.Series,
    dtype: pl.DataType,
    kind: str,
    read: Callable[[str], Value],
) -> tuple[pl.Series, list[Problem]]:
    """Read again, value by value, what a cast did not understand."""
    failed = parsed.is_null() & text.is_not_null()
    if not failed.any():
        return parsed, []
    unread = _blank(text, ~failed)
    again, problems = _by_value(name, unread, dtype, kind, read)
    return parsed.zip_with(~failed, again), problems


def _by_value(
    name: str, text: pl.Series, dtype: pl.DataType, kind: str, read: Callable[[str], Value]
) -> tuple[pl.Series, list[Problem]]:
    """Read each distinct value once; which rows hold an unreadable one is told by reason."""
    good: list[tuple[str, Value]] = []
    bad: dict[str, list[str]] = {}
    for value in text.unique(maintain_order=True).drop_nulls().to_list():
        try:
            good.append((value, read(value)))
        except _UnreadableError as problem:
            bad.setdefault(problem.reason, []).append(value)
    keys = pl.Series([value for value, _ in good], dtype=pl.String)
    read_values = pl.Series([result for _, result in good], dtype=dtype)
    if len(keys) == 1 and not bad:  # one value: a constant, or null where the text is
        result = pl.repeat(good[0][1], len(text), dtype=dtype, eager=True)
        result = _blank(result, text.is_null()) if text.null_count() else result
    else:
        result = text.replace_strict(keys, read_values, default=None, return_dtype=dtype)
    masks = {reason: text.is_in(values).fill_null(False) for reason, values in bad.items()}
    return result, _problems(name, kind, masks)


def _problems(name: str, kind: str, masks: dict[str, pl.Series]) -> list[Problem]:
    return [
        (name, reason, f"{name} {DETAILS[kind, reason]}", mask)
        for reason, mask in masks.items()
        if mask.any()
    ]


def extra_json(columns: Sequence[pl.Series], height: int) -> pl.Series:
    """Unknown columns as one JSON object per row; null where all of them are."""
    if not columns:
        return pl.repeat(None, height, dtype=pl.String, eager=True)
    # A nested column becomes JSON text inside the object, so that every value is text or null.
    frame = pl.DataFrame([as_text(nested_to_text(column)) for column in columns])
    return frame.select(
        pl.when(pl.any_horizontal(pl.all().is_not_null())).then(
            pl.struct(pl.all()).struct.json_encode()
        )
    ).to_series()
