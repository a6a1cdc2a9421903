"""The same joule counts once: over readings, over rank processes and over runs."""

import json
from typing import Any

import pytest

CONFIG = """
[reporting]
currency = "EUR"

[sources.run_events]
path = "events"

[sources.slurm]
path = "jobs"
cluster = "lyra"
site = "lyra"
timezone = "UTC"

[sites.lyra]
grid_zone = "FR"
pue = 1.2

[sites.lyra.hosts.a100]
vcpus = 128
memory_gib = 1024
cpu_model = "AMD EPYC 7763"
accelerator_model = "A100-SXM4-80GB"
accelerator_count = 8
"""

GPUS = [f"GPU-{device:08x}-1111-2222-3333-444444444444" for device in range(8)]


def event(run_id: str, **more: Any) -> dict[str, Any]:
    return {
        "event_id": run_id,
        "event_time": "2026-10-05T12:00:00Z",
        "run_id": run_id,
        "job_name": "once",
        "duration_s": 3600,
        "instance_type": "p4d.24xlarge",
        "region": "us-east-1",
    } | more


def reading(device: str | None, energy_kwh: float, **more: Any) -> dict[str, Any]:
    return {
        "component": "accelerator",
        "device_id": device,
        "method": "nvml_energy",
        "from": "2026-10-05T11:00:00Z",
        "to": "2026-10-05T12:00:00Z",
        "energy_j": energy_kwh * 3.6e6,
    } | more


def node(energy_kwh: float, **more: Any) -> dict[str, Any]:
    return (
        reading(None, energy_kwh, component="all", boundary="node", method="redfish_energy") | more
    )


def all_gpus(energy_kwh: float = 0.3, **more: Any) -> list[dict[str, Any]]:
    return [reading(gpu, energy_kwh, **more) for gpu in GPUS]


def at(clock: str) -> str:
    return f"2026-10-05T{clock}Z"


EVENTS = [
    # Eight rank processes of one run: bare indices on a named host, clocks apart by seconds,
    # the first rank's event twice, and samples of power of the same devices beside the counters.
    *(
        event(
            "ranks",
            event_id=f"ranks-{rank}",
            host_id="h1",
            energy=[
                reading(
                    str(device), 0.3, **{"from": at(f"11:00:0{rank}"), "to": at(f"12:00:0{rank}")}
                )
                for device in range(8)
            ]
            + [reading("0", 0.9, method="nvml_power")],
        )
        for rank in (0, 1, 2, 3, 4, 5, 6, 7, 0)
    ),
    # Each rank a run of its own without a host: the UUIDs tell that the devices are the same.
    *(
        event(f"rank-{rank}", parent_run_id="ranks-apart", accelerator_count=1, energy=all_gpus())
        for rank in range(8)
    ),
    # Bare indices without a host are each run's own.
    *(event(f"bare-{n}", energy=[reading("0", 0.3)]) for n in range(2)),
    # Two runs on one device of one host, half of the time together.
    event("early", host_id="h2", energy=[reading("0", 0.2)]),
    event(
        "late",
        host_id="H2",
        event_time=at("12:30:00"),
        energy=[reading("0", 0.4, **{"from": at("11:30:00"), "to": at("12:30:00")})],
    ),
    # The same name elsewhere is another host.
    event("elsewhere", host_id="h2", region="eu-west-1", energy=[reading("0", 0.2)]),
    # Heartbeats tell it piece by piece, `finished` as a whole.
    event(
        "pieces",
        energy=[
            reading("0", 0.1, to=at("11:20:00")),
            reading("0", 0.05, **{"from": at("11:30:00"), "to": at("11:40:00")}),
            reading("0", 0.25),
        ],
    ),
    # Counters from the start to now, again and again.
    event(
        "running-total",
        energy=[reading("0", m / 100, to=at(f"11:{m:02}:00")) for m in range(10, 60, 10)],
    ),
    # One meter of a host of which one run has three quarters, and only that run reports it.
    event("large", host_id="h3", vcpus=72, memory_gib=864, accelerator_count=6, energy=[node(1.2)]),
    event("small", host_id="h3", vcpus=24, memory_gib=288, accelerator_count=2),
    # Two kinds of meters see the same node; two names of one kind are two power supplies.
    event("two-kinds", host_id="h4", energy=[node(0.5), node(0.6, method="ipmi")]),
    event(
        "two-supplies",
        host_id="h6",
        energy=[node(0.6, method="ipmi", device_id=f"psu-{n}") for n in (1, 2)],
    ),
    # RAPL: package and dram; what lies inside the package, and the platform, not once more.
    event(
        "zones",
        instance_type="m5.xlarge",
        host_id="h5",
        energy=[
            reading(zone, energy, component=component, method="rapl")
            for zone, component, energy in (
                ("package-0", "cpu", 0.01),
                ("package-0-core", "cpu", 0.008),
                ("uncore", "cpu", 0.001),
                ("psys", "other", 0.02),
                ("dram-0", "memory", 0.002),
            )
        ],
    ),
]

SACCT = (
    "JobIDRaw|JobID|JobName|State|Submit|Start|End|ElapsedRaw|NCPUS|NNodes|NodeList|Partition"
    "|AllocTRES|CPUTimeRAW|TotalCPU|ConsumedEnergyRaw"
)


def job(job_id: str, start: str, hours: float, cpus: int, nodes: str, energy_kwh: float) -> str:
    first, _, last = start.partition(":")
    count = 2 if "," in nodes else 1
    end = f"{int(first) + int(hours):02}:{last}"
    return "|".join(
        [
            *(job_id, job_id, "once", "COMPLETED"),
            *(f"2026-10-05T{clock}:00" for clock in (start, start, end)),
            *(f"{hours * 3600:.0f}", str(cpus), str(count), nodes, "a100"),
            *(f"cpu={cpus},mem={cpus * 8}G,node={count}", f"{cpus * hours * 3600:.0f}"),
            *(f"{cpus * hours / 2:.0f}:00:00", f"{energy_kwh * 3.6e6:.0f}"),
        ]
    )


JOBS = [
    # Two jobs share a node; each is charged the whole node while it ran. A third has no figure.
    job("1", "10:00", 2, 96, "n1", 1.2),
    job("2", "10:00", 2, 16, "n1", 1.2),
    job("3", "10:00", 2, 16, "n1", 0),
    # A job on two nodes, of which another shares the second.
    job("4", "10:00", 2, 256, "n2,n3", 4.0),
    job("5", "10:00", 1, 128, "n3", 0.8),
]


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    return night(
        "joules_once",
        CONFIG,
        {
            "events/once.jsonl": "".join(f"{json.dumps(e)}\n" for e in EVENTS),
            "jobs/sacct.txt": "\n".join([SACCT, *JOBS]) + "\n",
        },
    )


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-9)


def measured(marts: Any, run_id: str, component: str = "accelerator") -> float:
    return float(marts.components(run_id)[component]["measured_energy_kwh"])


def test_eight_ranks_of_a_run_give_its_devices_once(marts: Any) -> None:
    accelerator = marts.components("ranks")["accelerator"]
    # 0.3 kW each, over the 3,607 s that one of the ranks or another saw.
    assert accelerator["measured_energy_kwh"] == pytest.approx(8 * 0.3 * 3607 / 3600, rel=1e-9)
    assert (accelerator["energy_method"], accelerator["covered_ratio"]) == ("measured", 1.0)


def test_eight_runs_share_the_devices_that_each_reports(marts: Any) -> None:
    parts = [measured(marts, f"rank-{rank}") for rank in range(8)]
    assert parts == [close(0.3)] * 8
    assert sum(parts) == close(8 * 0.3)
    component = marts.components("rank-3")["accelerator"]
    assert (component["energy_method"], component["covered_ratio"]) == ("measured", 1.0)
    assert component["devices_energy_kwh"] == close(8 * 0.3)


def test_an_index_without_a_host_is_the_runs_own(marts: Any) -> None:
    assert [measured(marts, f"bare-{n}") for n in range(2)] == [close(0.3)] * 2


def test_runs_share_only_the_time_that_both_claim(marts: Any) -> None:
    # 11:00 0.2 kW for one; 11:30 the mean 0.3 kW for two; 12:00 0.4 kW for the other.
    assert measured(marts, "early") == close(0.1 + 0.15 / 2)
    assert measured(marts, "late") == close(0.15 / 2 + 0.2)
    assert measured(marts, "elsewhere") == close(0.2)


@pytest.mark.parametrize(("run_id", "energy_kwh"), [("pieces", 0.25), ("running-total", 0.5)])
def test_a_reading_inside_a_longer_one_adds_nothing(
    marts: Any, run_id: str, energy_kwh: float
) -> None:
    assert measured(marts, run_id) == close(energy_kwh)


def test_a_hosts_meter_is_shared_by_the_power_of_all_on_it(marts: Any) -> None:
    large, small = (marts.components(run_id)["all"] for run_id in ("large", "small"))
    assert large["measured_energy_kwh"] == close(1.2 * 3 / 4)
    assert small["measured_energy_kwh"] == close(1.2 / 4)
    assert small["energy_method"] == "measured"


def test_two_kinds_of_meters_of_a_node_see_the_same_and_the_counter_tells(marts: Any) -> None:
    both = marts.components("two-kinds")["all"]
    assert (both["measured_energy_kwh"], both["meter"]) == (close(0.5), "redfish_energy")
    supplies = marts.components("two-supplies")["all"]
    assert supplies["measured_energy_kwh"] == close(1.2)


def test_package_and_dram_are_the_zones_that_count(marts: Any) -> None:
    zones = marts.components("zones")
    assert zones["cpu"]["measured_energy_kwh"] == close(0.01)
    assert zones["memory"]["measured_energy_kwh"] == close(0.002)
    assert zones["other"]["measured_energy_kwh"] is None


def test_jobs_on_one_node_share_what_slurm_charged_to_each(marts: Any) -> None:
    parts = {n: marts.components(f"slurm:lyra:{n}")["all"] for n in (1, 2, 3)}
    energy = {n: part["measured_energy_kwh"] for n, part in parts.items()}
    assert sum(energy.values()) == close(1.2)
    # Same load per CPU, same memory per CPU: by CPUs.
    assert energy == {1: close(1.2 * 96 / 128), 2: close(1.2 / 8), 3: close(1.2 / 8)}
    assert {part["energy_method"] for part in parts.values()} == {"measured"}
    assert {part["covered_ratio"] for part in parts.values()} == {1.0}


def test_a_job_on_several_nodes_has_the_mean_but_where_one_node_is_known(marts: Any) -> None:
    whole, part = (measured(marts, f"slurm:lyra:{n}", "all") for n in (4, 5))
    # 1 kW a node; n3 used 0.8 kWh in its first hour, half of it the other job's.
    assert part == close(0.8 / 2)
    assert whole == close(2 + 0.4 + 1)
