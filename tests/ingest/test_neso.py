"""NESO: half hours of Great Britain: what happened is final, what was forecast is asked again."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from grid_api import Asked, GridNight, Reply, hours, serving, utc, window

from ingest.sources import neso as source

PAYLOADS = Path(__file__).parent / "payloads" / "neso"
HALF_HOUR = timedelta(minutes=30)
KEEP = ("intensity_g_per_kwh", "is_estimated", "estimation_method", "is_final")


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / name).read_text())


def half_hours(asked: Asked) -> Reply:
    """The API as it is: the range, and the half hour that ends where it starts."""
    first, last = (datetime.fromisoformat(part) for part in asked.path.split("/")[2:])
    if last - first > timedelta(days=14):
        return Reply(payload("failure_400.json"), 400)
    return Reply(
        {
            "data": [
                {
                    "from": f"{at:%Y-%m-%dT%H:%MZ}",
                    "to": f"{at + HALF_HOUR:%Y-%m-%dT%H:%MZ}",
                    "intensity": {"forecast": 1, "actual": value_of(at), "index": "low"},
                }
                for at in hours(first - HALF_HOUR, last, HALF_HOUR)
            ]
        }
    )


def value_of(at: datetime) -> int:
    return int(at.timestamp()) // 1800 % 400


@pytest.fixture
def night(tmp_path: Path) -> GridNight:
    return GridNight(tmp_path, source)


def test_an_answer_as_documented(night: GridNight) -> None:
    with serving(lambda _: Reply(payload("intensity.json"))) as api:
        report = night.run(api, window("GB", "2026-11-23", "2026-11-23T02"))
    assert (report.status, report.error) == ("ok", None)
    (asked,) = api.asked
    assert (asked.path, asked.query) == ("/intensity/2026-11-23T00:00Z/2026-11-23T02:00Z", {})
    assert night.rows["from_at_utc"].to_list() == hours(
        utc("2026-11-23"), utc("2026-11-23T02"), HALF_HOUR
    )
    assert night.rows.select("source_row", *KEEP).rows() == [
        (2, 165.0, False, None, True),
        (3, 159.0, False, None, True),
        (4, 155.0, True, "forecast", False),
        (None, None, None, None, False),
    ]
    first = night.rows.row(0, named=True)
    assert first["source_file"] == "intensity/2026-11-23T00:00Z/2026-11-23T02:00Z"
    assert first["to_at_utc"] == first["from_at_utc"] + HALF_HOUR
    assert (first["grid_zone"], first["signal"]) == ("GB", "average")
    assert (first["accounting"], first["basis"]) == ("operational", "consumption")
    assert night.scopes == ["default/GB/2026-11-23T00:00Z--2026-11-23T02:00Z"]


def test_only_great_britain_is_asked_and_14_days_at_most(night: GridNight) -> None:
    wanted = (window("FR", "2026-09-01", "2026-10-01"), window("GB", "2026-09-01", "2026-10-01"))
    with serving(half_hours) as api:
        report = night.run(api, *wanted)
    assert report.status == "ok"
    assert [asked.path for asked in api.asked] == [
        "/intensity/2026-09-01T00:00Z/2026-09-15T00:00Z",
        "/intensity/2026-09-15T00:00Z/2026-09-29T00:00Z",
        "/intensity/2026-09-29T00:00Z/2026-10-01T00:00Z",
    ]
    starts = hours(utc("2026-09-01"), utc("2026-10-01"), HALF_HOUR)
    assert night.rows["from_at_utc"].to_list() == starts
    assert night.rows["intensity_g_per_kwh"].to_list() == [value_of(at) for at in starts]


def test_nothing_of_great_britain_wanted_asks_nothing(night: GridNight) -> None:
    with serving(half_hours) as api:
        report = night.run(api, window("FR", "2026-09-01", "2026-10-01"))
    assert (report.status, api.asked) == ("ok", [])


@pytest.mark.parametrize(
    ("from_at", "to_at", "count"),
    [
        ("2026-03-29T00", "2026-03-29T23", 46),  # the day of spring in London
        ("2026-10-24T23", "2026-10-26T00", 50),  # the day of autumn
    ],
)
def test_a_change_of_the_clock_of_london_changes_no_half_hour(
    night: GridNight, from_at: str, to_at: str, count: int
) -> None:
    with serving(half_hours) as api:
        night.run(api, window("GB", from_at, to_at))
    assert night.rows.height == count
    assert night.rows["intensity_g_per_kwh"].null_count() == 0
    assert not night.rows["from_at_utc"].is_duplicated().any()


def test_a_forecast_that_stays_one_is_taken_after_30_days(night: GridNight) -> None:
    item = {"intensity": {"forecast": 90, "actual": None, "index": "low"}}
    items = [
        {"from": "2026-10-24T09:00Z", "to": "2026-10-24T09:30Z", **item},
        {"from": "2026-10-24T09:30Z", "to": "2026-10-24T10:00Z", **item},
    ]
    with serving(lambda _: Reply({"data": items})) as api:
        night.run(api, window("GB", "2026-10-24T09", "2026-10-24T10"))
    assert night.rows.select(KEEP).rows() == [
        (90.0, True, "forecast", True),
        (90.0, True, "forecast", False),
    ]


def test_items_that_cannot_be_are_refused_one_by_one(night: GridNight) -> None:
    with serving(lambda _: Reply(payload("failure_items.json"))) as api:
        report = night.run(api, window("GB", "2026-10-01", "2026-10-01T01"))
    assert report.status == "partial"
    assert night.rejected.select("source_row", "field", "reason").rows() == [
        (1, None, "value_not_allowed"),
        (2, "from_at_utc", "value_not_allowed"),
        (3, "intensity_g_per_kwh", "out_of_range"),
        (4, "intensity.actual", "wrong_type"),
        (5, "from", "wrong_type"),
        (6, "from", "value_not_allowed"),
        (7, "intensity", "missing_value"),
    ]
    assert night.rows.select("source_row", KEEP[0]).rows() == [(None, None), (8, 174.0)]


def test_a_window_that_fails_leaves_the_others(night: GridNight) -> None:
    def answer(asked: Asked) -> Reply:
        is_bad = "2026-09-15T00:00Z/" in asked.path
        return Reply(payload("failure_400.json"), 400) if is_bad else half_hours(asked)

    with serving(answer) as api:
        report = night.run(api, window("GB", "2026-09-01", "2026-10-01"))
    assert report.status == "partial"
    assert report.error == (
        "neso GB 2026-09-15T00:00Z--2026-09-29T00:00Z: HTTP 400 Bad Request (The maximum date "
        "range is limited to 14 days. Please enter a valid date range.): the API does not "
        "understand the zone or the range"
    )
    assert night.rows.height == 16 * 48
