"""From a training to its row, each part for real: a training under the hook and inside an MLflow
run posts to the collector; the night runs; `fct_runs`, the app and `explain` tell the same story.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import requests
from hooked_counters import UNDER_THE_HOOK, USE_ENERGY, write_counters
from mlflow_server import serving
from service import TOKEN, running, write_config
from streamlit.testing.v1 import AppTest

from app.i18n import TEXTS

ROOT = Path(__file__).parents[2]
CONFIG = """
[reporting]
currency = "EUR"

[sources.mlflow]
url = "{mlflow}"
site = "cellar"

[sites.cellar]
grid_zone = "FR"
pue = 1.5
price_per_vcpu_hour = 0.05
price_currency = "EUR"

[sites.cellar.hosts.node]
vcpus = 128
memory_gib = 512
cpu_model = "AMD EPYC 7763"
"""
TRAINING = (
    USE_ENERGY
    + """
import mlflow
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

rows, labels = load_iris(return_X_y=True)
with mlflow.start_run():
    model = LogisticRegression(max_iter=500).fit(rows, labels)
    use_energy(sys.argv[1])
    mlflow.log_metric("accuracy", 0.9733333333333334 if model.score(rows, labels) > 0.9 else 0.0)
"""
)


@pytest.fixture(scope="module")
def mlflow(frameworks: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(frameworks, tmp_path_factory.mktemp("mlflow")) as url:
        yield url


def asked(url: str, path: str, **body: object) -> Any:
    """MLflow's answer to a POST."""
    answer = requests.post(f"{url}/api/2.0/mlflow/{path}", json=body, timeout=30)
    answer.raise_for_status()
    return answer.json()


def train(folder: Path, mlflow: str, collector: str, frameworks: Path) -> str:
    """The id of an MLflow run in which the hook ran a training; its model is registered."""
    experiment = asked(mlflow, "experiments/create", name="iris")["experiment_id"]
    opened = asked(
        mlflow, "runs/create", experiment_id=experiment, run_name="fit", user_id="ada",
        start_time=int(time.time() * 1000),
    )  # fmt: skip
    run_id: str = opened["run"]["info"]["run_id"]
    write_counters(folder / "machine")
    (folder / "train.py").write_text(TRAINING)
    done = subprocess.run(
        [frameworks / "python", "-c", UNDER_THE_HOOK, folder / "machine", "--",
         frameworks / "python", "train.py", folder / "machine"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "PYTHONPATH": str(ROOT / "hook"),
            "MLFLOW_TRACKING_URI": mlflow,
            "MLFLOW_RUN_ID": run_id,
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "CARBON_HOOK_URL": collector,
            "CARBON_HOOK_TOKEN": TOKEN,
            "CARBON_HOOK_CLOUD": "0",
            "CARBON_HOOK_REGION": "cellar",
            "CARBON_HOOK_INSTANCE_TYPE": "node",
            "SLURM_CPUS_ON_NODE": str(os.cpu_count()),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    asked(mlflow, "registered-models/create", name="iris-classifier")
    asked(
        mlflow, "model-versions/create",
        name="iris-classifier", source=f"runs:/{run_id}/model", run_id=run_id,
    )  # fmt: skip
    return run_id


@pytest.fixture(scope="module")
def told(
    mlflow: str,
    frameworks: Path,
    tmp_path_factory: pytest.TempPathFactory,
    spare_parsing: Callable[[Path], None],
) -> Any:
    """(folder with the config, the published snapshot, the MLflow run's id) after the night."""
    folder = tmp_path_factory.mktemp("training")
    config = write_config(folder, CONFIG.format(mlflow=mlflow))
    with running(folder) as collector:
        run_id = train(folder, mlflow, f"{collector.url}/v1/events", frameworks)
    spare_parsing(folder / "data" / "dbt")
    report = observatory(config, "refresh")
    return config, Path(report["published_path"]), run_id


def observatory(config: Path, *words: str) -> Any:
    """What a command prints with --json."""
    done = subprocess.run(
        [sys.executable, "-m", "observatory.cli", "--config", config, "--json", *words],
        cwd=config.parent, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def rows(published: Path, sql: str) -> list[dict[str, Any]]:
    with duckdb.connect(published / "observatory.duckdb", read_only=True) as connection:
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def test_one_row_has_owner_model_quality_energy_carbon_and_cost(told: Any) -> None:
    _, published, mlflow_run = told
    (row,) = rows(published, "select * from fct_runs")
    assert (row["job_name"], row["status"], row["owner"]) == ("train", "succeeded", "ada")
    assert (row["model_name"], row["model_version"]) == ("iris-classifier", "1")
    metrics = rows(published, "select metric_name, metric_value from fct_run_metrics")
    assert metrics == [{"metric_name": "accuracy", "metric_value": pytest.approx(0.97333333)}]
    assert row["energy_method"] == "measured"
    assert row["it_energy_kwh"] == pytest.approx((7200 + 360) / 3.6e6, rel=0.01)
    assert row["emissions_location_g_co2e"] > 0
    assert (row["cost_method"], row["effective_cost"] > 0) == ("site_rate", True)
    sources = rows(published, "select source, matched_by, matched_key from fct_run_identities")
    assert {row["source"] for row in sources} == {"run_events", "mlflow"}
    assert {(row["matched_by"], row["matched_key"]) for row in sources} == {
        ("mlflow_run", mlflow_run)
    }


def test_explain_names_the_counters_of_the_hook(told: Any) -> None:
    config, published, _ = told
    (row,) = rows(published, "select run_id from fct_runs")
    text = json.dumps(observatory(config, "explain", row["run_id"]))
    assert "rapl" in text


def test_the_app_shows_it(told: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _, published, _ = told
    (row,) = rows(published, "select run_id from fct_runs")
    monkeypatch.setenv("OBSERVATORY_PATHS__PUBLISHED", str(published.parent))
    app = AppTest.from_file(str(ROOT / "app" / "streamlit_app.py"), default_timeout=60)
    app.run().switch_page("views/run.py")
    app.query_params["run_id"] = row["run_id"]
    app.run()
    assert not app.exception
    kinds = ("subheader", "markdown", "text")
    said = "\n".join(str(element.value) for kind in kinds for element in app.get(kind))
    said += "\n".join(f"{metric.label} {metric.value} {metric.help}" for metric in app.metric)
    for word in (
        "train",
        "ada",
        "iris-classifier · 1",
        "accuracy 0.973333",
        TEXTS["en"]["rung.measured"],
    ):
        assert word in said, word
