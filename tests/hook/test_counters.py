"""What the hook reads: counters, control groups, the environment, the cloud's metadata."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ingest.run_event import EnergyReading


def write(root: Path, files: dict[str, object]) -> str:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return str(root)


class Device:
    """A counter or a power meter that says what it is told to."""

    component, device_id, method = "cpu", "package-0", "rapl"

    def __init__(self, values: list[float | None], signal: str = "counter") -> None:
        self.values = iter(values)
        self.signal = signal

    def read(self) -> float | None:
        return next(self.values)


def account_of(*readings: tuple[float, float | None, float | None], signal: str = "counter") -> Any:
    from carbon_hook.meters import Account

    account = Account(Device([value for _, value, _ in readings], signal))
    for at, _, share in readings:
        account.take(at, share)
    return account


RAPL = "sys/class/powercap"


def rapl_tree(root: Path) -> str:
    zones = {
        "intel-rapl:0": ("package-0", 1_000_000),
        "intel-rapl:0:0": ("core", 500_000),
        "intel-rapl:0:1": ("uncore", 100_000),
        "intel-rapl:0:2": ("dram", 200_000),
        "intel-rapl:1": ("package-1", 0),
        "intel-rapl:2": ("psys", 2_000_000),
        "intel-rapl-mmio:0": ("package-0", 1_000_000),
    }
    for zone, (name, energy) in zones.items():
        write(
            root / RAPL / zone,
            {"name": name, "energy_uj": energy, "max_energy_range_uj": 262_143_328_850},
        )
    return str(root)


def test_rapl_counts_packages_and_their_memory_once(tmp_path: Path) -> None:
    from carbon_hook.rapl import rapl_zones

    zones = rapl_zones(rapl_tree(tmp_path))
    assert [(zone.component, zone.device_id) for zone in zones] == [
        ("cpu", "package-0"),
        ("cpu", "package-1"),
        ("memory", "package-0-dram"),
    ]


def test_rapl_goes_on_after_its_range(tmp_path: Path) -> None:
    from carbon_hook.rapl import rapl_zones

    root = rapl_tree(tmp_path)
    package = tmp_path / RAPL / "intel-rapl:0"
    zone = rapl_zones(root)[0]
    before = zone.read()
    (package / "energy_uj").write_text("262143328000")
    up = zone.read()
    (package / "energy_uj").write_text("1150")
    assert before == 0
    assert up == pytest.approx(262_142.328)
    assert zone.read() == pytest.approx(262_142.328 + 0.002)
    (package / "energy_uj").unlink()
    assert zone.read() is None


def test_a_counter_that_cannot_be_read_is_no_counter(tmp_path: Path) -> None:
    from carbon_hook.rapl import rapl_zones

    root = rapl_tree(tmp_path)
    for zone in (tmp_path / RAPL).iterdir():
        (zone / "energy_uj").unlink()
    assert rapl_zones(root) == []
    assert rapl_zones(str(tmp_path / "nowhere")) == []


def reading_of(span: Any, account: Any) -> EnergyReading:
    return EnergyReading.model_validate(account.reading(span))


def test_energy_is_the_counters_difference_and_the_share_is_told() -> None:
    account = account_of((100.0, 50.0, 1.0), (110.0, 80.0, 0.5), (120.0, 90.0, 1.0))
    # The whole run and a part of it are known to be of one device.
    assert account.reading(account_of((0.0, 1.0, 1.0), (1.0, 2.0, 1.0)).since_start)["share"] == 1
    reading = reading_of(account.since_start, account)
    assert reading.energy_j == 40
    assert (reading.to_at - reading.from_at).total_seconds() == 20
    assert reading.share == pytest.approx((30 * 0.5 + 10) / 40)
    whole = account_of((100.0, 50.0, None), (110.0, 80.0, None))
    assert "share" not in whole.reading(whole.since_start)


def test_a_reading_that_failed_is_in_the_next_one_and_a_reset_is_not_made_up() -> None:
    account = account_of(
        (0.0, 10.0, 1.0), (10.0, None, 1.0), (20.0, 30.0, 1.0), (30.0, 5.0, 1.0), (40.0, 6.0, 1.0)
    )
    assert reading_of(account.since_start, account).energy_j == 21


def test_power_is_integrated_between_its_samples_unless_they_are_far_apart() -> None:
    account = account_of(
        (0.0, 100.0, 1.0), (10.0, 200.0, 1.0), (1000.0, 200.0, 1.0), signal="power"
    )
    assert account.since_start.energy_j == 1500
    single = account_of((0.0, 1.0, 1.0))
    assert single.reading(single.since_start) is None


CGROUP_V2 = {
    "proc/self/mountinfo": "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
    "proc/7/cgroup": "0::/kubepods.slice/pod1/leaf",
    "sys/fs/cgroup/cgroup.controllers": "cpu memory",
    "sys/fs/cgroup/kubepods.slice/cgroup.procs": "",
    "sys/fs/cgroup/kubepods.slice/memory.max": 8 << 30,
    "sys/fs/cgroup/kubepods.slice/pod1/cgroup.procs": "",
    "sys/fs/cgroup/kubepods.slice/pod1/cpu.max": "150000 100000",
    "sys/fs/cgroup/kubepods.slice/pod1/memory.max": 4 << 30,
    "sys/fs/cgroup/kubepods.slice/pod1/leaf/cgroup.procs": "7",
    "sys/fs/cgroup/kubepods.slice/pod1/leaf/cpu.max": "max 100000",
    "sys/fs/cgroup/kubepods.slice/pod1/leaf/memory.max": "max",
    "sys/fs/cgroup/kubepods.slice/pod1/leaf/cpu.stat": "usage_usec 2500000\nuser_usec 2000000",
    "sys/fs/cgroup/kubepods.slice/pod1/leaf/memory.current": 3000,
    "sys/fs/cgroup/kubepods.slice/pod1/leaf/memory.stat": "anon 2000\ninactive_file 1000",
    "sys/fs/cgroup/kubepods.slice/pod1/leaf/memory.events": "low 0\noom_kill 2",
}
V1 = "slurm/uid_5/job_71/step_0"
CGROUP_V1 = {
    "proc/self/mountinfo": "\n".join(
        f"{n} 23 0:{n} / /sys/fs/cgroup/{names} rw - cgroup cgroup rw,{names}"
        for n, names in ((30, "cpu,cpuacct"), (31, "memory"))
    ),
    "proc/7/cgroup": f"5:cpu,cpuacct:/{V1}\n4:memory:/{V1}\n1:name=systemd:/user.slice",
    f"sys/fs/cgroup/cpu,cpuacct/{V1}/cgroup.procs": "7",
    f"sys/fs/cgroup/cpu,cpuacct/{V1}/cpuacct.usage": 2_500_000_000,
    f"sys/fs/cgroup/cpu,cpuacct/{V1}/cpu.cfs_quota_us": 150_000,
    f"sys/fs/cgroup/cpu,cpuacct/{V1}/cpu.cfs_period_us": 100_000,
    f"sys/fs/cgroup/memory/{V1}/cgroup.procs": "7",
    f"sys/fs/cgroup/memory/{V1}/memory.limit_in_bytes": 9_223_372_036_854_771_712,
    "sys/fs/cgroup/memory/slurm/uid_5/job_71/cgroup.procs": "",
    "sys/fs/cgroup/memory/slurm/uid_5/job_71/memory.limit_in_bytes": 4 << 30,
    f"sys/fs/cgroup/memory/{V1}/memory.usage_in_bytes": 3000,
    f"sys/fs/cgroup/memory/{V1}/memory.stat": "rss 2000\ntotal_inactive_file 1000",
    f"sys/fs/cgroup/memory/{V1}/memory.oom_control": "oom_kill_disable 0\noom_kill 2",
}


@pytest.mark.parametrize("files", [CGROUP_V2, CGROUP_V1], ids=["version_2", "version_1"])
def test_a_control_group(files: dict[str, object], tmp_path: Path) -> None:
    from carbon_hook.cgroup import Cgroup

    group = Cgroup.of_process(7, write(tmp_path, files))
    assert group is not None
    assert group.cpu_s() == 2.5
    assert group.memory_bytes() == 2000
    assert group.cpu_limit() == 1.5
    assert group.memory_limit_bytes() == 4 << 30
    assert group.killed_for_memory() == 2


def test_the_group_of_a_login_session_is_not_the_jobs(tmp_path: Path) -> None:
    from carbon_hook.cgroup import Cgroup

    session = "0::/user.slice/user-1000.slice/session-2.scope"
    files = {**CGROUP_V2, "proc/7/cgroup": session}
    assert Cgroup.of_process(7, write(tmp_path, files)) is None


@pytest.mark.parametrize(
    "groups",
    [
        "0::/system.slice/slurmd.service",
        "0::/system.slice/docker.service",
        # Another controller's group is the job's; what is counted is the host.
        "9:freezer:/slurm/uid_1/job_2/step_0\n0::/",
        "9:freezer:/slurm/uid_1/job_2/step_0\n5:cpu,cpuacct:/\n4:memory:/",
    ],
)
def test_the_group_of_a_daemon_is_not_the_jobs(groups: str, tmp_path: Path) -> None:
    """Schedulers that move their jobs nowhere leave all of them there."""
    from carbon_hook.cgroup import Cgroup

    files = {**(CGROUP_V1 if "cpuacct" in groups else CGROUP_V2), "proc/7/cgroup": groups}
    assert Cgroup.of_process(7, write(tmp_path, files)) is None


def test_a_controller_that_the_scheduler_does_not_use_is_not_read(tmp_path: Path) -> None:
    from carbon_hook.cgroup import Cgroup

    host = {"sys/fs/cgroup/memory/memory.usage_in_bytes": 10**12}
    groups = f"5:cpu,cpuacct:/{V1}\n4:memory:/"
    group = Cgroup.of_process(7, write(tmp_path, {**CGROUP_V1, **host, "proc/7/cgroup": groups}))
    assert group is not None
    assert (group.cpu_s(), group.memory_bytes(), group.memory_limit_bytes()) == (2.5, None, None)


@pytest.mark.parametrize(
    ("group", "namespaces", "is_the_jobs"),
    [
        ("/", ["pid", "cgroup"], True),
        # A container that has processes of its own and no groups (apptainer --containall).
        ("/user.slice/user-1000.slice/session-2.scope", ["pid"], False),
        ("/user.slice/user-1000.slice/session-2.scope", ["pid", "cgroup"], False),
        ("/", ["pid"], False),
    ],
)
def test_the_group_of_a_container(
    group: str, namespaces: list[str], is_the_jobs: bool, tmp_path: Path, monkeypatch: Any
) -> None:
    from carbon_hook import cgroup

    files = {f"proc/7/ns/{name}": "" for name in ("pid", "cgroup")}
    root = write(tmp_path, {**CGROUP_V2, **files, "proc/7/cgroup": f"0::{group}"})
    for name in {"pid", "cgroup"} - set(namespaces):
        first = (tmp_path / f"proc/7/ns/{name}").stat().st_ino
        monkeypatch.setattr(cgroup, f"FIRST_{name.upper()}_NAMESPACE", first, raising=False)
    found = cgroup.Cgroup.of_process(7, root)
    assert (found is not None) == is_the_jobs


@pytest.fixture(scope="module")
def nvml(tmp_path_factory: pytest.TempPathFactory) -> str:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to build the stand-in for NVIDIA's library")
    library = tmp_path_factory.mktemp("nvml") / "libnvidia-ml.so.1"
    source = Path(__file__).parent / "nvml_stub.c"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True, timeout=60)
    return str(library)


def test_nvml_devices_and_slices(nvml: str) -> None:
    from carbon_hook.gpus import nvidia_gpus

    whole, big, small = nvidia_gpus(nvml)
    assert (whole.method, whole.signal, whole.model) == (
        "nvml_energy",
        "counter",
        "NVIDIA A100-SXM4-80GB",
    )
    first = whole.read()
    assert first is not None
    assert whole.read() == pytest.approx(first + 5)
    assert whole.busy_ratio() == 0.8
    assert whole.pids() == {1}
    assert [(part.slice_share, part.method, part.read()) for part in (big, small)] == [
        (pytest.approx(3 / 7), "nvml_power", 70.0),
        (pytest.approx(1 / 7), "nvml_power", 70.0),
    ]
    assert big.device_id.startswith("MIG-2")
    assert big.board_id == small.board_id
    assert big.busy_ratio() is None


def test_which_accelerators_the_environment_names(nvml: str) -> None:
    from carbon_hook.gpus import nvidia_gpus, visible

    gpus = nvidia_gpus(nvml)
    assert visible(gpus, {}) is None
    assert visible(gpus, {"CUDA_VISIBLE_DEVICES": ""}) == []
    assert visible(gpus, {"CUDA_VISIBLE_DEVICES": "0,9,1"}) == gpus[:1]
    assert visible(gpus, {"CUDA_VISIBLE_DEVICES": "MIG-3333"}) == gpus[2:]


@pytest.mark.parametrize(
    ("is_named", "count", "share"), [(True, 2, (1 + 3 / 7 + 1 / 7) / 2), (False, None, None)]
)
def test_accelerators_of_a_run(
    is_named: bool, count: int | None, share: float | None, nvml: str, monkeypatch: Any
) -> None:
    from carbon_hook import meters as module
    from carbon_hook.gpus import nvidia_gpus

    monkeypatch.setattr(module, "sees_own_pids", lambda: True)
    meters = module.Meters(os.getpid(), [*nvidia_gpus(nvml)], 0.0, None, is_named)
    for at in (0.0, 5.0, 10.0):
        meters.sample(at)
    fields = meters.since_event(10.0)
    # Process 1 computes on the first device and is not ours: unnamed, none of them is.
    assert fields.get("accelerator_count") == count
    assert fields.get("accelerator_share") == (share and pytest.approx(share))
    readings = [EnergyReading.model_validate(reading) for reading in fields["energy"]]
    assert [(r.energy_j, r.share) for r in readings] == (
        [
            (10.0, None),
            (700.0, pytest.approx(3 / 7, abs=1e-6)),
            (700.0, pytest.approx(1 / 7, abs=1e-6)),
        ]
        if is_named
        else []
    )


def test_amd_cards(tmp_path: Path) -> None:
    from carbon_hook.gpus import amd_gpus

    card = "sys/class/drm/card0/device"
    root = write(
        tmp_path,
        {
            f"{card}/vendor": "0x1002",
            f"{card}/unique_id": "abc",
            f"{card}/gpu_busy_percent": 40,
            f"{card}/hwmon/hwmon3/power1_average": 150_000_000,
            "sys/class/drm/card1/device/vendor": "0x8086",
            "sys/class/drm/card0-DP-1/status": "off",
        },
    )
    (gpu,) = amd_gpus(root)
    assert (gpu.read(), gpu.signal, gpu.busy_ratio()) == (150.0, "power", 0.4)
    write(tmp_path, {f"{card}/hwmon/hwmon3/energy1_input": 2_000_000})
    (gpu,) = amd_gpus(root)
    assert (gpu.read(), gpu.method) == (2.0, "rocm_smi_energy")


class _Metadata(BaseHTTPRequestHandler):
    """AWS, Google Cloud and Azure, each with the header that it insists on."""

    def _answer(self) -> None:
        path, headers = self.path, self.headers
        if path == "/latest/api/token" and self.command == "PUT":
            return self._say("secret")
        if path.startswith("/latest") and headers["X-aws-ec2-metadata-token"] == "secret":
            return self._say(
                json.dumps(
                    {
                        "region": "eu-west-1",
                        "availabilityZone": "eu-west-1b",
                        "instanceType": "m5.large",
                        "instanceId": "i-0abc",
                        "accountId": "123",
                    }
                )
            )
        if path.startswith("/computeMetadata") and headers["Metadata-Flavor"] == "Google":
            return self._say(
                json.dumps(
                    {
                        "zone": "projects/1/zones/europe-west4-a",
                        "machineType": "projects/1/machineTypes/a2-highgpu-1g",
                        "id": 77,
                        "name": "vm",
                    }
                )
            )
        if path.startswith("/metadata/instance") and headers["Metadata"] == "true":
            return self._say(
                json.dumps(
                    {
                        "location": "westeurope",
                        "zone": "",
                        "vmSize": "Standard_NC6",
                        "resourceId": "/subscriptions/1",
                        "vmId": "v",
                    }
                )
            )
        self.send_error(403)
        return None

    do_GET = do_PUT = _answer  # noqa: N815

    def _say(self, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def metadata() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Metadata) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_clouds_say_where_the_run_is(metadata: str) -> None:
    from carbon_hook import cloud

    places = {
        name: cloud.asked([lambda ask=ask: ask(metadata)])
        for name, ask in (("aws", cloud.aws), ("gcp", cloud.gcp), ("azure", cloud.azure))
    }
    assert [(p["provider"], p["region"], p["instance_type"]) for p in places.values()] == [
        ("aws", "eu-west-1", "m5.large"),
        ("gcp", "europe-west4", "a2-highgpu-1g"),
        ("azure", "westeurope", "Standard_NC6"),
    ]
    assert places["aws"]["resource_id"] == "i-0abc"
    assert places["gcp"]["zone"] == "europe-west4-a"


def test_clouds_are_asked_once_per_boot_and_only_where_there_is_one(
    tmp_path: Path, metadata: str, monkeypatch: Any
) -> None:
    from carbon_hook import cloud
    from carbon_hook.settings import HookSettings

    dmi = "sys/class/dmi/id"
    assert cloud.candidates(write(tmp_path, {f"{dmi}/sys_vendor": "Dell Inc."})) == []
    write(tmp_path, {f"{dmi}/sys_vendor": "Amazon EC2"})
    assert cloud.candidates(str(tmp_path)) == [cloud.aws]

    settings = HookSettings({"CARBON_HOOK_SPOOL": str(tmp_path / "spool")})
    monkeypatch.setattr(cloud, "candidates", lambda: [lambda: cloud.aws(metadata)])
    first = cloud.cloud_fields(settings)
    monkeypatch.setattr(cloud, "candidates", lambda: [])
    assert cloud.cloud_fields(settings) == first
    assert first["instance_type"] == "m5.large"
    write(tmp_path, {"spool/cloud.json": "{not json"})
    assert cloud.cloud_fields(settings) == {}


def test_a_cloud_that_did_not_answer_is_asked_again(
    tmp_path: Path, metadata: str, monkeypatch: Any
) -> None:
    from carbon_hook import cloud
    from carbon_hook.settings import HookSettings

    settings = HookSettings({"CARBON_HOOK_SPOOL": str(tmp_path / "spool")})
    asked: list[str] = []

    def silent() -> dict[str, Any]:
        asked.append("once")
        raise OSError("timed out")

    # The firmware names it: it is there, and the next run asks.
    monkeypatch.setattr(cloud, "candidates", lambda: [silent])
    assert cloud.cloud_fields(settings) == {}
    monkeypatch.setattr(cloud, "candidates", lambda: [lambda: cloud.aws(metadata)])
    assert cloud.cloud_fields(settings)["region"] == "eu-west-1"

    # The firmware says nothing: that nobody answers holds for minutes.
    (tmp_path / "spool/cloud.json").unlink()
    asked.clear()
    monkeypatch.setattr(cloud, "candidates", lambda: [silent, silent])
    for _ in range(2):
        assert cloud.cloud_fields(settings) == {}
    assert len(asked) == 2
    monkeypatch.setattr(cloud, "NOBODY_HOLDS_S", 0.0)
    assert cloud.cloud_fields(settings) == {}
    assert len(asked) == 4


def test_a_place_that_somebody_else_wrote_is_not_believed(
    tmp_path: Path, metadata: str, monkeypatch: Any
) -> None:
    from carbon_hook import cloud
    from carbon_hook.settings import HookSettings

    settings = HookSettings({"CARBON_HOOK_SPOOL": str(tmp_path / "spool")})
    monkeypatch.setattr(cloud, "candidates", lambda: [lambda: cloud.aws(metadata)])
    cloud.cloud_fields(settings)
    file = tmp_path / "spool/cloud.json"
    told = json.loads(file.read_text())
    told["fields"] |= {"region": "nowhere", "run_id": "victim", "team": "other"}
    file.write_text(json.dumps(told))
    # Even in one's own folder a place says where the run is, and no more.
    own = cloud.cloud_fields(settings)
    assert own["region"] == "nowhere"
    assert not {"run_id", "team"} & set(own)
    monkeypatch.setattr(os, "getuid", lambda: file.stat().st_uid + 1)
    assert cloud.cloud_fields(settings)["region"] == "eu-west-1"


@pytest.mark.parametrize(
    ("error", "is_ours"), [(OSError(38, "no locks here"), True), (BlockingIOError(), False)]
)
def test_a_disk_without_locks_holds_nothing_back(
    error: OSError, is_ours: bool, tmp_path: Path, monkeypatch: Any
) -> None:
    from carbon_hook import spool

    def flock(*_: object) -> None:
        raise error

    waiting = spool.Spool([str(tmp_path)], "target")
    waiting.put("a", b"{}")
    monkeypatch.setattr(spool.fcntl, "flock", flock)
    with waiting.turn() as turn:
        assert turn == is_ours


ENVIRONMENTS: dict[str, tuple[dict[str, str], dict[str, object]]] = {
    "slurm": (
        {
            "SLURM_JOB_ID": "71",
            "SLURM_CLUSTER_NAME": "lyra",
            "SLURM_JOB_NAME": "fit",
            "SLURM_RESTART_COUNT": "2",
            "SLURM_JOB_ACCOUNT": "growth",
        },
        {"job_name": "fit", "attempt": 3, "team": "growth", "slurm.job_id": "71"},
    ),
    "kubernetes": (
        {"POD_NAME": "fit-0", "POD_NAMESPACE": "ml", "POD_UID": "u-1", "NODE_NAME": "n1"},
        {"host_id": "n1", "kubernetes.pod_uid": "u-1", "kubernetes.namespace": "ml"},
    ),
    "sagemaker": (
        {"TRAINING_JOB_ARN": "arn:aws:sagemaker:eu-west-1:1:training-job/fit"},
        {
            "job_name": "fit",
            "region": "eu-west-1",
            "resource_id": "arn:aws:sagemaker:eu-west-1:1:training-job/fit",
        },
    ),
    "vertex": (
        {"CLOUD_ML_JOB_ID": "9", "CLOUD_ML_PROJECT_ID": "p", "CLOUD_ML_REGION": "europe-west4"},
        {"resource_id": "projects/p/locations/europe-west4/customJobs/9", "provider": "gcp"},
    ),
    "airflow": (
        {
            "AIRFLOW_CTX_DAG_ID": "daily",
            "AIRFLOW_CTX_TASK_ID": "fit",
            "AIRFLOW_CTX_TRY_NUMBER": "2",
        },
        {"job_name": "daily.fit", "pipeline": "daily", "step": "fit", "attempt": 2},
    ),
    "kubeflow": ({"KFP_RUN_ID": "r", "KFP_POD_NAME": "p"}, {"kubeflow.run_id": "r"}),
    "mlflow": ({"MLFLOW_RUN_ID": "m"}, {"mlflow.run_id": "m"}),
    "github": (
        {"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ATTEMPT": "1"},
        {"project": "o/r", "attempt": 1, "environment": "ci"},
    ),
    "gitlab": ({"GITLAB_CI": "true", "CI_JOB_ID": "5"}, {"gitlab.job_id": "5"}),
    "ray": (
        {"RAY_JOB_CONFIG_JSON_ENV_VAR": '{"metadata": {"job_submission_id": "raysubmit_1"}}'},
        {"ray.submission_id": "raysubmit_1"},
    ),
}


@pytest.mark.parametrize("system", ENVIRONMENTS)
def test_whose_run_it_is(system: str) -> None:
    from carbon_hook.identity import identified

    environ, wanted = ENVIRONMENTS[system]
    fields = identified({"USER": "ada", **environ}).fields
    assert {**fields, **fields.get("tags", {})}.items() >= wanted.items()
    assert fields["owner"] == "ada"


TORCHRUN = {
    "RANK": "8",
    "LOCAL_RANK": "0",
    "WORLD_SIZE": "16",
    "LOCAL_WORLD_SIZE": "8",
    "TORCHELASTIC_RUN_ID": "fit-churn-71",
    "MASTER_ADDR": "node1",
    "MASTER_PORT": "29500",
}
MPIRUN = {
    "OMPI_COMM_WORLD_RANK": "8",
    "OMPI_COMM_WORLD_LOCAL_RANK": "0",
    "OMPI_COMM_WORLD_SIZE": "16",
    "OMPI_COMM_WORLD_LOCAL_SIZE": "8",
    "PMIX_NAMESPACE": "prterun-node1-4711@1",
}
SRUN = {
    "SLURM_JOB_ID": "71",
    "SLURM_STEP_ID": "0",
    "SLURM_CLUSTER_NAME": "lyra",
    "SLURM_STEP_NUM_TASKS": "16",
    "SLURM_STEP_NUM_NODES": "2",
    "SLURM_PROCID": "8",
    "SLURM_LOCALID": "0",
}
# Open MPI's agents are a step of the second host alone.
MPIRUN_IN_SLURM = {**MPIRUN, **SRUN, "SLURM_STEP_NUM_NODES": "1", "SLURM_PROCID": "0"}
FIRST = {"RANK": "0", "OMPI_COMM_WORLD_RANK": "0", "SLURM_PROCID": "0"}


def first_of(environ: dict[str, str]) -> dict[str, str]:
    return {name: FIRST.get(name, value) for name, value in environ.items()}


@pytest.mark.parametrize(
    ("first", "second", "other"),
    [
        (first_of(TORCHRUN), TORCHRUN, {**TORCHRUN, "TORCHELASTIC_RUN_ID": "fit-churn-72"}),
        (first_of(TORCHRUN), TORCHRUN, {**TORCHRUN, "MASTER_ADDR": "node7"}),
        (first_of(MPIRUN), MPIRUN, {**MPIRUN, "PMIX_NAMESPACE": "prterun-node1-4712@1"}),
        (first_of(MPIRUN), MPIRUN_IN_SLURM, {**MPIRUN_IN_SLURM, "PMIX_NAMESPACE": "other"}),
        (first_of(SRUN), SRUN, {**SRUN, "SLURM_STEP_ID": "1"}),
        (first_of(SRUN), SRUN, {**SRUN, "SLURM_RESTART_COUNT": "1"}),
        ({**SRUN, **first_of(TORCHRUN)}, {**SRUN, **TORCHRUN}, {**TORCHRUN}),
    ],
)
def test_the_hosts_of_a_launch_know_each_other(
    first: dict[str, str], second: dict[str, str], other: dict[str, str]
) -> None:
    from carbon_hook.identity import rank_of

    one, two, three = rank_of(first), rank_of(second), rank_of(other)
    assert one.launch is not None
    assert one.launch == two.launch
    assert three.launch not in (one.launch, None)
    assert (one.number, two.number, one.hosts, two.hosts) == (0, 8, 2, 2)


ONE_HOST = {**TORCHRUN, "RANK": "0", "WORLD_SIZE": "8"}


@pytest.mark.parametrize(
    "environ",
    [
        {**TORCHRUN, "TORCHELASTIC_RUN_ID": "none"},
        {**MPIRUN, "PMIX_NAMESPACE": ""},
        {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "fit-master-0"},
        {**SRUN, "SLURM_STEP_NUM_TASKS": "1"},
        {"PMI_RANK": "3", "PMI_SIZE": "8"},
    ],
)
def test_a_launch_that_nothing_names_is_not_guessed(environ: dict[str, str]) -> None:
    from carbon_hook.identity import rank_of

    assert rank_of(environ).launch is None


def test_several_launches_of_one_step_and_host_are_several() -> None:
    from carbon_hook.identity import rank_of

    # Each task of the step starts a torchrun of its own; what torchrun starts anew has its parent.
    launch = rank_of({**SRUN, **ONE_HOST}).launch
    assert launch is not None
    assert str(os.getppid()) in launch.split("-")
    assert rank_of({**SRUN, **ONE_HOST, "TORCHELASTIC_RESTART_COUNT": "1"}).launch == launch


def test_the_commit_that_is_checked_out(tmp_path: Path) -> None:
    from carbon_hook.identity import commit_of

    def git(*words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(["git", *who, *words], cwd=tmp_path, capture_output=True, check=True)
        return done.stdout.decode().strip()

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "one")
    (tmp_path / "deep").mkdir()
    head = git("rev-parse", "HEAD")
    assert commit_of(str(tmp_path / "deep")) == head
    git("pack-refs", "--all")
    assert commit_of(str(tmp_path)) == head
    git("worktree", "add", "-q", "tree")
    assert commit_of(str(tmp_path / "tree")) == head
    assert commit_of("/") is None
