"""RTE éCO2mix: consolidated half hours are final, quarters of real time are not, and the clock."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from grid_api import HOUR, NOW, Asked, GridNight, Reply, hours, serving, utc, window

from ingest.sources import rte_eco2mix as source

PAYLOADS = Path(__file__).parent / "payloads" / "rte_eco2mix"
PARIS = ZoneInfo("Europe/Paris")
QUARTER = timedelta(minutes=15)
REAL_TIME = "eco2mix-national-tr"
CONSOLIDATED = "eco2mix-national-cons-def"
# What newest_consolidated.json says.
BOUNDARY = utc("2026-08-31T22")
KEEP = ("from_at_utc", "to_at_utc", "intensity_g_per_kwh", "is_final", "source_version")


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / name).read_text())


def eco2mix(asked: Asked) -> Reply:
    """The API as it is: every day has 24 hours by the clock of Paris."""
    if asked.path.endswith("/records"):
        return Reply(payload("newest_consolidated.json"))
    is_real_time = REAL_TIME in asked.path
    from_at, to_at = map(datetime.fromisoformat, re.findall(r"date'(.*?)'", asked.query["where"]))
    items = []
    for local in hours(naive(from_at) - HOUR, naive(to_at) + HOUR, QUARTER):
        # A wall time that comes twice is in the file once; one that never comes is in it too.
        at = local.replace(tzinfo=PARIS, fold=1).astimezone(ZoneInfo("UTC"))
        if from_at <= at < to_at:
            is_said = is_real_time or local.minute in (0, 30)
            items.append(
                {
                    "date_heure": at.isoformat(),
                    "heure": f"{local:%H:%M}",
                    "nature": "Données temps réel" if is_real_time else "Données définitives",
                    "taux_co2": value_of(local) if is_said else None,
                }
            )
    return Reply(items)


def naive(at: datetime) -> datetime:
    return at.astimezone(PARIS).replace(tzinfo=None)


def value_of(local: datetime) -> int:
    """By the wall clock, so that the hour that never was has values of its own."""
    return local.hour * 4 + local.minute // 15


def datasets(asked: list[Asked]) -> list[str]:
    return [f"{a.path.split('/')[3]}/{a.path.rsplit('/', 1)[-1]}" for a in asked]


@pytest.fixture
def night(tmp_path: Path) -> GridNight:
    return GridNight(tmp_path, source)


def replying(name: str) -> Any:
    return lambda asked: Reply(
        payload("newest_consolidated.json" if asked.path.endswith("/records") else name)
    )


def test_consolidated_values_hold_for_half_an_hour_and_are_final(night: GridNight) -> None:
    with serving(replying("consolidated.json")) as api:
        report = night.run(api, window("FR", "2026-08-01", "2026-08-01T02"))
    assert (report.status, report.error) == ("ok", None)
    probe, asked = api.asked
    assert probe.query["order_by"] == "date_heure desc"
    assert asked.path == f"/catalog/datasets/{CONSOLIDATED}/exports/json"
    assert asked.query == {
        "select": "date_heure,heure,nature,taux_co2",
        "where": "date_heure >= date'2026-08-01T00:00:00Z' and date_heure < "
        "date'2026-08-01T02:00:00Z'",
        "order_by": "date_heure",
        "timezone": "UTC",
    }
    at = utc("2026-08-01")
    assert night.rows.select(KEEP).rows() == [
        (at, at + 2 * QUARTER, 18.0, True, "Données consolidées"),
        (at + 2 * QUARTER, at + 4 * QUARTER, 19.0, True, "Données consolidées"),
        (at + 4 * QUARTER, at + 5 * QUARTER, 20.0, True, "Données définitives"),
        (at + 5 * QUARTER, at + 6 * QUARTER, 21.0, True, "Données définitives"),
        (at + 6 * QUARTER, at + 8 * QUARTER, 22.0, True, "Données définitives"),
    ]
    first = night.rows.row(0, named=True)
    assert (first["grid_zone"], first["signal"]) == ("FR", "average")
    assert (first["accounting"], first["basis"]) == ("operational", "production")
    assert first["is_estimated"] is False


def test_real_time_quarters_are_not_final(night: GridNight) -> None:
    with serving(replying("real_time.json")) as api:
        night.run(api, window("FR", "2026-11-23T08", "2026-11-23T09"))
    at = utc("2026-11-23T08")
    assert night.rows.select(KEEP).rows() == [
        (at, at + QUARTER, 41.0, False, "Données temps réel"),
        (at + QUARTER, at + 2 * QUARTER, 42.0, False, "Données temps réel"),
        (at + 2 * QUARTER, at + 3 * QUARTER, None, False, None),
        (at + 3 * QUARTER, at + 4 * QUARTER, None, False, None),
    ]
    assert datasets(api.asked) == [f"{CONSOLIDATED}/records", f"{REAL_TIME}/json"]


def test_each_hour_is_asked_of_the_data_set_that_has_it(night: GridNight) -> None:
    wanted = (window("DE", "2026-08-01", "2026-11-01"), window("FR", "2026-05-01", "2026-11-01"))
    with serving(eco2mix) as api:
        report = night.run(api, *wanted)
    assert report.status == "ok"
    assert datasets(api.asked) == [
        f"{CONSOLIDATED}/records",
        f"{CONSOLIDATED}/json",  # 92 days
        f"{CONSOLIDATED}/json",
        f"{REAL_TIME}/json",
    ]
    rows = night.rows.filter(night.rows["intensity_g_per_kwh"].is_not_null())
    for from_at, to_at, value, is_final, _ in rows.select(KEEP).iter_rows():
        assert value == value_of(naive(from_at))
        assert is_final == (from_at < BOUNDARY)
        assert to_at - from_at == (2 * QUARTER if from_at < BOUNDARY else QUARTER)
    covered = (night.rows["to_at_utc"] - night.rows["from_at_utc"]).sum()
    assert covered == utc("2026-11-01") - utc("2026-05-01")
    assert not night.rows["from_at_utc"].is_duplicated().any()


def test_the_hour_of_spring_that_never_was_lands_no_row(night: GridNight) -> None:
    """2026-03-29: 02:00 to 03:00 does not exist in Paris, but stands in the data."""
    with serving(eco2mix) as api:
        report = night.run(api, window("FR", "2026-03-28T23", "2026-03-29T22"))  # 23 hours
    assert report.status == "ok"
    said = json.dumps(eco2mix(api.asked[-1]).body)
    assert said.count('"02:00"') == 1
    assert night.rows["intensity_g_per_kwh"].to_list() == [
        value_of(naive(at)) for at in hours(utc("2026-03-28T23"), utc("2026-03-29T22"), 2 * QUARTER)
    ]


def test_the_hour_of_autumn_that_came_twice_lacks_once(night: GridNight) -> None:
    """2025-10-26: of 02:00 to 03:00 summer and winter time, the data has one."""
    with serving(eco2mix) as api:
        report = night.run(api, window("FR", "2025-10-25T22", "2025-10-26T23"))  # 25 hours
    assert report.status == "ok"
    lacking = night.rows.filter(night.rows["intensity_g_per_kwh"].is_null())
    assert lacking["from_at_utc"].to_list() == hours(
        utc("2025-10-26T00"), utc("2025-10-26T01"), QUARTER
    )
    covered = (night.rows["to_at_utc"] - night.rows["from_at_utc"]).sum()
    assert covered == 25 * HOUR


def test_real_time_that_is_never_consolidated_becomes_final(night: GridNight) -> None:
    late = NOW + timedelta(days=400)  # NOW is half past the hour after
    with serving(replying("real_time.json")) as api:
        night.run(api, window("FR", "2026-11-23T08", "2026-11-23T09"), at=late - HOUR)
        assert night.rows["is_final"].to_list() == [True, True, False, False]
        night.run(api, window("FR", "2026-11-23T08", "2026-11-23T09"), at=late)
    assert night.rows["is_final"].sum() == 2 + 4


def test_items_that_cannot_be_are_refused_one_by_one(night: GridNight) -> None:
    with serving(replying("failure_items.json")) as api:
        report = night.run(api, window("FR", "2026-11-20", "2026-11-20T01"))
    assert report.status == "partial"
    assert night.rejected.select("source_row", "field", "reason").rows() == [
        (1, "taux_co2", "wrong_type"),
        (2, "nature", "missing_value"),
        (3, "from_at_utc", "value_not_allowed"),
        (4, "intensity_g_per_kwh", "out_of_range"),
    ]
    assert night.rows["intensity_g_per_kwh"].to_list() == [None, None, None, 43.0]


def test_without_a_boundary_nothing_is_asked_and_every_window_is_named(night: GridNight) -> None:
    with serving(lambda _: Reply(payload("failure_429.json"), 429)) as api:
        report = night.run(api, window("FR", "2026-05-01", "2026-09-01"), attempts=1)
    assert len(api.asked) == 1
    assert report.status == "failed"
    assert report.error == (
        "rte_eco2mix FR 2026-05-01T00:00Z--2026-09-01T00:00Z: HTTP 429 Too Many Requests (Too "
        "many requests on the domain. Please contact the domain administrator.): too many "
        "requests; the next night goes on here"
    )


def test_before_anything_is_consolidated_all_is_real_time(night: GridNight) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply({"results": []}) if asked.path.endswith("/records") else eco2mix(asked)

    with serving(answer) as api:
        night.run(api, window("FR", "2026-08-01", "2026-08-02"))
    assert datasets(api.asked)[1:] == [f"{REAL_TIME}/json"]
    assert night.rows.height == 96


def test_a_boundary_that_cannot_be_read_is_told(night: GridNight) -> None:
    with serving(lambda _: Reply({"results": [{"date_heure": None}]})) as api:
        report = night.run(api, window("FR", "2026-08-01", "2026-08-02"))
    assert "holds no date_heure" in (report.error or "")
