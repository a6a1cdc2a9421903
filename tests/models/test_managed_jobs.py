"""Jobs of managed services become runs: times with machines, machines, owners, bill and KPI."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from billing_months import focus_csv
from billing_months import sagemaker as billed
from sagemaker_server import ACCOUNT, sagemaker_server
from vertex_server import machine, vertex_server

from observatory import snapshot

DAY = datetime(2026, 11, 10, 8, tzinfo=UTC)
USUAL = (("Starting", 10), ("Downloading", 5), ("Training", 50), ("Uploading", 5), ("Completed", 0))
CONFIG = """
[reporting]
currency = "USD"

[attribution]
team_tags = ["squad"]

[sources.sagemaker]
regions = ["eu-west-1"]
endpoint_url = "{sagemaker}"

[sources.vertex]
projects = ["ml-research"]
locations = ["europe-west4"]
url = "{vertex}"

[sources.run_events]
path = "events"

[sources.focus.aws]
path = "bill"
"""


def arn(name: str, kind: str = "training-job") -> str:
    return f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:{kind}/{name}"


def run_id(name: str, kind: str = "training-job") -> str:
    return f"sagemaker:eu-west-1:{ACCOUNT}:{kind}/{name}"


def event(name: str, at: datetime, tag: dict[str, str], **more: Any) -> dict[str, Any]:
    told = {
        "event_id": f"{name} {at}",
        "event_type": "finished",
        "event_time": at.isoformat(),
        "run_id": name,
        "job_name": "hooked",
        "tags": tag,
    }
    return told | more


def counted(name: str, job: str, first: int, last: int) -> dict[str, Any]:
    """What the hook tells of a part of a job, from a minute of DAY to another."""
    start, end = DAY + timedelta(minutes=first), DAY + timedelta(minutes=last)
    reading = {
        "component": "cpu",
        "device_id": "package-0",
        "method": "rapl",
        "from": start.isoformat(),
        "to": end.isoformat(),
        "energy_j": 60 * (last - first) * 20,
    }
    tag = {"sagemaker.training_job_arn": arn(job)}
    return event(
        name,
        end,
        tag,
        started_at=start.isoformat(),
        duration_s=60 * (last - first),
        energy=[reading],
    )


@pytest.fixture(scope="module")
def marts(night: Any) -> Iterator[Any]:
    with (
        pytest.MonkeyPatch.context() as environment,
        sagemaker_server() as service,
        vertex_server() as vertex,
    ):
        a100 = machine("a2-highgpu-8g", 3, "NVIDIA_TESLA_A100", 8)
        vertex.job(1, DAY, 60, [machine("n1-standard-8", 1), a100], labels={"squad": "nlp"})
        vertex.job(2, DAY, 60, [machine("n1-standard-8", 1)])
        vertex.job(3, DAY, 60, [a100])
        vertex.job(4, DAY, 60, [{**a100, "replicaCount": "1"}, {**a100, "replicaCount": "2"}])
        vertex.job(
            5,
            DAY,
            60,
            [machine("n1-standard-8", 1, "NVIDIA_TESLA_T4", 2)],
            state="JOB_STATE_FAILED",
        )
        vertex.job(6, DAY, None)
        vertex.job(7, DAY, 60)
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        service.train(
            "fraud-2026-11-10-08-00-00-123",
            DAY,
            *USUAL,
            tags={"Squad": "risk", "owner": "ana", "model_name": "fraud"},
            metrics={"validation:accuracy": 0.91, "images": 5000},
            resources={"InstanceType": "ml.g5.xlarge", "InstanceCount": 1},
        )
        interrupted = (
            ("Starting", 10), ("Downloading", 10), ("Training", 20), ("Interrupted", 30),
            ("Starting", 5), ("Downloading", 10), ("Training", 50), ("Completed", 0),
        )  # fmt: skip
        service.train("spot", DAY, *interrupted)
        service.train("hooked-twice", DAY, *interrupted)
        groups = [
            {"InstanceGroupName": "data", "InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
            {"InstanceGroupName": "gpu", "InstanceType": "ml.p4d.24xlarge", "InstanceCount": 2},
        ]
        service.train("mixed", DAY, *USUAL, resources={"InstanceGroups": groups})
        gpus = {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 2}
        service.train("only-gpus", DAY, *USUAL, resources=gpus)
        service.train("only-data", DAY, *USUAL)
        service.train("strange", DAY, *USUAL, resources={**gpus, "InstanceType": "ml.zz9.huge"})
        service.train("never", DAY, ("Starting", 30), ("Failed", 0), status="Failed")
        service.train("slow", DAY, *USUAL[:3], ("MaxRuntimeExceeded", 0), status="Stopped")
        service.train(
            "tuned-001-ab12",
            DAY,
            *USUAL,
            tuning_job_arn=arn("depth-2026-11-10-08-00-00-001", "hyper-parameter-tuning-job"),
        )
        service.train("going", DAY, ("Downloading", 5), ("Training", 60), status="InProgress")
        service.train("waiting", DAY, ("Starting", 5), status="InProgress")
        service.train("gone", DAY, *USUAL)
        service.train("hooked", DAY, *USUAL)
        service.process("features", DAY, 30)
        service.faults.append(
            lambda action, told: (
                "ResourceNotFound" if told.get("TrainingJobName") == "gone" else None
            )
        )
        events = [
            event(
                "hook-run",
                DAY + timedelta(minutes=65),
                {"sagemaker.training_job_arn": arn("hooked")},
                duration_s=3000,
                owner="ben",
                model_name="from-the-job",
            ),
            counted("before", "hooked-twice", 20, 40),
            counted("after", "hooked-twice", 85, 135),
            event("on-vertex", DAY, {"vertex.job_id": "7"}, duration_s=60, owner="eva"),
        ]
        hours = [DAY, DAY + timedelta(hours=1)]
        bill = [
            billed(hour, "ml.g5.xlarge", 1.5, "", ResourceId=arn("fraud-2026-11-10-08-00-00-123"))
            for hour in hours
        ]
        bill += [billed(hour, "ml.m5.xlarge", 0.2, "", ResourceId=arn("spot")) for hour in hours]
        files = {
            "events/events.jsonl": "".join(json.dumps(told) + "\n" for told in events),
            "bill/november.csv": focus_csv(bill),
        }
        yield night("managed_jobs", CONFIG.format(sagemaker=service.url, vertex=vertex.url), files)


def attempts(marts: Any, run: str) -> list[tuple[Any, ...]]:
    rows = marts.rows(
        "select attempt, status, duration_s, is_wasted, facility_energy_kwh > 0 as used"
        " from fct_run_attempts where run_id = ? order by attempt",
        run,
    )
    return [tuple(row.values()) for row in rows]


def test_a_job_is_a_run_for_as_long_as_it_had_machines(marts: Any) -> None:
    run = marts.run(run_id("fraud-2026-11-10-08-00-00-123"))
    assert (run["source"], run["status"], run["duration_s"]) == ("sagemaker", "succeeded", 3600)
    assert run["started_at_utc"].isoformat() == "2026-11-10T08:10:00"
    assert run["ended_at_utc"].isoformat() == "2026-11-10T09:10:00"
    assert (run["job_name"], run["owner"], run["team"]) == ("fraud", "ana", "risk")
    assert (run["model_name"], run["workload_kind"]) == ("fraud", "training")
    assert run["dataset_name"] == "s3://data/fraud-2026-11-10-08-00-00-123/train"
    assert (run["provider"], run["region"], run["accelerator_count"]) == ("aws", "eu-west-1", 1)
    assert run["facility_energy_kwh"] > 0
    assert run["emissions_location_g_co2e"] > 0


def test_it_goes_by_its_arn(marts: Any) -> None:
    job = "fraud-2026-11-10-08-00-00-123"
    with snapshot.connect(marts.folder) as connection:
        assert snapshot.run_named(connection, arn(job)) == run_id(job)


def test_its_bill_is_found_by_its_arn(marts: Any) -> None:
    run = marts.run(run_id("fraud-2026-11-10-08-00-00-123"))
    assert (run["cost_method"], run["effective_cost"]) == ("billed_resource", pytest.approx(3))
    spot = marts.run(run_id("spot"))
    assert (spot["cost_method"], spot["effective_cost"]) == ("billed_resource", pytest.approx(0.4))


def test_its_final_metrics_are_kpis(marts: Any) -> None:
    rows = marts.rows(
        "select metric_name, functional_units from fct_run_sci where run_id = ?",
        run_id("fraud-2026-11-10-08-00-00-123"),
    )
    assert rows == [{"metric_name": "images", "functional_units": 5000}]


def test_an_interruption_ends_an_attempt(marts: Any) -> None:
    assert attempts(marts, run_id("spot")) == [
        (1, "preempted", 1800, True, True),
        (2, "succeeded", 3600, False, True),
    ]


def test_different_machines_of_one_job_add_up(marts: Any) -> None:
    mixed, gpus, data = (marts.run(run_id(n)) for n in ("mixed", "only-gpus", "only-data"))
    assert mixed["it_energy_kwh"] == pytest.approx(gpus["it_energy_kwh"] + data["it_energy_kwh"])
    assert mixed["accelerator_hours"] == gpus["accelerator_hours"] == 16
    assert (mixed["instance_type"], mixed["instance_count"]) == ("ml.p4d.24xlarge", 2)
    assert len(attempts(marts, run_id("mixed"))) == 2


def test_what_is_unknown_has_a_reason(marts: Any) -> None:
    strange = marts.run(run_id("strange"))
    assert strange["missing_reason"] == "unknown_instance_type"
    gone = marts.run(run_id("gone"))
    assert (gone["status"], gone["missing_reason"]) == ("succeeded", "unknown_duration")
    assert gone["facility_energy_kwh"] is None


def test_without_machines_nothing_was_used(marts: Any) -> None:
    never = marts.run(run_id("never"))
    assert (never["status"], never["duration_s"]) == ("failed", 0)
    assert never["facility_energy_kwh"] == 0
    assert marts.run(run_id("waiting"))["status"] == "pending"
    assert marts.run(run_id("slow"))["status"] == "timeout"


def test_a_running_job_runs_until_it_was_read(marts: Any) -> None:
    going = marts.run(run_id("going"))
    assert (going["status"], going["ended_at_utc"]) == ("running", None)
    assert going["duration_s"] > 3600


def test_a_tuning_job_is_the_pipeline_of_its_jobs(marts: Any) -> None:
    tuned = marts.run(run_id("tuned-001-ab12"))
    assert (tuned["job_name"], tuned["workload_kind"]) == ("depth", "tuning")
    assert tuned["pipeline"] == "depth-2026-11-10-08-00-00-001"


def test_a_processing_job_is_a_run(marts: Any) -> None:
    run = marts.run(run_id("features", "processing-job"))
    assert (run["workload_kind"], run["duration_s"], run["instance_count"]) == ("data", 1800, 2)
    assert run["owner"] == "fraud-trainer"  # the role that it runs as


def test_the_hooks_run_is_the_job(marts: Any) -> None:
    run = marts.run("hook-run")
    assert (run["source"], run["duration_s"]) == ("sagemaker", 3600)
    assert (run["owner"], run["model_name"]) == ("ben", "from-the-job")
    assert not marts.rows("select 1 from fct_runs where run_id = ?", run_id("hooked"))


def test_each_attempt_of_an_interrupted_job_has_what_its_hook_counted(marts: Any) -> None:
    told = marts.rows(
        "select source_run_id, attempt from fct_run_identities"
        " where run_id = ? and source = 'run_events' order by attempt",
        run_id("hooked-twice"),
    )
    assert [tuple(row.values()) for row in told] == [("before", 1), ("after", 2)]
    used = marts.rows(
        "select attempt, measured_energy_kwh from fct_run_energy_inputs"
        " where run_id = ? and component = 'cpu' order by attempt",
        run_id("hooked-twice"),
    )
    measured = [pytest.approx(minutes * 60 * 20 / 3.6e6) for minutes in (20, 50)]
    assert [row["measured_energy_kwh"] for row in used] == measured


def vertex_id(number: int) -> str:
    return f"vertex:projects/ml-research/locations/europe-west4/customJobs/{number}"


def test_worker_pools_of_different_machines_add_up(marts: Any) -> None:
    both, small, large, alike = (marts.run(vertex_id(n)) for n in (1, 2, 3, 4))
    assert both["it_energy_kwh"] == pytest.approx(small["it_energy_kwh"] + large["it_energy_kwh"])
    assert both["accelerator_hours"] == 24
    assert (both["team"], both["region"], both["provider"]) == ("nlp", "europe-west4", "gcp")
    assert (both["instance_type"], both["instance_count"]) == ("a2-highgpu-8g", 3)
    # Pools of one kind of machine are one.
    assert alike["it_energy_kwh"] == pytest.approx(large["it_energy_kwh"])
    assert attempts(marts, vertex_id(4)) == [(1, "succeeded", 3600, False, True)]


def test_accelerators_and_states_of_vertex(marts: Any) -> None:
    failed = marts.run(vertex_id(5))
    assert (failed["status"], failed["accelerator_model"]) == ("failed", "NVIDIA T4")
    assert failed["accelerator_count"] == 2
    running = marts.run(vertex_id(6))
    assert (running["status"], running["ended_at_utc"]) == ("running", None)


def test_the_hooks_run_is_the_vertex_job(marts: Any) -> None:
    run = marts.run("on-vertex")
    assert (run["source"], run["owner"], run["duration_s"]) == ("vertex", "eva", 3600)
