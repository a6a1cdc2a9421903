"""What all tests may use."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from demo_commands import demo_environment, observatory
from environments import environment
from filelock import FileLock

from observatory import build
from observatory.settings import load_settings


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
def frameworks() -> Path:
    """The programs of an environment with real MLflow, scikit-learn, transformers and kfp."""
    return environment("frameworks")


@pytest.fixture(scope="session")
def airflow() -> Path:
    """The programs of an environment with a real Airflow and OpenLineage's client."""
    return environment("airflow")


@pytest.fixture(scope="session")
def parsed(shared_tmp: Path) -> Path:
    """The folder in which dbt parsed the project, once for all tests: it has its manifest.json."""
    folder = shared_tmp / "parsed"
    with FileLock(shared_tmp / "parsed.lock"):
        folder.mkdir(exist_ok=True)
        (folder / "observatory.toml").touch()
        settings = load_settings(folder / "observatory.toml")
        target = build.dbt_folder(settings.paths.warehouse)
        if not (target / build.PARSED).exists():
            build.invoke(["parse"], settings, settings.paths.warehouse, build.project_dir())
    return target


@pytest.fixture(scope="session")
def spare_parsing(parsed: Path) -> Callable[[Path], None]:
    """Gives a folder of dbt's what dbt knows of the project, so that it need not parse it."""

    def spare(target: Path) -> None:
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(parsed / build.PARSED, target / build.PARSED)

    return spare


@pytest.fixture(scope="session")
def demo_data(shared_tmp: Path, spare_parsing: Callable[[Path], None]) -> Path:
    """The demo, run once for all tests: a folder with landing/, warehouse.duckdb, published/ and
    demo.json (what `demo --json` printed). Read only: copy what you change.
    """
    data = shared_tmp / "demo_data"
    with FileLock(shared_tmp / "demo_data.lock"):
        if not (data / "demo.json").exists():
            spare_parsing(data / "dbt")
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
