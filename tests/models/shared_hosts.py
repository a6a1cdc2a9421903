"""Jobs on shared hosts, many of them, and a plain account of what each owes: for the tests of the
models that do the same in SQL.

A `Room` is one to three hosts of one type and the jobs that overlap on them. `rooms()` draws some
forty of them with hypothesis, the same ones every time, so that one night holds them all.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

START = datetime(2026, 3, 10, tzinfo=UTC)
SITE = "barn"
COMPONENTS = ("cpu", "memory", "accelerator")
HOUR_S = 3600

CONFIG = """
[reporting]
currency = "EUR"

[attribution]
idle_policy = "{policy}"

[sources.run_events]
path = "events"

[sources.slurm]
path = "slurm"
cluster = "barn"
timezone = "UTC"

[sites.barn]
grid_zone = "FR"
pue = 1.5
intensity_g_per_kwh = 100.0

[sites.barn.hosts.node]
vcpus = 128
memory_gib = 1024
cpu_model = "AMD EPYC 7763"
accelerator_model = "A100-SXM4-40GB"
accelerator_count = 8

[sites.barn.hosts.node-long]
vcpus = 128
memory_gib = 1024
cpu_model = "AMD EPYC 7763"
accelerator_model = "A100-SXM4-40GB"
accelerator_count = 8
"""

# What a host of the type has: vCPUs; GiB above the 128 that the processor's coefficient holds;
# devices. And what one unit draws when idle, W.
CAPACITY = {"cpu": 128.0, "memory": 1024 - 128.0, "accelerator": 8.0}
IDLE_W = {"cpu": 0.4766, "memory": 0.392, "accelerator": 55.3}
CPU_CURVE = (0.4766, 0.75, 1.0977, 1.7695)
ACCELERATOR_CURVE = tuple(55.3 + (400 - 55.3) * g for g in (0, 0.2, 0.6, 1))
TRAINING_W = 400 * 0.7
DEFAULT_UTILIZATION = {"training": 0.8, "inference": 0.4, "other": 0.6}


def at_load(load: float, curve: Sequence[float]) -> float:
    """Piecewise linear between the values at 0, 10, 50 and 100 %."""
    points = (0, 0.1, 0.5, 1)
    for low, high, below, above in zip(points, points[1:], curve, curve[1:], strict=False):
        if load <= high:
            return below + (above - below) * (load - low) / (high - low)
    raise AssertionError(load)


@dataclass(frozen=True)
class Job:
    """A job on `hosts` of a room; times in seconds since START, resources per host."""

    hosts: tuple[int, ...]
    start_s: int
    duration_s: int
    suspended_s: int
    vcpus: float
    memory_gib: float
    gpus: int
    gpu_share: float
    cpu_utilization: float | None
    gpu_utilization: float | None
    workload_kind: str

    @property
    def stop_s(self) -> int:
        """When it ended, by the wall clock."""
        return self.start_s + self.duration_s + self.suspended_s

    def units(self, component: str) -> float:
        """What it holds of a host while it runs."""
        return {
            "cpu": self.vcpus,
            "memory": self.memory_gib * (1 - 128 / 1024),
            "accelerator": self.gpus * self.gpu_share,
        }[component]

    def held(self, component: str) -> float:
        """The same, spread over the time that it was suspended too."""
        return self.units(component) * self.duration_s / (self.stop_s - self.start_s)

    def activity(self, component: str) -> float:
        """How active it is: known, or the default that the power model takes."""
        if component == "cpu":
            return 0.5 if self.cpu_utilization is None else self.cpu_utilization
        if component == "accelerator":
            default = DEFAULT_UTILIZATION[self.workload_kind]
            return default if self.gpu_utilization is None else self.gpu_utilization
        return 1.0

    def loaded_w(self, component: str) -> float:
        """W per unit were it alone."""
        if component == "memory":
            return IDLE_W["memory"]
        if component == "cpu":
            return at_load(self.activity("cpu"), CPU_CURVE)
        if self.gpu_utilization is None and self.workload_kind == "training":
            return TRAINING_W
        return at_load(self.activity("accelerator"), ACCELERATOR_CURVE)

    def idle_w(self, component: str) -> float:
        """W per unit that it would draw without work; memory draws the same with and without."""
        return IDLE_W[component]


@dataclass(frozen=True)
class Room:
    """Hosts and the jobs on them."""

    name: str
    jobs: tuple[Job, ...]

    def run_id(self, job: Job) -> str:
        """The run id of a job."""
        return f"{self.name}-{self.jobs.index(job)}"

    def host_id(self, host: int) -> str:
        """The host id of a host."""
        return f"{self.name}-host-{host}"

    def hosts(self) -> list[int]:
        """The hosts that any job ran on."""
        return sorted({host for job in self.jobs for host in job.hosts})

    def events(self) -> Iterator[dict[str, Any]]:
        """Run events: one `finished` per job, and a `started` from each further host."""
        for job in self.jobs:
            told = {
                "run_id": self.run_id(job),
                "job_name": "shared",
                "region": SITE,
                "instance_type": "node",
                "instance_count": len(job.hosts),
                "started_at": instant(job.start_s),
                "workload_kind": job.workload_kind,
            }
            for host in job.hosts[1:]:
                yield told | {
                    "event_id": f"{self.run_id(job)}-{host}",
                    "event_type": "started",
                    "event_time": instant(job.start_s),
                    "host_id": self.host_id(host),
                }
            finished = {
                "event_id": f"{self.run_id(job)}-finished",
                "event_type": "finished",
                "event_time": instant(job.stop_s),
                "ended_at": instant(job.stop_s),
                "status": "succeeded",
                "duration_s": job.duration_s,
                "host_id": self.host_id(job.hosts[0]),
                "vcpus": job.vcpus,
                "memory_gib": job.memory_gib,
                "accelerator_count": job.gpus,
                "accelerator_share": job.gpu_share,
                "cpu_utilization_ratio": job.cpu_utilization,
                "accelerator_utilization_ratio": job.gpu_utilization,
            }
            yield told | {key: value for key, value in finished.items() if value is not None}


def instant(second: float) -> str:
    """RFC 3339 of a second since START."""
    return (START + timedelta(seconds=second)).isoformat().replace("+00:00", "Z")


def lines(events: Iterator[dict[str, Any]] | Sequence[dict[str, Any]]) -> str:
    """Events as JSON lines."""
    return "".join(json.dumps(event) + "\n" for event in events)


@dataclass(frozen=True)
class Account:
    """What a room owes under a policy, kWh of IT energy."""

    jobs: dict[tuple[Job, str], float]  # by job and component
    idle: dict[tuple[int, int], float]  # by host and hour since START
    hosts: dict[int, float]  # each host: its idle power while on, and what work added
    reserved: dict[Job, float]  # what each job would pay by what it reserved


def account(room: Room, policy: str) -> Account:
    """The plain account: every stretch between two changes, every job in it."""
    jobs: dict[tuple[Job, str], float] = defaultdict(float)
    idle: dict[tuple[int, int], float] = defaultdict(float)
    hosts: dict[int, float] = defaultdict(float)
    reserved: dict[Job, float] = defaultdict(float)
    for host in room.hosts():
        mine = [job for job in room.jobs if host in job.hosts]
        hours = {
            hour
            for job in mine
            for hour in range(job.start_s // HOUR_S, (job.stop_s - 1) // HOUR_S + 1)
        }
        changes = sorted(
            {second for job in mine for second in (job.start_s, job.stop_s)}
            | {edge for hour in hours for edge in (hour * HOUR_S, (hour + 1) * HOUR_S)}
        )
        for start, stop in pairwise(changes):
            if start // HOUR_S not in hours:
                continue
            kwh = (stop - start) / 3.6e6
            now = [job for job in mine if job.start_s <= start and stop <= job.stop_s]
            for component in COMPONENTS:
                capacity, idle_w = CAPACITY[component], IDLE_W[component]
                claims = {job: job.held(component) for job in now if job.held(component) > 0}
                fits = min(1.0, capacity / sum(claims.values())) if claims else 1.0
                active = {job: claims[job] * job.activity(component) for job in claims}
                unpaid = capacity
                for job, claim in claims.items():
                    if policy == "reserved" or component == "memory":
                        pays = claim * fits
                    elif policy == "activity" and sum(active.values()) > 0:
                        pays = capacity * active[job] / sum(active.values())
                    else:
                        pays = 0.0
                    added = claim * fits * (job.loaded_w(component) - idle_w) * kwh
                    unpaid -= pays
                    jobs[job, component] += pays * idle_w * kwh + added
                    reserved[job] += claim * fits * idle_w * kwh + added
                    hosts[host] += added
                idle[host, start // HOUR_S] += max(unpaid, 0.0) * idle_w * kwh
                hosts[host] += capacity * idle_w * kwh
    return Account(dict(jobs), dict(idle), dict(hosts), dict(reserved))


_RATIO = st.sampled_from([None, 0.0, 0.05, 0.3, 0.5, 0.93, 1.0])


def _job(hosts: int) -> st.SearchStrategy[Job]:
    return st.builds(
        Job,
        hosts=st.lists(st.integers(0, hosts - 1), min_size=1, unique=True).map(tuple),
        start_s=st.integers(0, 30 * HOUR_S),
        duration_s=st.sampled_from([1, 59, 1800, HOUR_S, 5 * HOUR_S + 7, 26 * HOUR_S]),
        suspended_s=st.sampled_from([0, 0, 0, 900]),
        vcpus=st.sampled_from([1.0, 16.0, 43.5, 64.0, 128.0]),
        memory_gib=st.sampled_from([8.0, 256.0, 1024.0]),
        gpus=st.sampled_from([0, 1, 3, 8]),
        gpu_share=st.sampled_from([1.0, 1.0, 2 / 7]),
        cpu_utilization=_RATIO,
        gpu_utilization=_RATIO,
        workload_kind=st.sampled_from(["training", "inference", "other"]),
    )


def rooms() -> list[Room]:
    """Some forty rooms; the same in every test run."""
    drawn: list[tuple[Job, ...]] = []
    jobs = st.integers(1, 3).flatmap(
        lambda hosts: st.lists(_job(hosts), min_size=1, max_size=7, unique=True).map(tuple)
    )

    @settings(
        max_examples=40,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(jobs)
    def draw(example: tuple[Job, ...]) -> None:
        drawn.append(example)

    draw()
    return [Room(f"room-{number}", jobs) for number, jobs in enumerate(drawn)]
