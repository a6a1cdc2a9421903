"""The real thing: the packaged sample through every source and model to published numbers."""

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from demo_commands import REPO, demo_environment, observatory

from observatory import files, snapshot


def version(report: dict[str, Any]) -> dict[str, Any]:
    return snapshot.version(Path(report["published_path"]))


def test_the_demo_publishes_numbers(demo_report: dict[str, Any]) -> None:
    assert demo_report["status"] == "ok"
    assert demo_report["runs"] > 1000
    assert demo_report["facility_energy_kwh"] > 1000
    assert demo_report["emissions_location_g_co2e"] > 100_000
    assert demo_report["effective_cost"] > 1000
    assert demo_report["coverage_ratio"] > 0.95
    assert demo_report["tests_passed"] > 200
    assert {source["name"] for source in demo_report["sources"]} >= {"focus", "slurm", "run_events"}
    assert demo_report["summary"]["teams"]
    assert demo_report["summary"]["remarkable"]


def test_the_snapshot_is_whole(demo_published: Path) -> None:
    folder = snapshot.current(demo_published)
    info = snapshot.version(folder)
    assert {path.name for path in folder.glob("*.parquet")} == set(info["sha256"])
    assert info["factor_versions"]
    for name, digest in info["sha256"].items():
        assert files.sha256(folder / name) == digest
    with duckdb.connect(str(folder / "observatory.duckdb"), read_only=True) as connection:
        for mart, rows in info["row_counts"].items():
            assert connection.execute(f"select count(*) from {mart}").fetchall() == [(rows,)]


def test_everything_but_landing_is_rebuilt_to_the_last_bit(
    demo_data: Path, demo_report: dict[str, Any], tmp_path: Path
) -> None:
    """On other threads, from a copied landing, as of the same instant: the same bytes."""
    shutil.copytree(demo_data / "landing", tmp_path / "landing")
    done = observatory(
        *("--config", str(REPO / "sample" / "observatory.toml"), "--json", "refresh"),
        *("--as-of", demo_report["as_of"], "--promote"),
        env={**demo_environment(tmp_path), "OBSERVATORY_REFRESH__THREADS": "3"},
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    assert version(again)["sha256"] == version(demo_report)["sha256"]
    assert again["published_version"] == demo_report["published_version"]


def test_a_second_night_lands_nothing_new_and_says_the_same(
    demo_data: Path, demo_report: dict[str, Any], tmp_path: Path
) -> None:
    shutil.copytree(demo_data / "landing", tmp_path / "landing")
    done = observatory("demo", "--json", env=demo_environment(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    assert all(source["rows_landed"] == 0 for source in again["sources"])
    for name in ("runs", "facility_energy_kwh", "emissions_location_g_co2e", "effective_cost"):
        assert again[name] == demo_report[name]
    before = {p.name for p in (demo_data / "landing").rglob("2*.parquet")}
    after = {p.name for p in (tmp_path / "landing").rglob("2*.parquet")}
    assert len(after - before) == 1  # the night's own record


@pytest.mark.parametrize("command", ["status", "sources"])
def test_the_commands_read_it(demo_data: Path, command: str) -> None:
    done = observatory(command, env=demo_environment(demo_data), cwd=demo_data)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_a_config_of_ones_own_never_lands_on_it(demo_data: Path, tmp_path: Path) -> None:
    (tmp_path / "observatory.toml").write_text("")
    done = observatory("refresh", "--json", env=demo_environment(demo_data), cwd=tmp_path)
    assert done.returncode == 2
    assert "demo" in json.loads(done.stdout)["message"]
