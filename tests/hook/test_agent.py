"""`carbon-hook agent` on a node whose control groups are a test's files."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from hooked_jobs import Place, Until

DEPLOY = Path(__file__).parents[2] / "deploy"
UID = "0f3b1c1e-1111-2222-3333-444455556666"
POD = f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID.replace('-', '_')}.slice"
SYSTEM_POD = "kubepods.slice/kubepods-pod0f3b1c1e_1111_2222_3333_000000000000.slice"
SLURM = "system.slice/slurmstepd.scope/job_71"
UNIT = "system.slice/run-r1f.scope"
GROUPS = (POD, f"{POD}/cri-containerd-1.scope", SYSTEM_POD, SLURM, f"{SLURM}/step_0", UNIT)
ZONE = "sys/class/powercap/intel-rapl:0"


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{content}\n")


@pytest.fixture
def node(place: Place) -> Path:
    root = place.folder / "node"
    write(root / "proc/1/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
    for group in (*GROUPS, "user.slice", "system.slice/cron.service"):
        folder = root / "sys/fs/cgroup" / group
        write(folder / "cgroup.procs", "")
        write(folder / "cpu.stat", "usage_usec 1000000")
        write(folder / "memory.current", 1 << 30)
        write(folder / "memory.events", "oom_kill 0")
    write(root / "sys/fs/cgroup" / POD / "cpu.max", "150000 100000")
    for name, value in (("name", "package-0"), ("energy_uj", 0), ("max_energy_range_uj", 2**38)):
        write(root / ZONE / name, value)
    logs = root / "var/log/pods"
    (logs / f"ml_fit-churn-7d9f8b6c5-x2v4q_{UID}").mkdir(parents=True)
    (logs / "kube-system_proxy-abcde_0f3b1c1e-1111-2222-3333-000000000000").mkdir()
    place.environ |= {
        "CARBON_HOOK_ROOT": str(root),
        "CARBON_HOOK_HEARTBEAT_S": "1",
        "CARBON_HOOK_SLURM_CLUSTER": "lyra",
        "NODE_NAME": "node-1",
    }
    return root


@contextmanager
def agent(place: Place) -> Iterator["subprocess.Popen[bytes]"]:
    running = subprocess.Popen(
        [sys.executable, "-m", "carbon_hook", "agent"], env=place.environ, cwd=place.folder
    )
    try:
        yield running
    finally:
        running.terminate()
        assert running.wait(10) == 0


def of(place: Place, run_id: str, kind: str) -> list[dict[str, Any]]:
    return [e for e in place.events() if (e["run_id"], e["event_type"]) == (run_id, kind)]


def test_every_pod_job_and_unit_of_a_node_is_a_run(place: Place, node: Path, until: Until) -> None:
    with agent(place):
        started = until(lambda: [e for e in place.events() if e["event_type"] == "started"][2:])
        assert started
        write(node / ZONE / "energy_uj", 500_000_000)
        write(node / "sys/fs/cgroup" / POD / "cpu.stat", "usage_usec 1200000")
        until(lambda: of(place, f"pod:{UID}", "heartbeat"))
        write(node / "sys/fs/cgroup" / SLURM / "memory.events", "oom_kill 1")
        until(lambda: len(of(place, "slurm-agent:lyra:71:node-1", "heartbeat")) > 2)
        for group in (POD, SLURM):
            shutil.rmtree(node / "sys/fs/cgroup" / group)
        ended = until(lambda: of(place, f"pod:{UID}", "finished"))
        until(lambda: of(place, "slurm-agent:lyra:71:node-1", "finished"))
    runs = {event["run_id"] for event in place.events()}
    assert len(runs) == 3  # no kube-system, no container, no step, no service
    (pod,) = ended
    assert (pod["job_name"], pod["project"], pod["host_id"]) == ("fit-churn", "ml", "node-1")
    assert pod["tags"]["kubernetes.pod_uid"] == UID
    assert pod["vcpus"] == min(1.5, pod["vcpus"])
    assert "status" not in pod  # how it ended the kernel does not say
    (reading,) = pod["energy"]
    assert reading["energy_j"] == 500
    assert 0 < reading["share"] < 1
    (job,) = of(place, "slurm-agent:lyra:71:node-1", "finished")
    assert (job["status"], job["tags"]["slurm.job_id"]) == ("out_of_memory", "71")


def kinds_of(place: Place) -> list[tuple[str, str]]:
    return sorted((e["run_id"].partition(":")[0], e["event_type"]) for e in place.events())


def test_what_cannot_be_listed_has_not_gone(
    place: Place, node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from carbon_hook import agent as module
    from carbon_hook.settings import HookSettings

    watching = module.Agent(HookSettings(place.environ), place.environ)
    watching.look()
    mounts, scandir, pids_of = node / "proc/1/mountinfo", os.scandir, module.pids_of
    mounts.rename(mounts.with_name("away"))
    watching.look()
    mounts.with_name("away").rename(mounts)

    def exhausted(path: str) -> Any:
        if str(path).endswith("system.slice"):
            raise OSError(24, "Too many open files", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", exhausted)
    watching.look()
    monkeypatch.undo()

    def going(folder: str) -> set[int]:
        if folder.endswith(POD):
            shutil.rmtree(folder)  # while it is looked at
        return pids_of(folder)

    monkeypatch.setattr(module, "pids_of", going)
    watching.look()
    watching.stop()
    started = [("group", "started"), ("pod", "started"), ("slurm-agent", "started")]
    ends = [event for event in kinds_of(place) if event[1] != "heartbeat"]
    assert ends == sorted([*started, ("pod", "finished")])


def test_a_new_agent_goes_on_with_the_same_runs(place: Place, node: Path, until: Until) -> None:
    for count in (1, 2):
        with agent(place):
            until(lambda n=count: len(of(place, f"pod:{UID}", "started")) == n)
    first, second = of(place, f"pod:{UID}", "started")
    assert first["started_at"] == second["started_at"]
    # Stopped, it tells what it has read so far; the run goes on.
    assert not of(place, f"pod:{UID}", "finished")
    assert of(place, f"pod:{UID}", "heartbeat")


def test_an_agent_with_nowhere_to_report_to_says_so(place: Place) -> None:
    del place.environ["CARBON_HOOK_INBOX"]
    code, _, err = place.run([sys.executable, "-m", "carbon_hook", "agent"], is_hooked=False)
    assert code == 2
    assert "nowhere" in err


def test_a_group_of_ones_own_choice(place: Place, node: Path, until: Until) -> None:
    place.environ["CARBON_HOOK_GROUPS"] = r"/(cron)\.service$"
    with agent(place) as running:
        until(lambda: [e for e in place.events() if e["job_name"] == "cron"])
        assert running.poll() is None


def test_the_daemon_set_reads_the_node_and_writes_only_its_spool() -> None:
    (manifest,) = yaml.safe_load_all((DEPLOY / "kubernetes-hook-agent.yaml").read_text())
    pod = manifest["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    environ = {e["name"]: e.get("value") for e in container["env"]}
    root = environ["CARBON_HOOK_ROOT"]
    assert {f"{root}/proc", f"{root}/sys", f"{root}/var/log/pods"} < set(mounts)
    writable = [path for path, mount in mounts.items() if not mount.get("readOnly")]
    assert writable == [environ["CARBON_HOOK_SPOOL"]]
    assert {m["name"] for m in mounts.values()} == {volume["name"] for volume in pod["volumes"]}
    assert "privileged" not in container["securityContext"]
    assert manifest["spec"]["selector"]["matchLabels"].items() <= (
        manifest["spec"]["template"]["metadata"]["labels"].items()
    )


def test_the_image_starts_the_agent() -> None:
    text = (DEPLOY / "hook-agent.Containerfile").read_text()
    assert 'ENTRYPOINT ["python", "-m", "carbon_hook", "agent"]' in text
    assert (DEPLOY.parent / "hook" / "carbon_hook" / "__main__.py").exists()
    assert "COPY hook/carbon_hook ./carbon_hook" in text
