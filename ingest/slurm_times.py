"""Times that sacct prints → instants in UTC: local to the cluster, seconds since 1970, offsets."""

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl

from ingest.bounds import MAX_RUN_S, MAX_RUN_YEARS
from ingest.slurm_columns import INSTANT
from ingest.slurm_values import NO_TEXT, known, mapped

TIMES = ("Submit", "Eligible", "Start", "End")
FIRST_YEAR, LAST_YEAR = 1970, 2100

# field, reason, detail, and where it holds
Claim = tuple[str, str, str, pl.Expr]

_NO_TIME = (*NO_TEXT, "0")  # a time that is not set is 0 inside Slurm
_ISO = "%Y-%m-%dT%H:%M:%S"
_DETAILS = {
    "out_of_range": f"is not between {FIRST_YEAR} and {LAST_YEAR}",
    "wrong_type": "must be a time like 2026-11-23T03:55:00",
}
_FOUND = pl.Struct({"at": INSTANT, "reason": pl.String()})


def instants(text: pl.DataFrame, timezone: str) -> tuple[pl.DataFrame, list[Claim]]:
    """The four times in UTC; what is no time, or outside 1970 … 2100, is null and claimed."""
    local = text.select(
        pl.col(column).str.to_datetime(_ISO, time_unit="us", strict=False) for column in TIMES
    )
    times = local.select(
        pl.when(pl.col(column).dt.year().is_between(FIRST_YEAR, LAST_YEAR))
        .then(_to_utc(pl.col(column), timezone, "earliest"))
        .alias(column)
        for column in TIMES
    )
    zone = ZoneInfo(timezone)
    claims: list[Claim] = []
    for column in TIMES:
        unsettled = times[column].is_null() & text[column].is_not_null()
        if not unsettled.any():
            continue
        # Seconds since 1970, offsets, fractions, gaps of summer time, and what is no time.
        again = text.select(pl.when(pl.lit(unsettled)).then(known(column, _NO_TIME))).to_series()
        found = mapped(again, lambda value: _instant(value, zone), _FOUND).struct.unnest()
        times = times.with_columns(pl.coalesce(column, pl.lit(found["at"])).alias(column))
        claims += [
            (column, reason, f"{column} {detail}", pl.lit(found["reason"] == reason))
            for reason, detail in _DETAILS.items()
        ]
    times = _second_autumn_hour(times, local["End"], timezone)
    length = pl.col("End") - pl.col("Start")
    too_long = f"the job is longer than {MAX_RUN_YEARS} years ({MAX_RUN_S:,} s)"
    claims += [
        ("End", "out_of_range", "the job ends before it starts", pl.col("End") < pl.col("Start")),
        ("End", "out_of_range", too_long, length > pl.duration(seconds=MAX_RUN_S)),
    ]
    return times, claims


def _to_utc(local: pl.Expr, timezone: str, ambiguous: str) -> pl.Expr:
    """Local times in UTC; null in the gap of spring. `ambiguous`: earliest or latest."""
    return local.dt.replace_time_zone(
        timezone,
        ambiguous=ambiguous,  # type: ignore[arg-type]
        non_existent="null",
    ).dt.convert_time_zone("UTC")


def _second_autumn_hour(times: pl.DataFrame, local_end: pl.Series, timezone: str) -> pl.DataFrame:
    """An end in the hour that happens twice, before its start, was the second time."""
    ends_first = pl.col("End") < pl.col("Start")
    if timezone == "UTC" or not times.select(ends_first.any()).item():
        return times
    later = _to_utc(pl.lit(local_end), timezone, "latest")
    return times.with_columns(
        pl.when(ends_first).then(pl.coalesce(later, "End")).otherwise("End").alias("End")
    )


def _instant(text: str, zone: ZoneInfo) -> dict[str, datetime | str | None]:
    """One time or why not: seconds since 1970, or ISO 8601 with or without an offset."""
    try:
        if re.fullmatch(r"-?\d{1,15}(\.\d+)?", text):
            moment = datetime.fromtimestamp(float(text), UTC)
        else:
            moment = datetime.fromisoformat(text)
        if not FIRST_YEAR <= moment.year <= LAST_YEAR or text.startswith("-"):
            return {"at": None, "reason": "out_of_range"}
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        return {"at": moment.astimezone(UTC), "reason": None}
    except OverflowError:
        return {"at": None, "reason": "out_of_range"}
    except ValueError:
        beyond = re.match(r"-?\d+$|0000-|[1-9]\d{4,}-", text)
        return {"at": None, "reason": "out_of_range" if beyond else "wrong_type"}
