"""When an interval of a file of grid intensities starts and ends.

A start is an instant, a date, a month (2026-10) or a year (2026). What is written without an offset
is by the clock of a time zone. In autumn a time that the clock shows twice is the earlier instant
where it stands first and the later one where it stands again; a time that it skips in spring is
refused.

An end that the file does not give is the start and a length: a month or a year for those; else what
the settings say; else the commonest distance between the starts of the same series, else of the
file, but not past the next start. Days, weeks, months and years are those of the clock: a day may
have 23 or 25 hours.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta

import polars as pl

from ingest.contracts import Problem

INSTANT = pl.Datetime("us", "UTC")
WALL = pl.Datetime("us")
EARLIEST_YEAR, LATEST_YEAR = 1970, 2100
LONGEST = timedelta(days=366, hours=1)
REMEDY = "correct it where the file is made"

# Length → how polars writes it.
LENGTHS: Mapping[str, str] = {
    "5min": "5m",
    "15min": "15m",
    "30min": "30m",
    "hour": "1h",
    "day": "1d",
    "week": "1w",
    "month": "1mo",
    "year": "1y",
}
CLOCKED = ("5min", "15min", "30min", "hour")  # the same on every day
DAY_S = 86_400
SERIES = ("grid_zone", "signal", "accounting")

_YEAR = re.compile(r"(\d{4})(?:\.0+)?")
_MONTH = re.compile(r"(\d{4})-(\d{1,2})")
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})"
    r"(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?) ?(Z|UTC|[+-]\d{2}(?::?\d{2})?)?)?"
)
_PARSED = pl.Struct(
    {"wall": WALL, "instant": INSTANT, "length": pl.String(), "problem": pl.String()}
)


def read_times(
    name: str, texts: pl.Series, series: pl.DataFrame, zone: str
) -> tuple[pl.DataFrame, list[Problem]]:
    """The `instant` of each text, what the clock shows then (`wall`), and the implied `length`.

    `is_clock`: it is written without an offset. `series` has the columns SERIES, `name` is for the
    problems.
    """
    distinct = texts.unique(maintain_order=True).drop_nulls()
    parsed = pl.Series([_parse(text) for text in distinct.to_list()], dtype=_PARSED)
    found = texts.replace_strict(distinct, parsed, default=None, return_dtype=_PARSED)
    times = _with_instants(pl.concat([series, found.struct.unnest()], how="horizontal"), zone)
    details = {
        "wrong_type": f"{name} is no time such as 2026-10-01T00:00:00Z, 2026-10 or 2026; {REMEDY}",
        "out_of_range": f"{name} is not a time of {EARLIEST_YEAR} to {LATEST_YEAR}; {REMEDY}",
    }
    problems: list[Problem] = [
        (name, reason, detail, (times["problem"] == reason).fill_null(False))
        for reason, detail in details.items()
    ]
    skipped = times["wall"].is_not_null() & times["instant"].is_null()
    detail = f"{name} is a time that the clock of {zone} skips; set `timezone`"
    problems.append((name, "value_not_allowed", detail, skipped))
    return times.drop("problem"), problems


def _parse(text: str) -> dict[str, object]:
    value = text.strip()
    try:
        if year := _YEAR.fullmatch(value):
            return _checked(datetime(int(year[1]), 1, 1), "year")  # noqa: DTZ001 - clock time
        if month := _MONTH.fullmatch(value):
            return _checked(datetime(int(month[1]), int(month[2]), 1), "month")  # noqa: DTZ001
        if match := _TIME.fullmatch(value):
            date, clock, offset = match.groups()
            offset = "+00:00" if offset == "UTC" else offset or ""
            return _checked(datetime.fromisoformat(f"{date}T{clock or '00:00'}{offset}"), None)
    except ValueError:
        return _problem("out_of_range")
    return _problem("wrong_type")


def _checked(at: datetime, length: str | None) -> dict[str, object]:
    if not EARLIEST_YEAR <= at.year <= LATEST_YEAR:
        return _problem("out_of_range")
    is_instant = at.tzinfo is not None
    return {
        "wall": None if is_instant else at,
        "instant": at.astimezone(UTC) if is_instant else None,
        "length": length,
        "problem": None,
    }


def _problem(reason: str) -> dict[str, object]:
    return {"wall": None, "instant": None, "length": None, "problem": reason}


def _with_instants(frame: pl.DataFrame, zone: str) -> pl.DataFrame:
    """Instants of clock times, null where the clock skips them, and clock times of instants."""
    again = pl.int_range(pl.len()).over(*SERIES, "wall") > 0
    local = pl.col("wall").dt.replace_time_zone(
        zone,
        ambiguous=pl.when(again).then(pl.lit("latest")).otherwise(pl.lit("earliest")),
        non_existent="null",
    )
    instant = pl.coalesce("instant", local.dt.convert_time_zone("UTC"))
    shown = pl.col("instant").dt.convert_time_zone(zone).dt.replace_time_zone(None)
    return frame.with_columns(
        instant.alias("instant"), pl.col("wall").is_not_null().alias("is_clock")
    ).with_columns(pl.coalesce("wall", shown).alias("wall"))


def given_ends(starts: pl.DataFrame, ends: pl.DataFrame) -> pl.Series:
    """The instants of `ends`, both as `read_times` has them.

    On the night of autumn 02:00 to 03:00 is an hour, twice, and not once two hours.
    """
    shown = ends["wall"] - starts["wall"]
    is_short = (shown > timedelta()) & (shown < timedelta(days=1))
    both = starts["is_clock"] & ends["is_clock"] & is_short
    nearer = pl.select(pl.min_horizontal(ends["instant"], starts["instant"] + shown)).to_series()
    return nearer.zip_with(both.fill_null(False), ends["instant"])


def with_ends(frame: pl.DataFrame, zone: str, length: str | None) -> pl.DataFrame:
    """`frame` (SERIES, wall, instant, length) with the `length` and the `end` that are known.

    `length`: what the settings say.
    """
    told = pl.coalesce("length", pl.lit(length, dtype=pl.String))
    known = frame.with_columns(told.alias("length"), pl.lit(None, dtype=INSTANT).alias("next"))
    if known["length"].null_count():
        known = _with_spacing(known)
    end = pl.lit(None, dtype=INSTANT)
    for name, offset in LENGTHS.items():
        if name in CLOCKED:
            later = pl.col("instant").dt.offset_by(offset)
        else:
            later = _instant_of(pl.col("wall").dt.offset_by(offset), zone)
        end = pl.when(pl.col("length") == name).then(later).otherwise(end)
    return known.with_columns(pl.min_horizontal(end, "next").cast(INSTANT).alias("end"))


def length_problems(name: str, times: pl.DataFrame, zone: str) -> list[Problem]:
    """What is wrong with `times` (wall, instant, length, end, is_given: the file has the end)."""
    starts = times["wall"].dt.time() == time(0)
    day, of_year = times["wall"].dt.day() == 1, times["wall"].dt.ordinal_day() == 1
    length = times["length"]
    begins_off = (
        (length.is_in([*LENGTHS]) & ~length.is_in([*CLOCKED]) & ~starts)
        | ((length == "month") & ~day)
        | ((length == "year") & ~of_year)
    ) & ~times["is_given"]
    holds = times["end"] - times["instant"]
    no_end = times["end"].is_null() & times["instant"].is_not_null() & ~times["is_given"]
    problems: list[Problem] = [
        (
            name,
            "value_not_allowed",
            f"no day, month or year starts then by the clock of {zone}; set `timezone`",
            begins_off,
        ),
        (
            "to",
            "missing_value",
            "nothing says how long the row holds; give a column `to` or set `resolution`",
            no_end,
        ),
        ("to", "out_of_range", f"the row ends before it starts; {REMEDY}", holds <= timedelta()),
        ("to", "out_of_range", f"the row holds for over a year; {REMEDY}", holds > LONGEST),
    ]
    return [(*said, mask.fill_null(False)) for *said, mask in problems]  # type: ignore[misc]


def _instant_of(wall: pl.Expr, zone: str) -> pl.Expr:
    """The instant of a clock time; where the clock skips it, an hour later."""

    def at(expression: pl.Expr) -> pl.Expr:
        return expression.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")

    return pl.coalesce(at(wall), at(wall.dt.offset_by("1h"))).dt.convert_time_zone("UTC")


def _with_spacing(frame: pl.DataFrame) -> pl.DataFrame:
    """Where no length is known, the one of the spacing, and the next start."""
    starts = (
        frame.filter(pl.col("length").is_null(), pl.col("instant").is_not_null())
        .select(*SERIES, "instant")
        .unique()
        .sort(*SERIES, "instant")
        .with_columns(pl.col("instant").shift(-1).over(*SERIES).alias("next"))
    )
    gap_s = (pl.col("next") - pl.col("instant")).dt.total_seconds()
    gaps = (
        starts.with_columns(gap_s.alias("gap_s"))
        .drop_nulls("gap_s")
        .with_columns(_length_of(pl.col("gap_s")).alias("spacing"))
    )
    of_file = _commonest(gaps)
    fallback = pl.lit(of_file["spacing"][0] if of_file.height else None, dtype=pl.String)
    spaced = starts.join(_commonest(gaps, *SERIES), on=SERIES, how="left", nulls_equal=True)
    spaced = spaced.with_columns(pl.coalesce("spacing", fallback).alias("spacing"))
    is_spaced = pl.col("length").is_null()
    return (
        frame.drop("next")
        .join(spaced, on=[*SERIES, "instant"], how="left", nulls_equal=True, maintain_order="left")
        .with_columns(
            pl.when(is_spaced).then("next").alias("next"),
            pl.coalesce("length", "spacing").alias("length"),
        )
        .drop("spacing")
    )


def _commonest(gaps: pl.DataFrame, *by: str) -> pl.DataFrame:
    counted = gaps.group_by(*by, "spacing").agg(pl.len(), pl.col("gap_s").min())
    ranked = counted.sort(*by, "len", "gap_s", descending=[False] * len(by) + [True, False])
    first = ranked.unique(by, keep="first", maintain_order=True) if by else ranked.head(1)
    return first.select(*by, "spacing")


def _length_of(gap_s: pl.Expr) -> pl.Expr:
    """The length that a distance in seconds means; clocks may change once inside it."""
    hour_s = timedelta(hours=1).total_seconds()

    def about(least_days: int, most_days: int) -> pl.Expr:
        return gap_s.is_between(least_days * DAY_S - hour_s, most_days * DAY_S + hour_s)

    exact = {"5min": 300, "15min": 900, "30min": 1800, "hour": 3600}
    length = pl.lit(None, dtype=pl.String)
    for name, least, most in (("year", 365, 366), ("month", 28, 31), ("week", 7, 7), ("day", 1, 1)):
        length = pl.when(about(least, most)).then(pl.lit(name)).otherwise(length)
    for name, seconds in exact.items():
        length = pl.when(gap_s == seconds).then(pl.lit(name)).otherwise(length)
    return length
