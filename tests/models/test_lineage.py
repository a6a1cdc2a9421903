"""What schedulers and lineage tell: which of it becomes runs, and what it adds to others."""

import json
from pathlib import Path
from typing import Any

import pytest
from airflow_server import Airflow, airflow_server

PAYLOADS = Path(__file__).resolve().parents[1] / "ingest" / "payloads"
DAG_RUN = "manual__2026-11-23T22:37:44.995388+00:00"

CONFIG = """
[runs]
jobs = ["train_churn.prep", "prod/features*"]

[sources.run_events]
path = "events"

[sources.openlineage]
path = "lineage"

[sources.airflow]
url = "URL"
username = "observatory"
password = "pass-w0rd"
"""


def lineage(
    run: str, kind: str, at: str, name: str = "sql.orders", run_facets: Any = None, **more: Any
) -> dict[str, Any]:
    return {
        "eventType": kind,
        "eventTime": f"2026-11-03T{at}:00Z",
        "producer": "https://example.org",
        "run": {"runId": run, "facets": run_facets or {}},
        "job": {"namespace": "prod", "name": name, **more.pop("job", {})},
        **more,
    }


def hooked(run_id: str, **tags: str) -> dict[str, Any]:
    return {
        "event_id": run_id,
        "run_id": run_id,
        "job_name": run_id,
        "started_at": "2026-11-03T10:00:00Z",
        "ended_at": "2026-11-03T11:00:00Z",
        "status": "succeeded",
        "instance_type": "m5.xlarge",
        "region": "eu-west-1",
        "tags": tags,
    }


USERS = {
    "namespace": "s3://lake",
    "name": "users",
    "facets": {"version": {"datasetVersion": "7"}},
    "inputFacets": {"inputStatistics": {"rowCount": 12}},
}
TOLD = [
    # Jobs of SQL, of which nobody says that they are runs.
    lineage("sql-1", "START", "08:00"),
    lineage("sql-1", "COMPLETE", "08:10"),
    # Named by a hooked run, which says nothing of owner and data.
    lineage("spark-1", "START", "09:59", "spark.fit"),
    lineage("spark-1", "RUNNING", "10:30", "spark.fit", inputs=[USERS]),
    lineage(
        "spark-1", "COMPLETE", "11:00", "spark.fit",
        {"parent": {"run": {"runId": "p"}, "job": {"namespace": "a", "name": "daily.fit"}}},
        job={"facets": {"ownership": {"owners": [{"name": "eve"}, {"name": "bo"}]}}},
    ),
    # Chosen by the settings: ended, part of it, only started, going on.
    lineage("build", "START", "10:00", "features.build"),
    lineage("build", "FAIL", "10:20", "features.build"),
    lineage(
        "part", "COMPLETE", "10:20", "features.build.write",
        {"parent": {"run": {"runId": "build"}, "job": {"namespace": "a", "name": "x"}}},
    ),
    lineage("silent", "START", "10:00", "features_daily"),
    lineage("silent", "OTHER", "10:05", "features_daily"),
    # Names a run of an ML system by a tag of its own.
    lineage(
        "tagged", "ABORT", "10:05", "sql.scores",
        {"tags": {"tags": [{"key": "run_id", "value": "scores-1"}]}},
    ),
]  # fmt: skip
EVENTS = [
    hooked("fit-0", **{
        "airflow.dag_id": "train_churn", "airflow.task_id": "fit", "airflow.run_id": DAG_RUN,
        "airflow.map_index": "0",
    }),
    hooked("bad-task", **{
        "airflow.dag_id": "train_churn", "airflow.task_id": "bad", "airflow.run_id": DAG_RUN,
    }),
    hooked("spark-app", **{"openlineage.run_id": "SPARK-1"}),
    hooked("scores-1"),
]  # fmt: skip


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    files = {
        "events/a.jsonl": "\n".join(json.dumps(event) for event in EVENTS),
        "lineage/airflow.jsonl": (PAYLOADS / "openlineage/airflow_3.3.2.jsonl").read_bytes(),
        # The same events, from another place.
        "lineage/again.jsonl": (PAYLOADS / "openlineage/airflow_3.3.2.jsonl").read_bytes(),
        "lineage/told.json": json.dumps(TOLD),
    }
    server = Airflow()
    prep = next(task for task in server.instances if task["task_id"] == "prep")
    server.instances += [
        prep | {"dag_run_id": "r2", "try_number": 1, "state": "deferred", "end_date": None},
        prep | {"dag_run_id": "r3", "try_number": 1, "state": "skipped"},
    ]
    with airflow_server(server) as api:
        return night("lineage", CONFIG.replace("URL", api.url), files)


def test_what_nobody_names_is_no_run(marts: Any) -> None:
    runs = {row["run_id"] for row in marts.rows("select run_id from fct_runs")}
    assert runs == {
        "fit-0",
        "bad-task",
        "spark-app",
        "scores-1",
        "openlineage:build",
        "openlineage:silent",
        f"airflow:train_churn:{DAG_RUN}:prep:-1",
        "airflow:train_churn:r2:prep:-1",
    }


def test_a_hooked_run_is_the_airflow_task_that_lineage_tells_of(marts: Any) -> None:
    run = marts.run("fit-0")
    assert (run["source"], run["owner"], run["job_name"]) == ("run_events", "ada", "fit-0")
    assert run["facility_energy_kwh"] > 0
    assert marts.run("bad-task")["status"] == "succeeded", "the job itself goes first"
    identities = marts.rows(
        "select source, source_run_id, matched_key from fct_run_identities where run_id = 'fit-0'"
        " order by source"
    )
    assert [row["source"] for row in identities] == ["airflow", "openlineage", "run_events"]
    assert all(DAG_RUN.lower() in row["matched_key"] for row in identities)
    assert identities[1]["source_run_id"] == f"openlineage:airflow:train_churn:{DAG_RUN}:fit:0"


def test_lineage_adds_what_the_job_did_not_say(marts: Any) -> None:
    run = marts.run("spark-app")
    assert (run["owner"], run["dataset_name"], run["dataset_version"]) == ("eve", "users", "7")
    assert run["duration_s"] == 3600, "times are the job's own"
    names = {row["source_run_id"] for row in marts.rows("select * from fct_run_identities")}
    assert "openlineage:tagged" in names
    assert len([name for name in names if name == "scores-1"]) == 1


def test_tries_of_a_task_are_attempts(marts: Any) -> None:
    run_id = f"airflow:train_churn:{DAG_RUN}:prep:-1"
    attempts = marts.rows(
        "select attempt, status, duration_s, ended_at_utc from fct_run_attempts where run_id = ?"
        " order by 1",
        run_id,
    )
    assert [(row["attempt"], row["status"]) for row in attempts] == [
        (1, "failed"), (2, "succeeded"),
    ]  # fmt: skip
    assert attempts[0]["duration_s"] == pytest.approx(2.71533), "as Airflow says"
    run = marts.run(run_id)
    assert (run["source"], run["owner"], run["facility_energy_kwh"]) == ("airflow", "ada", None)
    assert run["missing_reason"]
    waiting = marts.run("airflow:train_churn:r2:prep:-1")
    assert (waiting["status"], waiting["ended_at_utc"]) == ("running", None)


@pytest.mark.parametrize(("run", "status", "duration_s"), [("build", "failed", 1200),
                                                           ("silent", "lost", 300)])  # fmt: skip
def test_a_run_of_which_no_machine_is_known_has_no_energy(
    marts: Any, run: str, status: str, duration_s: float
) -> None:
    row = marts.run(f"openlineage:{run}")
    assert (row["source"], row["status"], row["duration_s"]) == ("openlineage", status, duration_s)
    assert row["facility_energy_kwh"] is None
    assert row["emissions_location_g_co2e"] is None
    assert (row["energy_method"], row["effective_cost"]) == ("missing", None)
    assert row["missing_reason"]
