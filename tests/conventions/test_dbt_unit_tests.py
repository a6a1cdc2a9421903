"""dbt's unit tests: named cases of the ladder, the folding of events, the baselines. The night
leaves them out, because they ask about the code and not about the data."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingest.landing import Landing
from observatory import build
from observatory.refresh import datasets
from observatory.settings import load_settings


@pytest.fixture(scope="module")
def unit_tests(
    tmp_path_factory: pytest.TempPathFactory, spare_parsing: Callable[[Path], None]
) -> list[dict[str, Any]]:
    """The results of all unit tests, on models built over an empty landing."""
    folder: Path = tmp_path_factory.mktemp("unit_tests")
    (folder / "observatory.toml").touch()
    settings = load_settings(folder / "observatory.toml")
    Landing(settings.paths.landing).initialise(datasets())
    target = build.dbt_folder(settings.paths.warehouse)
    spare_parsing(target)
    build.invoke(
        ["build", "--exclude-resource-type", "test"],
        settings,
        settings.paths.warehouse,
        build.project_dir(),
    )
    run = json.loads((target / "run_results.json").read_text())
    others = [r for r in run["results"] if not r["unique_id"].startswith("unit_test.")]
    broken = [r["unique_id"] for r in others if r["status"] == "error"]
    assert not broken, "models that do not build over an empty landing"
    return [r for r in run["results"] if r["unique_id"].startswith("unit_test.")]


def test_every_unit_test_passes(unit_tests: list[dict[str, Any]]) -> None:
    assert unit_tests
    failed = {r["unique_id"]: r["message"] for r in unit_tests if r["status"] != "pass"}
    assert not failed


def test_the_models_that_decide_have_unit_tests(unit_tests: list[dict[str, Any]]) -> None:
    tested = {r["unique_id"].split(".")[2] for r in unit_tests}
    for subject in ("int_energy__", "int_carbon__", "int_runs__", "int_kpi__", "int_calibration__"):
        assert any(model.startswith(subject) for model in tested), subject
