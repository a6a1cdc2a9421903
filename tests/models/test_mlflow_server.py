"""A real MLflow server: what its users did there, in a night."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from mlflow_server import serving

from ingest.landing import Landing
from ingest.runner import run_source
from ingest.sources import SourceContext
from ingest.sources import mlflow as source
from observatory.settings import load_settings

HOOK = Path(__file__).parents[2] / "hook"
SACCT = (
    "JobIDRaw|JobName|User|Account|Cluster|State|Submit|Start|End|ElapsedRaw|AllocTRES\n"
    "11|sort|slurmuser|nlp|lyra|COMPLETED|2026-11-03T09:00:00|2026-11-03T10:00:00|"
    "2026-11-03T11:00:00|3600|cpu=4,mem=16G,node=1\n"
)


@dataclass(frozen=True)
class Server:
    url: str
    runs: dict[str, str]
    events: str

    def run_id(self, name: str) -> str:
        return f"mlflow:{self.runs[name]}"


@pytest.fixture(scope="module")
def server(frameworks: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with runs in it; it takes 15 s to start, so there is one."""
    folder = tmp_path_factory.mktemp("mlflow")
    with serving(frameworks, folder) as url:
        environ = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environ |= {"HOME": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true"}
        environ |= {"PYTHONPATH": str(HOOK), "MLFLOW_TRACKING_URI": url}
        environ |= {"CARBON_HOOK_INBOX": str(folder / "inbox"), "CARBON_HOOK_CLOUD": "0"}
        program = Path(__file__).with_name("mlflow_runs.py")
        done = subprocess.run(
            [frameworks / "python", program, folder / "runs.json"],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        runs = json.loads((folder / "runs.json").read_text())
        events = "".join(path.read_text() for path in (folder / "inbox").glob("*.jsonl"))
        yield Server(url, runs, events)


@pytest.fixture(scope="module")
def marts(night: Any, server: Server) -> Any:
    counted = {
        "event_id": "counted",
        "event_type": "finished",
        "run_id": "hooked",
        "job_name": "counted",
        "event_time": "2026-11-03T11:00:00Z",
        "duration_s": 3600,
        "tags": {"mlflow.run_id": server.runs["counted"].upper()},
        "energy": [
            {
                "component": "accelerator",
                "device_id": f"GPU-00000000-0000-0000-0000-00000000000{number}",
                "method": "nvml_energy",
                "boundary": "component",
                "from": "2026-11-03T10:00:00Z",
                "to": "2026-11-03T11:00:00Z",
                "energy_j": 360_000,
            }
            for number in range(8)
        ],
    }
    config = f"""
        [sites.lyra]
        grid_zone = "FR"
        pue = 1.2

        [sources.mlflow]
        url = "{server.url}"
        page_size = 3

        [sources.slurm]
        path = "jobs"

        [sources.run_events]
        path = "events"
    """
    files = {"events/e.jsonl": server.events + json.dumps(counted) + "\n", "jobs/sacct": SACCT}
    return night("mlflow_server", config, files)


def test_it_lands_whole(marts: Any) -> None:
    assert marts.returncode == 0
    (told,) = marts.rows("select count(*) as n from fct_run_identities where source = 'mlflow'")
    assert told["n"] == 13


def test_a_training_under_the_hook_is_one_run(marts: Any, server: Server) -> None:
    (event,) = {json.loads(line)["run_id"] for line in server.events.splitlines()}
    run = marts.run(event)
    assert (run["owner"], run["team"], run["job_name"]) == ("ana", "vision", "trained")
    assert (run["model_name"], run["model_version"]) == ("iris-kinds", "1")
    assert run["dataset_name"] == "irises"
    assert run["status"] == "succeeded"
    told = marts.rows(
        "select source, matched_by from fct_run_identities where run_id = ? order by source", event
    )
    assert [row["source"] for row in told] == ["mlflow", "run_events"]
    assert {row["matched_by"] for row in told} == {"mlflow_run"}


def test_a_run_in_a_slurm_job_is_the_job(marts: Any, server: Server) -> None:
    run = marts.run("slurm:lyra:11")
    assert (run["owner"], run["model_name"], run["model_version"]) == ("ana", "sorter", "3")
    assert (run["job_name"], run["team"]) == ("nightly", "nlp")
    assert run["it_energy_kwh"] > 0
    (sci,) = marts.rows("select * from fct_run_sci where run_id = 'slurm:lyra:11'")
    assert (sci["kpi_name"], sci["functional_units"]) == ("predictions", 1000)
    assert not marts.rows("select 1 from fct_runs where run_id = ?", server.run_id("in_slurm"))


def test_a_parent_does_not_double_its_children(marts: Any, server: Server) -> None:
    hours = {
        name: marts.run(server.run_id(name))["duration_s"] / 3600
        for name in ("parent", "first", "second", "third")
    }
    assert hours["parent"] == pytest.approx(1 - 35 / 60 - 10 / 60)
    assert hours["first"] == pytest.approx(0.5)
    energy = {name: marts.run(server.run_id(name))["it_energy_kwh"] for name in hours}
    assert energy["parent"] / energy["first"] == pytest.approx(hours["parent"] / 0.5)


def test_gpu_power_is_measured(marts: Any, server: Server) -> None:
    gpu = marts.components(server.run_id("powered"))["accelerator"]
    assert gpu["energy_method"] == "measured_partial"
    assert gpu["measured_energy_kwh"] == pytest.approx(8 * 0.3 * 3000 / 3600)
    assert marts.run(server.run_id("powered"))["accelerator_utilization_ratio"] == 0.75


def test_a_counter_beats_it(marts: Any, server: Server) -> None:
    gpu = marts.components("hooked")["accelerator"]
    assert gpu["energy_method"] == "measured"
    assert gpu["measured_energy_kwh"] == pytest.approx(8 * 0.1)


def test_how_they_ended(marts: Any, server: Server) -> None:
    def told(name: str) -> tuple[Any, ...]:
        run = marts.run(server.run_id(name))
        return run["status"], run["duration_s"], run["it_energy_kwh"] is not None

    assert told("failed") == ("failed", 60, True)
    assert told("killed") == ("cancelled", 60, True)
    assert told("deleted") == ("succeeded", 60, True)
    assert told("lost") == ("lost", 600, True)
    assert told("silent") == ("lost", None, False)


def test_the_page(server: Server, frameworks: Path, tmp_path: Path) -> None:
    """docs/mlflow.md, as a reader would follow it."""
    page = (Path(__file__).parents[2] / "docs" / "mlflow.md").read_text()
    (toml,) = re.findall(r"^```toml\n(.*?)^```", page, re.M | re.S)
    (python,) = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(HOOK)}
    environ |= {"MLFLOW_TRACKING_URI": server.url, "MLFLOW_DISABLE_TELEMETRY": "true"}
    subprocess.run([frameworks / "python", "-c", python], env=environ, check=True, timeout=60)
    config = tmp_path / "observatory.toml"
    config.write_text(toml.replace("http://127.0.0.1:5000", server.url))
    (settings,) = load_settings(config).sources["mlflow"].values()
    landing = Landing(tmp_path / "landing")
    landing.initialise(source.DATASETS)
    report = run_source(source, settings, SourceContext("i", datetime.now(UTC)), landing)
    assert (report.status, report.rows_landed) == ("ok", 2)  # the run and a model version
    asked = re.findall(r"^\| (`[a-z_`, ()0-9]+)", page.split("## Settings")[1], re.M)
    named = set(re.findall(r"`([a-z_]+)`", " ".join(asked)))
    assert set(source.Settings.model_fields) - named == {"enabled"}


def test_the_real_server_again(server: Server, tmp_path: Path) -> None:
    """Unchanged; then what a user changed in the window."""
    landing = Landing(tmp_path / "landing")
    landing.initialise(source.DATASETS)
    settings = source.Settings(url=server.url)
    first, again = (
        run_source(source, settings, SourceContext("i", datetime.now(UTC)), landing)
        for _ in range(2)
    )
    assert (first.status, again.status) == ("ok", "ok")
    assert {d.status for d in again.deliveries} == {"unchanged"}
    requests.post(
        f"{server.url}/api/2.0/mlflow/runs/set-tag",
        json={"run_id": server.runs["trained"], "key": "team", "value": "late"},
        timeout=10,
    ).raise_for_status()
    later = run_source(source, settings, SourceContext("i", datetime.now(UTC)), landing)
    changed = [d.scope for d in later.deliveries if d.status == "landed"]
    assert changed == [f"i/{datetime.fromtimestamp(int(server.runs['now']) / 1000, UTC):%Y-%m-%d}"]
