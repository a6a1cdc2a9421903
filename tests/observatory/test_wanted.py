"""Sources of hourly intensity are asked for the hours in which runs were, until those are final."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from grid_api import Api, Asked, Reply, serving

from ingest.sources import Window
from observatory.refresh import RefreshReport, ingest_only, refresh
from observatory.settings import load_settings
from observatory.wanted import _without_holes

HOUR, HALF_HOUR = timedelta(hours=1), timedelta(minutes=30)
NIGHT = datetime(2026, 11, 24, 4, tzinfo=UTC)
DAY = timedelta(days=1)
START = datetime(2026, 11, 23, 1, 30, tzinfo=UTC)


def event(run_id: str, region: str, start: datetime, hours: float) -> str:
    stop = start + hours * HOUR
    return json.dumps(
        {
            "event_id": run_id,
            "event_type": "finished",
            "event_time": stop.isoformat(),
            "run_id": run_id,
            "job_name": "wanted",
            "status": "succeeded",
            "started_at": start.isoformat(),
            "duration_s": hours * 3600,
            "instance_type": "m5.xlarge",
            "region": region,
        }
    )


def answer(known_until: list[datetime]) -> object:
    """The API: half-hours before `known_until` have happened, the later ones are forecast."""

    def reply(asked: Asked) -> Reply:
        first, last = (datetime.fromisoformat(part) for part in asked.path.split("/")[2:])
        steps = [first + i * HALF_HOUR for i in range((last - first) // HALF_HOUR)]
        return Reply(
            {
                "data": [
                    {
                        "from": f"{at:%Y-%m-%dT%H:%MZ}",
                        "to": f"{at + HALF_HOUR:%Y-%m-%dT%H:%MZ}",
                        "intensity": {
                            "forecast": 100,
                            "actual": 200 if at < known_until[0] else None,
                            "index": "low",
                        },
                    }
                    for at in steps
                ]
            }
        )

    return reply


def night(folder: Path, now: datetime) -> RefreshReport:
    return refresh(load_settings(folder / "observatory.toml"), now=now)


def land(folder: Path, now: datetime) -> None:
    """The part of a night that asks: the wanted hours are built, and landed."""
    outcomes = ingest_only(load_settings(folder / "observatory.toml"), [], now=now)
    assert {outcome.report.status for outcome in outcomes} == {"ok"}


def asked_for(api: Api) -> list[str]:
    """The windows that were asked for since the last look."""
    windows = ["--".join(asked.path.split("/")[2:]) for asked in api.asked]
    api.asked.clear()
    return windows


def test_three_nights_ask_only_for_what_is_not_final(
    tmp_path: Path, spare_parsing: Callable[[Path], None]
) -> None:
    spare_parsing(tmp_path / "data" / "dbt")
    known_until = [START + 2 * HOUR]
    with serving(answer(known_until)) as api:  # type: ignore[arg-type]
        (tmp_path / "observatory.toml").write_text(
            f'[sources.run_events]\npath = "events"\n\n[sources.neso]\nurl = "{api.url}"\n'
        )
        (tmp_path / "events").mkdir()
        (tmp_path / "events" / "a.jsonl").write_text(
            "\n".join(
                [
                    event("london", "eu-west-2", START, 2),
                    event("london-later", "eu-west-2", START + 5 * HOUR, 1),
                    event("paris", "eu-west-3", START, 4),
                ]
            )
        )
        land(tmp_path, NIGHT)
        assert asked_for(api) == [
            "2026-11-23T01:00Z--2026-11-23T04:00Z",
            "2026-11-23T06:00Z--2026-11-23T08:00Z",
        ]
        # What had only been forecast is asked for again; so is a new run's hour, and it alone.
        known_until[0] = START + 10 * HOUR
        (tmp_path / "events" / "b.jsonl").write_text(
            event("london-new", "eu-west-2", START + 3 * HOUR, 1)
        )
        land(tmp_path, NIGHT + DAY)
        assert asked_for(api) == ["2026-11-23T03:00Z--2026-11-23T08:00Z"]
        report = night(tmp_path, NIGHT + 2 * DAY)
        assert asked_for(api) == []
    with duckdb.connect() as connection:
        hours = connection.execute(
            "select run_id, hour_start_utc, factor_resolution, grid_intensity_g_per_kwh "
            f"from '{report.published.path}/fct_run_hours.parquet' "
            "where run_id like 'london%' order by all"
        ).fetchall()
    assert len(hours) == 7
    assert {(resolution, intensity) for *_, resolution, intensity in hours} == {
        ("hourly_measured", 200.0)
    }


def test_the_first_night_takes_the_forecast_until_it_has_happened(
    tmp_path: Path, spare_parsing: Callable[[Path], None]
) -> None:
    spare_parsing(tmp_path / "data" / "dbt")
    with serving(answer([START - DAY])) as api:  # type: ignore[arg-type]
        (tmp_path / "observatory.toml").write_text(
            f'[sources.run_events]\npath = "events.jsonl"\n\n[sources.neso]\nurl = "{api.url}"\n'
        )
        (tmp_path / "events.jsonl").write_text(event("london", "eu-west-2", START, 2))
        report = night(tmp_path, NIGHT)
    with duckdb.connect() as connection:
        (run,) = connection.execute(
            "select factor_resolution, grid_intensity_g_per_kwh, factor_source_id "
            f"from '{report.published.path}/fct_runs.parquet'"
        ).fetchall()
    assert run == ("hourly_estimated", pytest.approx(100.0), "neso.default")


@pytest.mark.parametrize(
    ("hours", "windows"),
    [
        ([], []),
        ([("GB", 1)], [("GB", 1, 2)]),
        ([("GB", 1), ("GB", 2), ("GB", 4)], [("GB", 1, 3), ("GB", 4, 5)]),
        ([("FR", 1), ("GB", 2), ("GB", 3)], [("FR", 1, 2), ("GB", 2, 4)]),
    ],
)
def test_windows_are_the_longest_without_a_hole(
    hours: list[tuple[str, int]], windows: list[tuple[str, int, int]]
) -> None:
    def at(hour: int) -> datetime:
        return datetime(2026, 11, 21, hour, tzinfo=UTC)

    found = list(_without_holes([(zone, at(hour).replace(tzinfo=None)) for zone, hour in hours]))
    assert found == [Window(zone, at(first), at(last)) for zone, first, last in windows]
