"""One night at a time."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ingest.errors import LockHeld
from observatory import lock

HOLDER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from observatory import lock
with lock.hold(Path(sys.argv[1]), Path(sys.argv[2]), datetime(2026, 11, 23, 3, 15, tzinfo=UTC)):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def places(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "data" / "warehouse.duckdb", tmp_path / "data" / "landing"


def holder(*places: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, *map(str, places)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_is_told_who_holds_it(places: tuple[Path, Path], now: object) -> None:
    process = holder(*places)
    try:
        with pytest.raises(LockHeld) as error, lock.hold(*places, now):  # type: ignore[arg-type]
            pass
    finally:
        process.kill()
        process.wait()
    for part in (f"pid {process.pid}", os.uname().nodename, "since 2026-11-23T03:15:00", "-c"):
        assert part in str(error.value)


def test_a_landing_shared_by_two_configs_is_locked_too(
    places: tuple[Path, Path], tmp_path: Path, now: object
) -> None:
    process = holder(*places)
    try:
        other = tmp_path / "other.duckdb"
        with pytest.raises(LockHeld), lock.hold(other, places[1], now):  # type: ignore[arg-type]
            pass
    finally:
        process.kill()
        process.wait()


def test_a_killed_holder_leaves_the_lock_free(
    places: tuple[Path, Path], now: object, caplog: pytest.LogCaptureFixture
) -> None:
    process = holder(*places)
    process.send_signal(signal.SIGKILL)
    process.wait()
    started = time.monotonic()
    with lock.hold(*places, now):  # type: ignore[arg-type]
        assert time.monotonic() - started < 1
        note = places[0].with_name("warehouse.duckdb.lock.json")
        assert json.loads(note.read_text())["pid"] == os.getpid()
    assert f"did not finish: pid {process.pid}" in caplog.text
    assert not note.exists()
