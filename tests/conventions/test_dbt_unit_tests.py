"""dbt's unit tests: named cases of the ladder, the folding of events, the baselines. The night
leaves them out, because they ask about the code and not about the data."""

import json
from pathlib import Path
from typing import Any

import pytest
from promises import ROOT


@pytest.fixture(scope="module")
def unit_tests(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The results of all unit tests, on models built over an empty landing."""
    from dbt.cli.main import dbtRunner

    from ingest.landing import Landing
    from observatory.refresh import datasets

    folder: Path = tmp_path_factory.mktemp("unit_tests")
    Landing(folder / "landing").initialise(datasets())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OBSERVATORY_LANDING", str(folder / "landing"))
        patch.setenv("OBSERVATORY_WAREHOUSE", str(folder / "warehouse.duckdb"))
        patch.setenv("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
        result = dbtRunner().invoke(
            [
                "--quiet",
                "build",
                *("--exclude-resource-type", "test"),
                *("--project-dir", str(ROOT)),
                *("--profiles-dir", str(ROOT)),
                *("--target-path", str(folder / "target")),
                *("--log-path", str(folder / "logs")),
            ]
        )
    assert result.exception is None
    run = json.loads((folder / "target" / "run_results.json").read_text())
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
    for subject in ("int_energy__", "int_carbon__", "int_runs__", "int_kpi__"):
        assert any(model.startswith(subject) for model in tested), subject
