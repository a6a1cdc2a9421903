"""What nights restate, and `compare`: on the tiny project with months."""

import json
import logging
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import months
import polars as pl
import pytest
import tiny

from ingest.errors import BuildFailed, ConfigError
from observatory import cli, compare, files, snapshot
from observatory.refresh import RefreshReport, refresh
from observatory.settings import Settings, load_settings

DRIVER = Path(__file__).with_name("driver.py")
NIGHT = datetime(2026, 11, 10, 3, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="session")
def months_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return months.write_project(tmp_path_factory.mktemp("months"))


@pytest.fixture
def site(tmp_path: Path, months_project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tiny.install(months_project, monkeypatch.setattr)
    (tmp_path / "in").mkdir()
    write(tmp_path, a="2026-10-05 r1,1\n2026-10-06 r2,2\n2026-11-07 now,4\n")
    configure(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """The command's loggers write to a terminal that is gone with the test."""
    loggers = [logging.getLogger(name) for name in ("observatory", "ingest")]
    before = [(logger.handlers, logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers, logger.propagate = handlers, propagate
        logger.setLevel(level)


def write(site: Path, **texts: str) -> None:
    for name, text in texts.items():
        (site / "in" / f"{name}.txt").write_text(text)


def configure(site: Path, threshold: float = 3.0) -> Settings:
    config = site / "observatory.toml"
    config.write_text(f'[anomaly]\nthreshold = {threshold}\n[sources.tiny]\npath = "in"\n')
    return load_settings(config)


def night(site: Path, number: int = 0, **options: Any) -> RefreshReport:
    settings = load_settings(site / "observatory.toml")
    return refresh(settings, now=NIGHT + number * DAY, **options)


def restated(report: RefreshReport) -> list[tuple[Any, ...]]:
    """(month, metric, before, after, cause) of what a snapshot says that was restated."""
    with snapshot.connect(report.published.path) as connection:
        rows: list[tuple[Any, ...]] = connection.execute(
            """
            select left(month::varchar, 7), metric, before, after, cause, from_version, to_version
            from fct_restatements
            order by from_as_of_utc, month, metric desc, cause_number
            """
        ).fetchall()
    return rows


def landed(site: Path) -> pl.DataFrame:
    manifest = pl.read_parquet(site / "data" / "landing" / "_deliveries" / "*.parquet")
    return manifest.filter(pl.col("dataset") == "_restatements")


ENERGY, EMISSIONS = "facility_energy_kwh", "emissions_location_g_co2e"


def test_a_night_tells_what_it_changes_in_past_months(site: Path) -> None:
    first = night(site)
    assert restated(first) == []
    write(site, a="2026-10-05 r1,1\n2026-10-06 r2,5\n2026-11-07 now,9\n", b="2026-10-09 r3,1\n")
    second = night(site, 1)
    pair = (first.published.version, second.published.version)
    expected = [
        ("2026-10", ENERGY, 3.0, 4.0, "late_data", *pair),
        ("2026-10", ENERGY, 4.0, 7.0, "provider_restatement", *pair),
        ("2026-10", EMISSIONS, 300.0, 400.0, "late_data", *pair),
        ("2026-10", EMISSIONS, 400.0, 700.0, "provider_restatement", *pair),
    ]
    assert restated(second) == expected
    plain = second.to_json()
    assert len(plain["restatements"]) == len(expected)
    assert (plain["status"], plain["content_sha256"][:10]) == ("ok", pair[1][-10:])
    # A quiet night tells nothing new and keeps what was told.
    third = night(site, 2)
    assert restated(third) == expected
    assert landed(site).height == 1

    # What was known then is known again, and a rebuild lands nothing.
    for report in (first, second, third):
        again = night(site, 3, as_of=report.as_of)
        assert again.published.info["sha256"] == report.published.info["sha256"]
        assert again.published.version == report.published.version
    assert landed(site).height == 1


def test_a_month_is_past_when_it_was_over_for_those_who_read_it(site: Path) -> None:
    settings = load_settings(site / "observatory.toml")
    last_day = datetime(2026, 10, 31, 3, tzinfo=UTC)
    refresh(settings, now=last_day)
    write(site, b="2026-10-31 evening,1\n")
    assert refresh(settings, now=last_day + DAY).restated.changes == []
    write(site, c="2026-10-31 late,1\n")
    (energy,) = [
        change
        for change in refresh(settings, now=last_day + 2 * DAY).restated.changes
        if change.metric == ENERGY
    ]
    assert (energy.before, energy.after, energy.cause) == (4.0, 5.0, "late_data")


def test_everything_at_once_is_taken_apart(
    site: Path, months_project: Path, tmp_path: Path
) -> None:
    """Another model, a setting, a late run, and a factor that came with the release."""
    first = night(site)
    release = months.write_project(tmp_path / "release")
    model = release / "models" / "marts" / "fct_runs.sql"
    model.write_text(model.read_text().replace("1 * kwh", "2 * kwh"))
    grid = release / "seeds" / "grid.csv"
    # Recorded when the release was made, before the first night.
    grid.write_text(f"{months.GRID}150,2026-11-01,2026-11-05\n")
    configure(site, 6.0)
    write(site, b="2026-10-09 r3,1\n")
    second = night(site, 1, project=release)
    assert [row[1:5] for row in restated(second)] == [
        (ENERGY, 3.0, 6.0, "code"),
        (ENERGY, 6.0, 12.0, "settings"),
        (ENERGY, 12.0, 16.0, "late_data"),
        (EMISSIONS, 300.0, 600.0, "code"),
        (EMISSIONS, 600.0, 1200.0, "settings"),
        (EMISSIONS, 1200.0, 1600.0, "late_data"),
        (EMISSIONS, 1600.0, 2400.0, "factor_version"),
    ]
    found = found_between(site, first, second, project=release)
    assert found["unattributed"] == 0
    assert found["metrics"][1] | {"metric": ENERGY} == {
        "metric": ENERGY,
        "unit": "kWh",
        "before": 7.0,
        "after": 32.0,
        "change": 25.0,
    }
    # By the code of the first night: what it cannot tell apart is the code's.
    by_old = found_between(site, first, second, project=months_project)
    assert by_old["unattributed"] == 0
    assert {row["cause"] for row in by_old["rows"]} == {"settings", "late_data", "code"}
    left = [path for path in (site / "data").iterdir() if path.name.startswith(".comparing")]
    assert left == []


def found_between(site: Path, a: RefreshReport, b: RefreshReport, **options: Any) -> Any:
    settings = load_settings(site / "observatory.toml")
    states = (compare.find(settings, report.published.version) for report in (a, b))
    return compare.compare(settings, *states, **options).to_json()


@pytest.mark.parametrize(
    ("file", "old", "new", "cause"),
    [
        ("models/marts/fct_runs.sql", "1 * kwh", "2 * kwh", "code"),
        # An older row was corrected: nobody recorded when.
        ("seeds/grid.csv", "100,", "120,", "factor_version"),
        ("seeds/grid.csv", "\n100", "\n130,2026-11-11,2026-11-11\n100", "factor_version"),
    ],
)
def test_a_release_alone_is_named_without_building_anything(
    site: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    old: str,
    new: str,
    cause: str,
) -> None:
    night(site)
    release = months.write_project(tmp_path / "release")
    text = (release / file).read_text()
    assert old in text
    (release / file).write_text(text.replace(old, new))
    monkeypatch.setattr("observatory.build.build_part", None)
    report = night(site, 1, project=release)
    assert report.status == "ok"
    assert {change.cause for change in report.restated.changes} == {cause}


POINTS = [
    "observatory.build:build_again:before",  # what is restated is landed, but in no mart
    "observatory.publish:_write_duckdb:before",
    "observatory.publish:files.point:before",
]


@pytest.mark.parametrize("point", POINTS)
def test_a_night_killed_after_it_told_is_not_counted_twice(
    site: Path, months_project: Path, point: str
) -> None:
    now = datetime.now(UTC)
    month = (now.replace(day=1) - DAY).strftime("%Y-%m")
    write(site, a=f"{month}-05 r1,1\n")
    settings = load_settings(site / "observatory.toml")
    first = refresh(settings, now=now - timedelta(minutes=5)).published
    write(site, b=f"{month}-05 r2,4\n")
    killed = subprocess.run(
        [sys.executable, DRIVER, months_project, point, "refresh"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert killed.returncode == -9, killed.stderr
    assert landed(site).height == 1
    assert snapshot.current(settings.paths.published) == first.path
    # Even if the next night's clock says that it came first.
    report = refresh(settings, now=now - timedelta(minutes=1))
    told = [row for row in restated(report) if row[1] == ENERGY]
    assert [row[2:] for row in told] == [
        (1.0, 5.0, "late_data", first.version, report.published.version)
    ]
    again = refresh(settings, now=datetime.now(UTC), as_of=report.as_of)
    assert again.published.info["sha256"] == report.published.info["sha256"]


def test_what_a_killed_night_told_goes_if_it_did_not_come_true(
    site: Path, months_project: Path
) -> None:
    now = datetime.now(UTC)
    month = (now.replace(day=1) - DAY).strftime("%Y-%m")
    write(site, a=f"{month}-05 r1,1\n")
    settings = load_settings(site / "observatory.toml")
    refresh(settings, now=now - timedelta(minutes=5))
    write(site, a=f"{month}-05 r1,4\n")
    subprocess.run(
        [sys.executable, DRIVER, months_project, POINTS[1], "refresh"],
        capture_output=True,
        timeout=120,
    )
    assert landed(site)["rows_landed"].to_list() == [2]
    write(site, a=f"{month}-05 r1,1\n")
    assert restated(refresh(settings, now=datetime.now(UTC))) == []


@pytest.mark.parametrize("where", ["compare.compare", "build.build_again"])
def test_what_cannot_be_compared_does_not_stop_the_night(
    site: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    night(site)
    write(site, b="2026-10-09 r3,1\n")

    def fail(*arguments: Any, **options: Any) -> None:
        raise BuildFailed("no state between")

    monkeypatch.setattr(f"observatory.{where}", fail)
    report = night(site, 1)
    assert report.status == "partial"
    assert "could not be told: no state between" in report.message
    assert snapshot.current(site / "data" / "published") == report.published.path
    status = json.loads((site / "data" / "published" / "status.json").read_text())
    assert status["status"] == "partial"


def test_a_rebuild_that_readers_get_is_what_the_next_night_compares_with(site: Path) -> None:
    first = night(site)
    write(site, b="2026-10-09 r3,1\n")
    night(site, 1)
    night(site, 2, as_of=first.as_of, promote=True)
    assert landed(site).height == 1
    third = night(site, 3)
    told = [row for row in restated(third) if row[1] == ENERGY]
    assert [row[2:] for row in told] == [
        (3.0, 4.0, "late_data", first.published.version, third.published.version)
    ]


def test_compare_on_the_command_line(
    site: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    first = night(site)
    write(site, b="2026-10-09 r3,1\n")
    second = night(site, 1)
    assert cli.run(["compare", first.published.version, "current", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["from"], found["to"]) == (first.published.version, second.published.version)
    assert found["unattributed"] == 0
    assert found["rows"][-1] | {"month": "2026-10-01"} == {
        "month": "2026-10-01",
        "metric": ENERGY,
        "unit": "kWh",
        "before": 3.0,
        "after": 4.0,
        "cause": "late_data",
        "change": 1.0,
        "runs": 1,
    }
    assert found["runs"][0]["run_id"] == "2026-10-09 r3"

    assert cli.run(["compare", "current", first.published.version, "--runs", "0", "--json"]) == 0
    backwards = json.loads(capsys.readouterr().out)
    assert [row["change"] for row in backwards["rows"]] == [-row["change"] for row in found["rows"]]
    assert backwards["runs"] == []

    today = datetime.now(UTC).date().isoformat()
    assert cli.run(["compare", first.published.version, today]) == 0
    assert "late_data" in capsys.readouterr().out
    assert cli.run(["compare", today, "current"]) == 0
    assert "Nothing changed" in capsys.readouterr().out
    assert cli.run(["compare", "2020-01-01", "current"]) == 2
    assert first.published.version in capsys.readouterr().err
    assert cli.run(["compare", "20200101T000000000000Z-abc", "current"]) == 2
    message = capsys.readouterr().err
    assert "keep_versions" in message
    assert second.published.version in message


def test_a_date_is_what_readers_got_then(site: Path) -> None:
    settings = load_settings(site / "observatory.toml")
    reports = [night(site, number) for number in range(3)]
    rebuild = night(site, 3, as_of=reports[0].as_of + timedelta(hours=2))
    assert compare.find(settings, "2026-11-10").version == reports[0].published.version
    assert compare.find(settings, "2026-11-11").version == reports[1].published.version
    at = "2026-11-12T03:59:00+01:00"
    assert compare.find(settings, at).version == reports[1].published.version
    assert compare.find(settings, "current").version == reports[2].published.version
    assert compare.find(settings, rebuild.published.version).as_of == rebuild.as_of
    shutil.rmtree(reports[1].published.path)
    with pytest.raises(ConfigError, match=reports[1].published.version):
        compare.find(settings, "2026-11-11")


def test_versions_before_fingerprints_were_kept_can_be_compared(site: Path) -> None:
    first = night(site)
    info = snapshot.version(first.published.path)
    kept = {
        name: value
        for name, value in info.items()
        if name not in ("models_sha256", "factors_sha256", "factors_recorded_on")
    }
    files.write_json(first.published.path / "version.json", kept)
    write(site, b="2026-10-09 r3,1\n")
    second = night(site, 1)
    assert {row[4] for row in restated(second)} == {"late_data"}


def test_what_a_killed_comparison_left_goes(site: Path) -> None:
    left = site / "data" / f"{compare.SCRATCH}left"
    left.mkdir(parents=True)
    night(site)
    assert left.exists()
    refresh(load_settings(site / "observatory.toml"), now=datetime.now(UTC) + 2 * DAY)
    assert not left.exists()
