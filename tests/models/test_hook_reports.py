"""From a job under the hook to its row: the night reads what the hook wrote."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

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
# `carbon-hook run`, on a machine whose counters lie in a folder of the test's.
UNDER_THE_HOOK = """
import sys
from carbon_hook import monitor, rapl
from carbon_hook.cli import main
zones = rapl.rapl_zones(sys.argv[1])
monitor.rapl_zones = lambda: zones
main(["run", f"job_name={sys.argv[2]}", "--", sys.executable, "-c", sys.argv[3], sys.argv[1]])
"""
# It uses 7,200 J of the package and 360 J of its memory, and some CPU time.
JOB = """
import sys, time
top = sys.argv[1] + "/sys/class/powercap/intel-rapl:0"
end = time.time() + 3
while time.process_time() < 0.2: pass
for zone, joules in ((top, 7200), (top + ":0", 360)):
    open(zone + "/energy_uj", "w").write(str(joules * 10**6))
time.sleep(max(0, end - time.time()))
"""


def counters(root: Path) -> None:
    """RAPL's files, at 0."""
    for zone, name in (("intel-rapl:0", "package-0"), ("intel-rapl:0:0", "dram")):
        folder = root / "sys/class/powercap" / zone
        folder.mkdir(parents=True)
        for file, value in (("name", name), ("energy_uj", 0), ("max_energy_range_uj", 2**38)):
            (folder / file).write_text(f"{value}\n")


def start(folder: Path, name: str, **environ: str) -> "subprocess.Popen[bytes]":
    root = folder / name
    counters(root)
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
        [sys.executable, "-c", UNDER_THE_HOOK, str(root), name, job], env=told, cwd=folder
    )


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
