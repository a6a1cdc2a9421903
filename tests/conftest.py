"""What all tests may use."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

REPO = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """A developer's own OBSERVATORY_… variables do not reach the tests."""
    ours = {
        name: os.environ.pop(name) for name in list(os.environ) if name.startswith("OBSERVATORY_")
    }
    yield
    os.environ.update(ours)


@pytest.fixture(scope="session")
def shared_tmp(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A temporary folder of this run, the same in every worker."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


def observatory(*arguments: str, env: dict[str, str] | None = None, **options: Any) -> Any:
    """Run the real command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "observatory.cli", *arguments],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=600,
        **options,
    )


def demo_environment(data: Path) -> dict[str, str]:
    """The demo, but with its data elsewhere than in the checkout."""
    return {
        "OBSERVATORY_PATHS__LANDING": str(data / "landing"),
        "OBSERVATORY_PATHS__WAREHOUSE": str(data / "warehouse.duckdb"),
        "OBSERVATORY_PATHS__PUBLISHED": str(data / "published"),
        "OBSERVATORY_PATHS__INBOX": str(data / "inbox"),
    }


@pytest.fixture(scope="session")
def demo_data(shared_tmp: Path) -> Path:
    """The demo, run once for all tests: a folder with landing/, warehouse.duckdb, published/ and
    demo.json (what `demo --json` printed). Read only: copy what you change.
    """
    data = shared_tmp / "demo_data"
    with FileLock(shared_tmp / "demo_data.lock"):
        if not (data / "demo.json").exists():
            data.mkdir(exist_ok=True)
            done = observatory("demo", "--json", env=demo_environment(data), cwd=shared_tmp)
            assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
            (data / "demo.json").write_text(done.stdout)
    return data


@pytest.fixture(scope="session")
def demo_report(demo_data: Path) -> dict[str, Any]:
    """What `observatory demo --json` printed."""
    report: dict[str, Any] = json.loads((demo_data / "demo.json").read_text())
    return report


@pytest.fixture(scope="session")
def demo_published(demo_data: Path) -> Path:
    """The demo's `published` folder."""
    return demo_data / "published"
