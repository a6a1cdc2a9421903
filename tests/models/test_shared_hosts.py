"""Jobs that hold parts of hosts: under every idle policy, jobs and idle are the host."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from shared_hosts import (
    CAPACITY,
    CONFIG,
    CPU_CURVE,
    IDLE_W,
    START,
    Account,
    Room,
    account,
    instant,
    lines,
    rooms,
)

from observatory.explain import evaluate

POLICIES = ("reserved", "activity", "idle_row")
ROOMS = rooms()
HOUR_S = 3600


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-9, abs=1e-12)


# --- cases worked out by hand, beside the rooms ---

# sacct: a job on two nodes, and one of another partition of the same machines on one of them.
SACCT = """\
JobIDRaw|JobName|User|Partition|State|Submit|Start|End|ElapsedRaw|AllocTRES|NodeList|NNodes|TotalCPU|CPUTimeRAW|Cluster
1|two-nodes|ada|node|COMPLETED|2026-03-10T00:00:00|2026-03-10T00:00:00|2026-03-10T02:00:00|7200|cpu=128,gres/gpu=8,mem=1024G,node=2|barn-[1-2]|2|128:00:00|921600|barn
2|one-node|ada|node-long|COMPLETED|2026-03-10T00:00:00|2026-03-10T00:00:00|2026-03-10T01:00:00|3600|cpu=32,mem=256G,node=1|barn-1|1|16:00:00|115200|barn
3|no-such-partition|ada|mystery|COMPLETED|2026-03-10T00:00:00|2026-03-10T00:00:00|2026-03-10T01:00:00|3600|cpu=32,mem=256G,node=1|barn-1|1|16:00:00|115200|barn
"""


def event(run_id: str, start_s: int, duration_s: int, **more: Any) -> dict[str, Any]:
    return {
        "event_id": run_id,
        "run_id": run_id,
        "event_type": "finished",
        "event_time": instant(start_s + duration_s),
        "job_name": "by-hand",
        "status": "succeeded",
        "started_at": instant(start_s),
        "duration_s": duration_s,
    } | more


def rank(number: int, **more: Any) -> dict[str, Any]:
    """One of eight ranks of a p4d.24xlarge, each of which says that it has the whole machine."""
    machine = {"region": "us-east-1", "instance_type": "p4d.24xlarge"}
    return event(f"{more['host_id']}-{number}", 600, HOUR_S, **machine, **more)


RENTED = {"region": "eu-west-1", "instance_type": "m5.xlarge"}

BY_HAND = [
    *(rank(number, host_id="ranks") for number in range(8)),
    *(
        rank(
            number,
            host_id="ranks-metered",
            energy=[
                {
                    "component": "accelerator",
                    "device_id": f"GPU-{number}",
                    "method": "nvml_energy",
                    "boundary": "component",
                    "from": instant(600),
                    "to": instant(600 + HOUR_S),
                    "energy_j": 0.3 * 3.6e6,
                }
            ],
        )
        for number in range(8)
    ),
    event("quarter", 600, HOUR_S, **RENTED, vcpus=1, host_id="i"),
    event("whole", 600, HOUR_S, **RENTED, host_id="i-alone"),
    event("nameless", 0, HOUR_S, region="barn", instance_type="node", vcpus=64, memory_gib=128),
]


class Night:
    """What a night under one policy published, beside the plain account of the same rooms."""

    def __init__(self, night: Callable[..., Any], policy: str) -> None:
        rooms_told = lines([event for room in ROOMS for event in room.events()])
        self.policy = policy
        self.marts = night(
            f"shared_hosts_{policy}",
            CONFIG.format(policy=policy),
            {
                "events/rooms.jsonl": rooms_told,
                "events/by_hand.jsonl": lines(BY_HAND),
                "slurm/sacct.txt": SACCT,
            },
        )
        self.accounts: list[tuple[Room, Account]] = [
            (room, account(room, policy)) for room in ROOMS
        ]
        self.inputs = {
            (row["run_id"], row["component"]): row
            for row in self.marts.rows("select * from fct_run_energy_inputs")
        }
        self.days = {
            (row["host_id"], row["allocation"], row["usage_date"]): row
            for row in self.marts.rows("select * from fct_host_energy_daily")
        }

    def host(self, host_id: str, allocation: str, measure: str = "it_energy_kwh") -> float:
        """What a host's rows of an allocation add up to."""
        found = [row[measure] for key, row in self.days.items() if key[:2] == (host_id, allocation)]
        return sum(found)


@pytest.fixture(scope="module")
def nights(night: Any) -> dict[str, Night]:
    return {policy: Night(night, policy) for policy in POLICIES}


@pytest.fixture(params=POLICIES)
def published(request: pytest.FixtureRequest, nights: dict[str, Night]) -> Night:
    return nights[request.param]


def test_the_rooms_hold_what_the_policies_differ_in() -> None:
    jobs = [job for room in ROOMS for job in room.jobs]
    crowded = [
        (room, host)
        for room in ROOMS
        for host in room.hosts()
        if sum(job.vcpus for job in room.jobs if host in job.hosts) > CAPACITY["cpu"]
    ]
    assert len(ROOMS) >= 35 and len(crowded) >= 10
    assert any(len(job.hosts) > 1 for job in jobs)
    assert any(job.suspended_s for job in jobs)
    assert any(job.cpu_utilization == 0 for job in jobs)
    assert any(job.cpu_utilization is None for job in jobs)


def test_every_job_pays_what_the_plain_account_says(published: Night) -> None:
    for room, owed in published.accounts:
        for job in room.jobs:
            for component in ("cpu", "memory", "accelerator"):
                row = published.inputs.get((room.run_id(job), component))
                expected = owed.jobs.get((job, component))
                if expected is None:
                    assert row is None or row["it_energy_kwh"] == 0
                    continue
                assert row is not None
                assert row["it_energy_kwh"] == close(expected), (room, job, component)
                assert row["host_basis"] == "known_host"


def test_the_arithmetic_of_every_job_gives_its_figure(published: Night) -> None:
    for row in published.inputs.values():
        if row["it_energy_kwh"] is not None:
            assert evaluate(row["arithmetic"]) == close(row["it_energy_kwh"])
        if row["power_w_per_unit"] is not None:
            assert evaluate(row["power_arithmetic"]) == close(row["power_w_per_unit"])


def test_every_host_is_idle_for_what_the_plain_account_leaves(published: Night) -> None:
    for room, owed in published.accounts:
        days: dict[tuple[int, date], float] = defaultdict(float)
        for (host, hour), kwh in owed.idle.items():
            days[host, (START + timedelta(hours=hour)).date()] += kwh
        for (host, day), kwh in days.items():
            row = published.days[room.host_id(host), "idle", day]
            assert row["it_energy_kwh"] == pytest.approx(kwh, rel=1e-9, abs=1e-9)
            # The site's own PUE and intensity.
            assert row["facility_energy_kwh"] == close(row["it_energy_kwh"] * 1.5)
            assert row["emissions_location_g_co2e"] == close(row["it_energy_kwh"] * 150.0)
            assert row["idle_policy"] == published.policy


def test_jobs_and_idle_are_the_host(published: Night) -> None:
    for room, owed in published.accounts:
        for host, kwh in owed.hosts.items():
            host_id = room.host_id(host)
            together = published.host(host_id, "run") + published.host(host_id, "idle")
            assert together == close(kwh), host_id


def test_a_host_is_the_same_under_every_policy(nights: dict[str, Night]) -> None:
    for room in ROOMS:
        for host in room.hosts():
            host_id = room.host_id(host)
            together = {
                night.host(host_id, "run") + night.host(host_id, "idle")
                for night in nights.values()
            }
            assert max(together) == close(min(together))


def test_an_idle_row_never_makes_a_run_pay_more_than_it_reserved(nights: dict[str, Night]) -> None:
    idle_row = nights["idle_row"]
    for room, owed in idle_row.accounts:
        for job in room.jobs:
            run = idle_row.marts.run(room.run_id(job))
            assert run["it_energy_kwh"] <= owed.reserved[job] * (1 + 1e-9)


def test_what_is_alone_on_its_part_is_as_without_hosts(nights: dict[str, Night]) -> None:
    """By what was reserved, a job of a host that is not oversold pays its own and no more."""
    row = nights["reserved"].inputs["slurm:barn:2", "cpu"]
    assert (row["idle_factor"], row["dynamic_factor"], row["host_basis"]) == (1, 1, "known_host")
    assert " * 1.0 + (" not in row["power_arithmetic"]


def test_a_job_on_two_nodes_holds_half_of_itself_on_each(nights: dict[str, Night]) -> None:
    reserved = nights["reserved"]
    # In the first hour 64 of 128 vCPUs and 32 more on barn-1; in the second 64 on both.
    idle = {
        "barn-1": (128 - 64 - 32) + (128 - 64),
        "barn-2": (128 - 64) * 2,
    }
    # GiB above what the processor's coefficient holds, of 1024; and devices of 8.
    memory = {"barn-1": (1024 - 512 - 256) + 512, "barn-2": 512 * 2}
    for host_id, vcpu_hours in idle.items():
        expected = (
            vcpu_hours * IDLE_W["cpu"]
            + memory[host_id] * (1 - 128 / 1024) * IDLE_W["memory"]
            + (8 - 4) * 2 * IDLE_W["accelerator"]
        ) / 1000
        assert reserved.host(host_id, "idle") == close(expected)
    parts = [reserved.host(host_id, "run") for host_id in idle]
    runs = [reserved.marts.run(f"slurm:barn:{job}")["it_energy_kwh"] for job in (1, 2)]
    assert parts[1] == close(runs[0] / 2)
    assert parts[0] == close(runs[0] / 2 + runs[1])


def test_activity_pays_for_what_nobody_holds(nights: dict[str, Night]) -> None:
    """barn-1, first hour: 64 vCPUs at 50 % and 32 at 50 % share all 128; then 64 alone do."""
    row = nights["activity"].inputs["slurm:barn:1", "cpu"]
    # On barn-1 two thirds of the host for an hour and all of it for one, on barn-2 all of it.
    paid = (128 * 2 / 3 + 128 + 128 * 2) / (64 * 4)
    assert row["idle_factor"] == close(paid)
    power = CPU_CURVE[0] * paid + (CPU_CURVE[2] - CPU_CURVE[0])
    assert row["it_energy_kwh"] == close(128 * power * 2 / 1000)


def test_a_node_of_unknown_hardware_is_as_if_nothing_else_ran(nights: dict[str, Night]) -> None:
    for night in nights.values():
        row = night.inputs["slurm:barn:3", "cpu"]
        assert (row["host_basis"], row["idle_factor"]) == ("unknown_hardware", 1)
        row = night.inputs["nameless", "cpu"]
        assert (row["host_basis"], row["idle_factor"]) == ("unknown_host", 1)


def test_eight_ranks_of_one_machine_are_one_machine(published: Night) -> None:
    """Each of them says that it has the whole machine, for the same hour."""
    whole = 8 * (55.3 + (400 - 55.3) * 0.68) / 1000 + (96 * 1.7411 + 960 * 0.392) / 1000
    ranks = [published.marts.run(f"ranks-{number}")["it_energy_kwh"] for number in range(8)]
    assert ranks == [close(ranks[0])] * 8
    assert sum(ranks) + published.host("ranks", "idle") == close(whole)
    if published.policy != "idle_row":
        assert published.host("ranks", "idle") == close(0)


def test_devices_that_are_metered_are_not_modelled_again(published: Night) -> None:
    """Each rank meters one device of the eight it says it has: together they are all metered."""
    ids = [("ranks-metered-" + str(number), "accelerator") for number in range(8)]
    rows = [published.inputs[key] for key in ids]
    assert sum(row["it_energy_kwh"] for row in rows) == close(8 * 0.3)
    assert [row["energy_method"] for row in rows] == ["measured_partial"] * 8


def test_a_rented_machine_stands_idle_only_while_something_runs_on_it(published: Night) -> None:
    """One of four vCPUs, and by it a quarter of the memory, for one hour of two clock hours."""
    nobodys = {"reserved": 3, "activity": 0, "idle_row": 4}[published.policy]
    idle_w_per_vcpu = 0.5201
    expected = (nobodys * idle_w_per_vcpu + 0.75 * 8 * 0.392) / 1000
    assert published.host("i", "idle") == close(expected)
    assert not [key for key in published.days if key[0] == "i-alone"]
    row = published.inputs["whole", "cpu"]
    assert (row["host_basis"], row["idle_factor"]) == ("known_host", 1)
