"""Sources that tell of runs beside each other: what each tells alone, and together."""

import json
from pathlib import Path
from typing import Any

import pytest

from observatory import explain, snapshot

PAYLOADS = Path(__file__).resolve().parents[1] / "ingest" / "payloads" / "codecarbon"
GPU_RUN = "11111111-aaaa-4000-8000-000000000001"

CONFIG = """
[sites.lyon]
grid_zone = "FR"
pue = 1.5

[sites.lyra]
grid_zone = "FR"
pue = 1.2

[sources.slurm]
path = "jobs"

[sources.run_events]
path = "events"

[sources.openlineage]
path = "lineage"

[sources.codecarbon.tracked]
path = "tracked"
site = "lyon"

[sources.codecarbon.counted]
path = "counted"
site = "lyon"
cpu_counter = "rapl"
"""

HEADER = (
    "run_id,task_name,timestamp,project_name,duration,energy_consumed,cpu_energy,gpu_energy,"
    "ram_energy,cpu_count,ram_total_size,gpu_count,gpu_model,tracking_mode,cloud_provider,"
    "cloud_region,pue,cpu_utilization_percent\n"
)
TRACKED = HEADER + (
    # Flushed twice: the second row goes on from the first.
    "flushed,,2026-11-03T10:30:00,fraud,1800,0.03,0.02,0,0.01,2,8,0,,machine,,,,50\n"
    "flushed,,2026-11-03T11:00:00,fraud,3600,0.06,0.04,0,0.02,2,8,0,,machine,,,,50\n"
    # Energies already hold the PUE.
    "cooled,,2026-11-03T11:00:00,fraud,3600,0.12,0.08,0,0.04,2,8,0,,machine,,,2.0,50\n"
    # A process tells nothing of what it held.
    "process,,2026-11-03T11:00:00,fraud,3600,0.06,0.04,0,0.02,2,8,0,,process,,,,50\n"
)
TASKS = HEADER + (
    "tasks,load,2026-11-03T10:10:00,etl,600,0.03,0.02,0,0.01,2,8,0,,machine,,,,0\n"
    "tasks,train,2026-11-03T10:30:00,etl,1200,0.06,0.04,0,0.02,2,8,0,,machine,,,,0\n"
    "flushed,load,2026-11-03T10:30:00,fraud,1000,0.01,0.01,0,0.0,2,8,0,,machine,,,,0\n"
)
COUNTED = HEADER + (
    "counted,,2026-11-03T11:00:00,fraud,3600,0.06,0.04,0,0.02,2,8,0,,machine,,,,50\n"
)
JOBS = [
    # id, name, submit, start, end, elapsed
    ("11", "train", "09:00", "10:00", "11:00", 3600),
    ("12", "again", "09:00", "10:30", "11:00", 1800),  # the last of two attempts, without -D
    ("13", "steps", "09:00", "10:00", "12:00", 7200),
    ("14", "alone", "09:00", "10:00", "11:00", 3600),
    ("15", "left", "09:00", "10:00", "11:00", 3600),  # two jobs of one task, beside each other
    ("16", "right", "09:00", "10:00", "11:00", 3600),
]
SACCT = (
    "JobIDRaw|JobName|User|Account|Cluster|State|Submit|Start|End|ElapsedRaw|AllocTRES\n"
    + "".join(
        f"{job_id}|{name}|ana|nlp|lyra|COMPLETED|2026-11-03T{submit}:00|2026-11-03T{start}:00|"
        f"2026-11-03T{end}:00|{elapsed}|cpu=4,mem=16G,node=1\n"
        for job_id, name, submit, start, end, elapsed in JOBS
    )
    # Read while it ran, and never again.
    + "17|early|ana|nlp|lyra|RUNNING|2026-11-03T09:00:00|2026-11-03T10:00:00|Unknown|600|"
    "cpu=4,mem=16G,node=1\n"
    + "18|unseen|ana|nlp|lyra|RUNNING|2026-11-03T09:00:00|2026-11-03T10:00:00|Unknown|600|"
    "cpu=4,mem=16G,node=1\n"
)


TASK = "0192d0a8-0000-7000-8000-000000000001"
LINEAGE = "".join(
    json.dumps(
        {
            "eventType": kind,
            "eventTime": f"2026-11-03T{at}:00Z",
            "run": {"runId": TASK},
            "job": {"namespace": "flows", "name": "train_both"},
            "producer": "https://example.org/flows",
            "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        }
    )
    + "\n"
    for kind, at in [("START", "09:55"), ("COMPLETE", "11:05")]
)


def job_tags(job_id: str) -> dict[str, str]:
    return {"slurm.cluster": "lyra", "slurm.job_id": job_id}


def event(run_id: str, at: str, job_id: str | None = None, **more: Any) -> dict[str, Any]:
    tags = job_tags(job_id) if job_id else {}
    told = {
        "event_id": f"{run_id} {at} {more.get('event_type')} {more.get('attempt')}",
        "event_type": "finished",
        "event_time": f"2026-11-03T{at}:00Z",
        "run_id": run_id,
        "job_name": "hooked",
        "provider": "on_premise",
        "region": "lyra",
        "tags": tags,
    }
    return told | more


RAPL = {
    "component": "cpu",
    "device_id": "package-0",
    "method": "rapl",
    "from": "2026-11-03T10:00:30Z",
    "to": "2026-11-03T10:59:30Z",
    "energy_j": 360_000,
}
EVENTS = [
    event(
        "hook-1",
        "10:59",
        "11",
        duration_s=3540,
        model_name="fraud",
        owner="ben",
        vcpus=64,
        status="succeeded",
        metrics={"accuracy": 0.9},
        energy=[RAPL],
    ),
    event("hook-2", "10:10", "12", attempt=1, duration_s=600, status="failed", vcpus=4),
    event("hook-2", "10:59", "12", attempt=2, duration_s=1700, model_name="again"),
    event("prepare", "10:30", "13", duration_s=1800),
    event("learn", "11:59", "13", duration_s=3600, model_name="two-steps"),
    event("left", "10:59", "15", tags={**job_tags("15"), "openlineage.run_id": TASK}),
    event("right", "10:59", "16", tags={**job_tags("16"), "openlineage.run_id": TASK}),
    event("early", "11:00", "17", duration_s=3600, status="failed"),
    event(
        "pod:0aa7",
        "11:00",
        None,
        duration_s=3600,
        vcpus=2,
        job_name="pod",
        tags={"hook": "carbon-hook agent", "kubernetes.pod_uid": "0aa7"},
    ),
    event(
        "in-pod",
        "10:59",
        None,
        duration_s=3500,
        model_name="podded",
        tags={"kubernetes.pod_uid": "0aa7"},
    ),
    event("nowhere", "10:59", "99", duration_s=60, vcpus=2),
    # Never heard of again.
    event("silent", "10:00", None, event_type="started", vcpus=2),
    event("silent", "10:30", None, event_type="heartbeat", vcpus=2),
    event("started", "10:00", None, event_type="started", vcpus=2),
]
EXPERIMENT = HEADER.replace("run_id,", "run_id,experiment_id,", 1) + (
    "experiment,hook-1,,2026-11-03T10:59:30,fraud,3540,0.3,0.2,0,0.1,4,16,0,,machine,,,,50\n"
)


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    files = {
        "tracked/emissions.csv": TRACKED,
        "tracked/emissions_base_1.csv": TASKS,
        "tracked/v1.csv": (PAYLOADS / "v1.csv").read_bytes(),
        "tracked/v2.csv": (PAYLOADS / "v2_gpu.csv").read_bytes(),
        "counted/emissions.csv": COUNTED,
        "tracked/experiment.csv": EXPERIMENT,
        "jobs/sacct.txt": SACCT,
        "lineage/events.jsonl": LINEAGE,
        "events/events.jsonl": "".join(json.dumps(told) + "\n" for told in EVENTS),
    }
    return night("several_sources", CONFIG, files)


def test_of_a_tracker_that_flushes_the_last_row_counts(marts: Any) -> None:
    run = marts.run("codecarbon:flushed")
    assert (run["source"], run["job_name"], run["status"]) == ("codecarbon", "fraud", "succeeded")
    assert run["duration_s"] == 3600
    assert run["started_at_utc"].isoformat() == "2026-11-03T10:00:00"
    assert run["energy_method"] == "external_estimate"
    assert run["it_energy_kwh"] == pytest.approx(0.06)
    assert run["facility_energy_kwh"] == pytest.approx(0.09)
    assert run["emissions_location_g_co2e"] > 0
    assert run["measured_energy_ratio"] == 0


def test_pue_inside_the_figures_is_divided_out(marts: Any) -> None:
    run = marts.run("codecarbon:cooled")
    assert run["it_energy_kwh"] == pytest.approx(0.06)
    assert run["facility_energy_kwh"] == pytest.approx(0.09)


def test_tasks_are_parts_of_one_run(marts: Any) -> None:
    run = marts.run("codecarbon:tasks")
    assert run["duration_s"] == 1800
    assert run["it_energy_kwh"] == pytest.approx(0.09)
    assert run["cpu_utilization_ratio"] is None


def test_counters_make_it_measured(marts: Any) -> None:
    components = marts.components(f"codecarbon:{GPU_RUN}")
    accelerator = components["accelerator"]
    assert (accelerator["energy_method"], accelerator["covered_ratio"]) == ("measured", 1)
    assert accelerator["it_energy_kwh"] == pytest.approx(0.5)
    assert components["cpu"]["energy_method"] == "external_estimate"
    assert components["cpu"]["it_energy_kwh"] == pytest.approx(0.1)
    run = marts.run(f"codecarbon:{GPU_RUN}")
    assert (run["provider"], run["region"], run["energy_method"]) == (
        "aws",
        "eu-west-3",
        "measured",
    )
    assert (run["accelerator_model"], run["accelerator_count"]) == ("NVIDIA A100 SXM4 80GB", 2)
    cpu = marts.components("codecarbon:counted")["cpu"]
    assert (cpu["energy_method"], cpu["it_energy_kwh"]) == ("measured", pytest.approx(0.04))


def test_what_a_process_held_is_not_known(marts: Any) -> None:
    run = marts.run("codecarbon:process")
    assert run["vcpu_hours"] is None
    assert run["it_energy_kwh"] == pytest.approx(0.06)


def test_the_oldest_version_tells_of_the_whole(marts: Any) -> None:
    (run,) = marts.rows("select * from fct_runs where job_name = 'mnist'")
    assert run["run_id"] == "codecarbon:4a2d7f04-7e38-4c32-9b0d-0a1a6c3c7a5e@2021-03-28 03:30:00"
    assert run["energy_method"] == "external_estimate"
    assert run["it_energy_kwh"] == pytest.approx(0.25)


def identities(marts: Any, run_id: str) -> list[tuple[Any, ...]]:
    rows = marts.rows(
        "select source, source_run_id, source_attempt, attempt, matched_by, matched_key"
        " from fct_run_identities where run_id = ? order by all",
        run_id,
    )
    return [tuple(row.values()) for row in rows]


def test_a_run_that_three_sources_tell_of_is_one_row(marts: Any) -> None:
    run = marts.run("hook-1")
    # Slurm tells when and on what it ran, the events who and what for.
    assert (run["source"], run["duration_s"], run["vcpu_hours"]) == ("slurm", 3600, 4)
    assert run["region"] == "lyra"
    assert (run["owner"], run["team"], run["model_name"]) == ("ben", "nlp", "fraud")
    assert run["job_name"] == "hooked"
    assert identities(marts, "hook-1") == [
        ("codecarbon", "codecarbon:experiment", 1, 1, "run", "hook-1"),
        ("run_events", "hook-1", 1, 1, "run", "hook-1"),
        ("slurm", "slurm:lyra:11", 1, 1, "slurm_job", "lyra:11"),
    ]
    others = ["slurm:lyra:11", "codecarbon:experiment"]
    assert not marts.rows("select * from fct_runs where run_id in (?, ?)", *others)


def test_its_meters_are_the_runs_and_the_estimate_is_not_added(marts: Any) -> None:
    components = marts.components("hook-1")
    cpu = components["cpu"]
    assert cpu["energy_method"] == "measured"
    assert cpu["measured_energy_kwh"] == pytest.approx(0.1)
    # The tool's own figure of the processor fills but the minute that no meter covered.
    assert cpu["it_energy_kwh"] == pytest.approx(0.1 + (1 - 3540 / 3600) * 0.2, rel=1e-3)
    assert components["memory"]["energy_method"] == "external_estimate"
    assert set(components) == {"cpu", "memory"}


def test_a_job_that_lost_its_first_attempt_is_the_last_one(marts: Any) -> None:
    attempts = marts.rows(
        "select attempt, status, duration_s, facility_energy_kwh from fct_run_attempts"
        " where run_id = 'hook-2' order by attempt"
    )
    assert [(a["attempt"], a["status"], a["duration_s"]) for a in attempts] == [
        (1, "failed", 600),
        (2, "succeeded", 1800),
    ]
    assert all(a["facility_energy_kwh"] > 0 for a in attempts)
    assert marts.run("hook-2")["model_name"] == "again"


def test_runs_inside_one_job_are_the_job(marts: Any) -> None:
    run = marts.run("slurm:lyra:13")
    assert (run["duration_s"], run["model_name"]) == (7200, "two-steps")
    assert [row[1] for row in identities(marts, "slurm:lyra:13")] == [
        "learn",
        "prepare",
        "slurm:lyra:13",
    ]


def test_jobs_of_one_task_are_attempts_of_one_run(marts: Any) -> None:
    name = f"openlineage:{TASK}"
    assert [row[1:4] for row in identities(marts, name) if row[0] != "openlineage"] == [
        ("left", 1, 1),
        ("right", 1, 2),
        ("slurm:lyra:15", 1, 1),
        ("slurm:lyra:16", 1, 2),
    ]
    both, alone = marts.run(name), marts.run("slurm:lyra:14")
    assert (both["vcpu_hours"], both["job_name"], both["status"]) == (8, "hooked", "succeeded")
    assert both["it_energy_kwh"] == pytest.approx(2 * alone["it_energy_kwh"])


def test_an_account_read_too_early_gives_way_to_a_known_end(marts: Any) -> None:
    run = marts.run("early")
    assert (run["source"], run["status"], run["duration_s"]) == ("slurm", "failed", 3600)
    assert run["ended_at_utc"].isoformat() == "2026-11-03T11:00:00"
    lost = marts.run("slurm:lyra:18")
    assert (lost["status"], lost["duration_s"]) == ("lost", 600)
    assert lost["ended_at_utc"].isoformat() == "2026-11-03T10:10:00"


def test_what_an_agent_sees_of_a_pod_is_the_run_inside_it(marts: Any) -> None:
    run = marts.run("in-pod")
    assert (run["model_name"], run["vcpu_hours"]) == ("podded", 2)
    assert [row[1:] for row in identities(marts, "in-pod")] == [
        ("in-pod", 1, 1, "kubernetes_pod", "0aa7"),
        ("pod:0aa7", 1, 1, "kubernetes_pod", "0aa7"),
    ]


def test_what_nobody_else_tells_of_stays_as_it_is(marts: Any) -> None:
    assert marts.run("slurm:lyra:14")["job_name"] == "alone"
    assert identities(marts, "slurm:lyra:14") == [
        ("slurm", "slurm:lyra:14", 1, 1, None, None),
    ]
    assert identities(marts, "nowhere") == [("run_events", "nowhere", 1, 1, None, None)]


def explained(marts: Any, name: str) -> str:
    with snapshot.connect(marts.folder) as connection:
        return explain.derive(connection, "now", name).run_id


@pytest.mark.parametrize("name", ["hook-1", "slurm:lyra:11", "lyra:11"])
def test_a_run_is_explained_by_any_of_its_names(marts: Any, name: str) -> None:
    assert explained(marts, name) == "hook-1"


def test_a_name_of_nobody_is_not_explained(marts: Any) -> None:
    with pytest.raises(explain.UnknownRunError):
        explained(marts, "lyra:99")


def test_the_share_without_a_match_is_in_the_data_quality(marts: Any) -> None:
    rows = marts.rows(
        "select source, unmatched_runs_ratio from fct_data_quality where day = date '2026-11-03'"
    )
    found = {row["source"]: row["unmatched_runs_ratio"] for row in rows}
    # Of the runs that events alone tell of, one names a job that is not there.
    assert found == {"run_events": 1, "slurm": 0, "codecarbon": None}


def test_silent_runs_are_lost_since_their_last_sign_of_life(marts: Any) -> None:
    run = marts.run("silent")
    assert (run["status"], run["duration_s"]) == ("lost", 1800)
    assert run["ended_at_utc"].isoformat() == "2026-11-03T10:30:00"
    assert run["facility_energy_kwh"] > 0
    started = marts.run("started")
    assert (started["status"], started["duration_s"]) == ("lost", None)
    assert (started["facility_energy_kwh"], started["missing_reason"]) == (None, "unknown_duration")
    wasted = marts.rows("select is_wasted from fct_run_attempts where run_id = 'silent'")
    assert wasted == [{"is_wasted": True}]
