"""From a job under the hook to its row: the night reads what the hook wrote."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hooked_counters import UNDER_THE_HOOK, USE_ENERGY, write_counters

HOOK = Path(__file__).parents[2] / "hook"
CONFIG = """
[paths]
inbox = "data/inbox"

[reporting]
currency = "EUR"

[sites.cellar]
grid_zone = "FR"
pue = 1.5

[sites.cellar.hosts.node]
vcpus = 128
memory_gib = 512
cpu_model = "AMD EPYC 7763"
"""
JOB = USE_ENERGY + "use_energy(sys.argv[1])"


def start(folder: Path, name: str, **environ: str) -> "subprocess.Popen[bytes]":
    root = folder / name
    write_counters(root)
    if name == "without-counters":
        (root / "sys/class/powercap").rename(root / "nothing")
    told = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": str(HOOK),
        "CARBON_HOOK_INBOX": str(folder / "inbox"),
        "CARBON_HOOK_CLOUD": "0",
        "CARBON_HOOK_REGION": "cellar",
        "CARBON_HOOK_INSTANCE_TYPE": "node",
        "CARBON_HOOK_OWNER": "ada",
        **environ,
    }
    job = JOB if name != "without-counters" else "while __import__('time').process_time() < 1: pass"
    return subprocess.Popen(
        [sys.executable, "-c", UNDER_THE_HOOK, root, f"job_name={name}", "--",
         sys.executable, "-c", job, root],
        env=told,
        cwd=folder,
    )  # fmt: skip


@pytest.fixture(scope="module")
def reported(night: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """(marts, the finished event by job)"""
    folder = tmp_path_factory.mktemp("hooked")
    jobs = [
        start(folder, "alone", SLURM_CPUS_ON_NODE=str(os.cpu_count())),
        start(folder, "with-others"),
        start(folder, "without-counters"),
    ]
    assert [job.wait(60) for job in jobs] == [0, 0, 0]
    files = {f"data/inbox/{path.name}": path.read_text() for path in (folder / "inbox").iterdir()}
    lines = [json.loads(line) for text in files.values() for line in text.splitlines()]
    finished = {e["job_name"]: e for e in lines if e["event_type"] == "finished"}
    return night("hook_reports", CONFIG, files), finished


def row_of(reported: Any, job: str) -> dict[str, Any]:
    marts, finished = reported
    run: dict[str, Any] = marts.run(finished[job]["run_id"])
    return run


def kwh(reported: Any, job: str, component: str) -> float:
    marts, finished = reported
    rows = marts.components(finished[job]["run_id"])
    return float(rows[component]["it_energy_kwh"])


def measured(value: float) -> Any:
    """The first moments, before the first reading, are the model's."""
    return pytest.approx(value, rel=0.01)


def test_a_host_of_ones_own_is_measured_whole(reported: Any) -> None:
    run = row_of(reported, "alone")
    assert (run["energy_method"], run["status"], run["owner"]) == ("measured", "succeeded", "ada")
    assert kwh(reported, "alone", "cpu") == measured(7200 / 3.6e6)
    assert kwh(reported, "alone", "memory") == measured(360 / 3.6e6)


def test_a_shared_host_by_the_runs_part_of_it(reported: Any) -> None:
    _, finished = reported
    shares = {r["component"]: r["share"] for r in finished["with-others"]["energy"]}
    assert 0 < shares["cpu"] <= 1
    assert 0 < shares["memory"] < 1
    assert kwh(reported, "with-others", "cpu") == measured(7200 / 3.6e6 * shares["cpu"])
    assert kwh(reported, "with-others", "memory") == measured(360 / 3.6e6 * shares["memory"])


def test_without_counters_by_cpu_time(reported: Any) -> None:
    run = row_of(reported, "without-counters")
    marts, _ = reported
    assert marts.components(run["run_id"])["cpu"]["energy_method"] == "utilization"
    assert run["cpu_utilization_ratio"] > 0
    assert run["it_energy_kwh"] > 0
    assert run["cpu_utilization_ratio"] == pytest.approx(
        reported[1]["without-counters"]["cpu_utilization_ratio"]
    )


def test_no_event_was_refused(reported: Any) -> None:
    marts, _ = reported
    (source,) = [s for s in marts.report["sources"] if s["name"].startswith("run_events")]
    assert source["rows_rejected"] == 0
    assert source["rows_landed"] >= 6  # and a heartbeat where a job was slow
