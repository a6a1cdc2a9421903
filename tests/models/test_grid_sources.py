"""A night that asks three APIs and reads a file: who answers for which hour, and what fails."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from grid_api import HOUR, Asked, Reply, hours, serving

TOKEN = "em-7f3a-token"  # noqa: S105 - of nobody
REGIONS = {
    "frankfurt": "eu-central-1",
    "paris": "eu-west-3",
    "dublin": "eu-west-1",
    "zurich": "eu-central-2",
}


def event(run_id: str, region: str) -> str:
    return json.dumps(
        {
            "event_id": run_id,
            "event_type": "finished",
            "event_time": "2026-11-01T12:30:00Z",
            "run_id": run_id,
            "job_name": "grid",
            "status": "succeeded",
            "started_at": "2026-11-01T10:30:00Z",
            "duration_s": 7200,
            "provider": "aws",
            "region": region,
            "instance_type": "m5.xlarge",
        }
    )


def electricity_maps(asked: Asked) -> Reply:
    """Germany is in the plan, hour by hour; the last hour is not known yet."""
    if asked.query["zone"] != "DE":
        return Reply({"message": "Zone not in your plan"}, 403)
    start, end = (datetime.fromisoformat(asked.query[name]) for name in ("start", "end"))
    items = [
        {
            "zone": "DE",
            "carbonIntensity": 300 + at.hour,
            "datetime": at.isoformat(),
            "isEstimated": at.hour == 11,
        }
        for at in hours(start, end - HOUR)
    ]
    return Reply({"zone": "DE", "data": items})


def odre(asked: Asked) -> Reply:
    """Quarter hours of real time, 20 to 23 g in every hour."""
    if asked.path.endswith("/records"):
        return Reply({"results": [{"date_heure": "2026-08-31T21:30:00+00:00"}]})
    start, end = map(datetime.fromisoformat, re.findall(r"date'(.*?)'", asked.query["where"]))
    items = [
        {
            "date_heure": at.isoformat(),
            "heure": f"{at + HOUR:%H:%M}",  # Paris in winter
            "nature": "Données temps réel",
            "taux_co2": 20 + at.minute // 15,
        }
        for at in hours(start, end, HOUR / 4)
    ]
    return Reply(items)


@pytest.fixture(scope="module")
def marts(night: Any) -> Iterator[tuple[Any, list[Asked]]]:
    with serving(electricity_maps) as maps, serving(odre) as rte:
        config = f"""
[sources.run_events]
path = "events"

[sources.electricity_maps]
url = "{maps.url}"
token = "{TOKEN}"
longest_wait_s = 0

[sources.rte_eco2mix]
url = "{rte.url}"

[sources.intensity_file]
path = "swiss.csv"
accounting = "lifecycle"
"""
        files = {
            "events/runs.jsonl": "\n".join(event(*run) for run in REGIONS.items()),
            "swiss.csv": "zone,month,intensity\nCH,2026-10,51\nCH,2026-11,62\n",
        }
        yield night("grid_sources", config, files), maps.asked


def test_each_hour_says_who_answered(marts: tuple[Any, list[Asked]]) -> None:
    rows = marts[0].rows(
        """
        select run_id, hour(hour_start_utc) as hour, factor_resolution as resolution,
            factor_source_id as source, grid_intensity_g_per_kwh as intensity
        from fct_run_hours where run_id <> 'dublin' order by all
        """
    )
    # The hour that Electricity Maps does not have falls to the yearly factor.
    by_hour = {(row["run_id"], row["hour"]): row for row in rows}
    assert by_hour["frankfurt", 12]["resolution"] == "country_yearly"
    assert [
        (row["run_id"], row["hour"], row["resolution"], row["source"], row["intensity"])
        for row in rows
        if (row["run_id"], row["hour"]) != ("frankfurt", 12)
    ] == [
        ("frankfurt", 10, "hourly_measured", "electricity_maps.default", 310.0),
        ("frankfurt", 11, "hourly_estimated", "electricity_maps.default", 311.0),
        ("paris", 10, "hourly_measured", "rte_eco2mix.default", 21.5),
        ("paris", 11, "hourly_measured", "rte_eco2mix.default", 21.5),
        ("paris", 12, "hourly_measured", "rte_eco2mix.default", 21.5),
        ("zurich", 10, "monthly", "intensity_file.default", 62.0),
        ("zurich", 11, "monthly", "intensity_file.default", 62.0),
        ("zurich", 12, "monthly", "intensity_file.default", 62.0),
    ]


def test_a_zone_outside_the_plan_falls_to_the_yearly_factor(
    marts: tuple[Any, list[Asked]],
) -> None:
    rows = marts[0].rows(
        "select distinct factor_resolution from fct_run_hours where run_id = ?", "dublin"
    )
    assert rows == [{"factor_resolution": "country_yearly"}]


def test_the_night_says_which_windows_failed(marts: tuple[Any, list[Asked]]) -> None:
    night, asked = marts
    assert night.returncode == 3
    assert night.report["status"] == "partial"
    (maps,) = [s for s in night.report["sources"] if s["name"] == "electricity_maps"]
    assert (maps["status"], maps["rows_landed"]) == ("partial", 3)
    span = "2026-11-01T10:00Z--2026-11-01T13:00Z"
    for zone in ("CH", "FR", "IE"):
        assert f"{zone} {span}" in maps["error"]
    assert "HTTP 403 Forbidden (Zone not in your plan)" in maps["error"]
    assert maps["error"] in night.report["message"]
    assert TOKEN not in json.dumps(night.report)
    if asked:  # the night ran in this process's turn
        assert [a.query["zone"] for a in asked] == ["CH", "DE", "FR", "IE"]
