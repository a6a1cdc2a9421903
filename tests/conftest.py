"""What all tests may use."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from demo_commands import demo_environment, observatory
from filelock import FileLock


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that run nights of their own go first, so that workers end at about the same time."""
    items.sort(key=lambda item: "models" not in item.path.parts)


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
