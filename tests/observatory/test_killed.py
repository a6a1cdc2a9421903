"""Killed at any instant, the night leaves the last snapshot, and the next night puts it right."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from observatory import files, snapshot
from observatory.refresh import refresh
from observatory.settings import Settings

DRIVER = Path(__file__).with_name("driver.py")

POINTS = [
    "ingest.landing:Landing.record:before",  # the data is there, its manifest row is not
    "ingest.landing:Landing.record:after",
    "observatory.build:_Watcher.__call__:before",  # in the middle of the models
    "observatory.build:invoke:after",
    "observatory.publish:_write_duckdb:before",
    "observatory.build:take_place:before",
    "observatory.build:take_place:after",
    "observatory.publish:files.point:before",  # the version is there, nobody points to it
    "observatory.publish:files.point:after",
    "observatory.refresh:_record_night:before",
]


POINTED = "observatory.publish:files.point:after"


def whole(folder: Path) -> int:
    """The number of runs of a snapshot, after checking every file's hash."""
    info = snapshot.version(folder)
    for name, digest in info["sha256"].items():
        assert files.sha256(folder / name) == digest
    runs: int = snapshot.totals(folder)["runs"]
    return runs


@pytest.mark.parametrize("point", POINTS)
def test_killed(settings: Settings, tiny_project: Path, point: str) -> None:
    published = settings.paths.published
    first = refresh(settings, now=datetime.now(UTC) - timedelta(minutes=5)).published
    (settings.base / "in" / "b.txt").write_text("r4,1\n")
    killed = subprocess.run(
        [sys.executable, DRIVER, tiny_project, point, "refresh"],
        cwd=settings.base,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert killed.returncode == -9, killed.stderr

    visible = snapshot.current(published)
    if point == "observatory.publish:files.point:before":
        assert visible == first.path
        assert len([p for p in published.glob("2*")]) == 2
    assert whole(visible) == (4 if POINTS.index(point) >= POINTS.index(POINTED) else 3)

    report = refresh(settings, now=datetime.now(UTC))
    assert report.status == "ok"
    assert whole(snapshot.current(published)) == 4
    left = [
        path
        for folder in (settings.paths.landing, settings.paths.warehouse.parent, published)
        for path in folder.rglob("*")
        if path.name.startswith(".")
        and path not in (settings.paths.landing / ".tmp", settings.paths.landing / ".lock")
    ]
    assert left == []
    assert not any((settings.paths.landing / ".tmp").iterdir())


@pytest.mark.parametrize(
    "point",
    [
        "observatory.refresh:ingest_sources:before",
        "observatory.build:_Watcher.__call__:before",  # dbt's threads are at work
        "observatory.publish:_write_duckdb:before",
    ],
)
def test_ended_by_a_scheduler(settings: Settings, tiny_project: Path, point: str) -> None:
    first = refresh(settings, now=datetime.now(UTC) - timedelta(minutes=5)).published
    (settings.base / "in" / "b.txt").write_text("r4,1\n")
    ended = subprocess.run(
        [sys.executable, DRIVER, tiny_project, f"{point}:SIGTERM", "refresh"],
        cwd=settings.base,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 143, ended.stderr
    assert "ended by SIGTERM" in ended.stderr
    status = json.loads((settings.paths.published / snapshot.STATUS).read_text())
    assert (status["status"], status["message"]) == ("failed", "ended by SIGTERM")
    assert status["published_version"] == first.version
    assert snapshot.current(settings.paths.published) == first.path
    assert refresh(settings, now=datetime.now(UTC)).totals["runs"] == 4
