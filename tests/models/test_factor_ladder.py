"""Which grid factor every hour of a run takes, where it is known by the hour for a part of it."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from conftest import Marts, Night

SEEDS = Path(__file__).parents[2] / "seeds"
HOUR = timedelta(hours=1)
# 30 hours over the end of October and over the end of summer time, 09:00 UTC on 1 November.
START = datetime(2026, 10, 31, 20, tzinfo=UTC)
END = START + 30 * HOUR
CALIFORNIA = ZoneInfo("America/Los_Angeles")
CONFIG = """
[sources.run_events]
path = "events"

[sources.intensity_file]
path = "intensity"
accounting = "lifecycle"

[sites.lyra]
grid_zone = "FR"
pue = 1.25

[sites.own]
grid_zone = "FR"
pue = 1.0
intensity_g_per_kwh = 5

[contracts.wind]
kind = "certificates"
regions = ["lyra"]
valid_from = 2026-10-01
valid_to = 2026-11-01
volume_kwh = 0.4
evidence = "cancelled 2026-11-10"

[contracts.tariff]
kind = "supplier"
regions = ["own"]
valid_from = 2026-01-01
valid_to = 2027-01-01
intensity_g_per_kwh = 20
"""


def event(run_id: str, region: str, start: datetime, hours: float) -> str:
    stop = start + hours * HOUR
    return json.dumps(
        {
            "event_id": f"{run_id}-finished",
            "event_type": "finished",
            "event_time": stop.isoformat(),
            "run_id": run_id,
            "job_name": "ladder",
            "status": "succeeded",
            "started_at": start.isoformat(),
            "ended_at": stop.isoformat(),
            "duration_s": hours * 3600,
            "vcpus": 100,
            "memory_gib": 1,
            "region": region,
        }
    )


def row(zone: str, start: datetime, stop: datetime, value: float, *, estimated: bool) -> str:
    return f"{zone},{start.isoformat()},{stop.isoformat()},{value},{str(estimated).lower()}"


def landed_hours() -> dict[datetime, tuple[float, bool]]:
    """Hours of California that the file knows: value, and whether it is estimated."""
    first = datetime(2026, 11, 1, 5, tzinfo=UTC)
    return {first + i * HOUR: (100.0 + 10 * i, i >= 7) for i in range(10) if i != 3}


def intensity_file() -> str:
    zone, half = "US-CAL-CISO", HOUR / 2
    lines = ["zone,from,to,intensity_g_per_kwh,is_estimated"]
    for start, (value, estimated) in landed_hours().items():
        lines.append(row(zone, start, start + half, value - 5, estimated=estimated))
        lines.append(row(zone, start + half, start + HOUR, value + 5, estimated=False))
    # Half of an hour does not tell the hour.
    half_known = datetime(2026, 11, 1, 8, tzinfo=UTC)
    lines.append(row(zone, half_known, half_known + half, 1.0, estimated=False))
    october = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    lines.append(row(zone, *october, 222.0, estimated=False))
    lines.append(row("own", START, START + HOUR, 7.0, estimated=False))
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def marts(night: Night) -> Marts:
    events = [
        event("california", "us-west-1", START, 30),
        event("own", "own", START, 3),
        event("covered", "lyra", datetime(2026, 10, 31, 22, tzinfo=UTC), 4),
    ]
    files = {"events/events.jsonl": "\n".join(events), "intensity/mine.csv": intensity_file()}
    return night("factor_ladder", CONFIG, files)


def seed(name: str) -> list[dict[str, str]]:
    with (SEEDS / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def yearly_of_california() -> float:
    rows = [
        row
        for row in seed("factors/grid_intensity_yearly.csv")
        if row["zone_type"] == "subdivision" and row["zone_id"] == "US-CA"
    ]
    newest = max(rows, key=lambda row: (int(row["year"]), row["published_on"]))
    return float(newest["intensity_g_per_kwh"])


def typical_ratio(hour_start: datetime) -> float:
    local = hour_start.astimezone(CALIFORNIA)
    (found,) = [
        float(row["intensity_ratio"])
        for row in seed("factors/hourly_profiles.csv")
        if row["grid_zone_id"] == "US-CAL-CISO"
        and (int(row["month"]), int(row["hour_local"])) == (local.month, local.hour)
    ]
    return found


def expected(hour_start: datetime) -> tuple[str, float]:
    known = landed_hours()
    if hour_start in known:
        value, estimated = known[hour_start]
        return ("hourly_estimated" if estimated else "hourly_measured"), value
    if hour_start < datetime(2026, 11, 1, tzinfo=UTC):
        return "monthly", 222.0
    return "hourly_profile", yearly_of_california() * typical_ratio(hour_start)


def test_every_hour_over_a_change_of_clocks_and_a_month_end_has_its_factor(marts: Marts) -> None:
    hours = marts.rows(
        "select * from fct_run_hours where run_id = 'california' order by hour_start_utc"
    )
    assert [row["hour_start_utc"].replace(tzinfo=UTC) for row in hours] == [
        START + i * HOUR for i in range(30)
    ]
    for row in hours:
        hour_start = row["hour_start_utc"].replace(tzinfo=UTC)
        resolution, value = expected(hour_start)
        assert (row["factor_resolution"], row["fraction_of_run"]) == (
            resolution,
            pytest.approx(1 / 30, rel=1e-12),
        ), hour_start
        assert row["grid_intensity_g_per_kwh"] == pytest.approx(value, rel=1e-12), hour_start
        assert row["emissions_location_g_co2e"] == pytest.approx(
            row["facility_energy_kwh"] * value, rel=1e-12
        )
    # The repeated hour of the local clock is two hours of UTC with one shape.
    assert {expected(START + i * HOUR)[0] for i in range(30)} == {
        "monthly",
        "hourly_measured",
        "hourly_estimated",
        "hourly_profile",
    }


def test_the_run_is_the_sum_of_its_hours_and_names_its_largest_factor(marts: Marts) -> None:
    run = marts.run("california")
    (hours,) = marts.rows(
        """
        select sum(facility_energy_kwh) as kwh, sum(emissions_location_g_co2e) as g
        from fct_run_hours where run_id = 'california'
        """
    )
    assert run["facility_energy_kwh"] == pytest.approx(hours["kwh"], rel=1e-9)
    assert run["emissions_location_g_co2e"] == pytest.approx(hours["g"], rel=1e-9)
    assert run["factor_resolution"] == "hourly_profile"


def test_a_place_of_its_own_goes_before_its_zone(marts: Marts) -> None:
    hours = marts.rows(
        """
        select grid_intensity_g_per_kwh, factor_resolution
        from fct_run_hours where run_id = 'own' order by hour_start_utc
        """
    )
    assert [tuple(row.values()) for row in hours] == [
        (7.0, "hourly_measured"),
        (5.0, "region_yearly"),
        (5.0, "region_yearly"),
    ]


def test_contracts_are_counted_up_to_their_volume_and_period(marts: Marts) -> None:
    hours = marts.rows("select * from fct_run_hours where run_id = 'covered' order by 2")
    in_period = sum(row["facility_energy_kwh"] for row in hours[:2])
    share = 0.4 / in_period
    assert 0 < share < 1
    for i, row in enumerate(hours):
        location = row["emissions_location_g_co2e"]
        assert row["emissions_market_g_co2e"] == pytest.approx(
            location * (1 - share) if i < 2 else location, rel=1e-9
        )
    (used,) = marts.rows("select * from fct_contract_use where contract_name = 'wind'")
    assert used["covered_energy_kwh"] == pytest.approx(0.4, rel=1e-9)
    assert used["eligible_energy_kwh"] == pytest.approx(in_period, rel=1e-9)


def test_the_market_method_is_said(marts: Marts) -> None:
    methods: dict[str, Any] = {
        run_id: (marts.run(run_id)["market_method"], marts.run(run_id)["market_source_id"])
        for run_id in ("own", "california")
    }
    assert methods["own"] == ("contract", "settings: contracts.tariff")
    assert methods["california"][0] == "location_average"
    own = marts.run("own")
    assert own["emissions_market_g_co2e"] == pytest.approx(20 * own["facility_energy_kwh"])
    assert own["contract_energy_ratio"] == pytest.approx(1.0)
