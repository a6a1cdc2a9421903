"""Vertex AI's jobs land once, whatever is refused, busy, gone or still running."""

import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from vertex_server import LOCATION, PROJECT, Vertex, machine, vertex_server

from ingest.landing import Landing
from ingest.runner import SourceReport, run_source
from ingest.sources import SourceContext, registry, vertex

DAY = datetime(2026, 11, 20, tzinfo=UTC)
NIGHT = datetime(2026, 11, 21, 3, 15, tzinfo=UTC)
A100 = machine("a2-highgpu-8g", 3, "NVIDIA_TESLA_A100", 8)


@pytest.fixture
def service() -> Iterator[Vertex]:
    with vertex_server() as started:
        yield started


def land(service: Vertex, folder: Path, now: datetime = NIGHT, **settings: Any) -> SourceReport:
    landing = Landing(folder)
    landing.initialise(vertex.DATASETS)
    told = {"projects": [PROJECT], "locations": [LOCATION], "url": service.url, "attempts": 2}
    context = SourceContext(instance="default", now=now)
    read = vertex.Settings.model_validate({**told, **settings})
    return run_source(registry()["vertex"], read, context, landing)


def landed(folder: Path) -> dict[str, dict[str, Any]]:
    """What the newest delivery of each scope holds, by name."""
    newest = Landing(folder).deliveries().group_by("scope").last()
    files = [folder / "vertex__jobs" / f"{name}.parquet" for name in newest["delivery_id"]]
    rows = pl.concat([pl.read_parquet(file) for file in files if file.exists()])
    return {row["name"]: row for row in rows.rows(named=True)}


def test_pages_pools_and_kinds(service: Vertex, tmp_path: Path) -> None:
    for number in range(5):
        service.job(number, DAY + timedelta(hours=number), 60)
    service.job(9, DAY, 60, [machine("n1-standard-8", 1), {}, A100], labels={"team": "nlp"})
    trials = [{"id": "1", "state": "SUCCEEDED", "startTime": DAY.isoformat(),
               "endTime": (DAY + timedelta(minutes=10)).isoformat(),
               "finalMeasurement": {"metrics": [{"metricId": "auc", "value": 0.9}]}}]  # fmt: skip
    service.job(20, DAY, 60, [A100], "hyperparameterTuningJobs", trials=trials)
    dedicated = {"machineSpec": {"machineType": "n1-standard-4"}, "startingReplicaCount": 2}
    service.job(30, DAY, 60, collection="batchPredictionJobs", dedicatedResources=dedicated)
    service.job(31, DAY, 60, collection="batchPredictionJobs")  # on machines nobody sees
    report = land(service, tmp_path)
    assert (report.status, report.rows_landed) == ("ok", 8)
    rows = landed(tmp_path)
    pools = [
        (p["machine_type"], p["machines"], p["accelerator_type"], p["accelerators"])
        for p in rows["job-9"]["pools"]
    ]
    assert pools == [
        ("n1-standard-8", 1, None, None),
        ("a2-highgpu-8g", 3, "NVIDIA_TESLA_A100", 8),
    ]
    assert rows["job-9"]["tags"] == [{"key": "team", "value": "nlp"}]
    trial = rows["job-20"]
    assert (trial["kind"], trial["resource_name"].rpartition("/trials/")[2]) == ("trial", "1")
    assert trial["metrics"] == [{"name": "auc", "value": 0.9}]
    assert rows["job-30"]["pools"][0]["machines"] == 2
    again = land(service, tmp_path, NIGHT + timedelta(days=1))
    assert again.deliveries == []


def test_a_running_job_is_asked_for_until_it_ends(service: Vertex, tmp_path: Path) -> None:
    service.job(1, DAY, None)
    service.job(2, DAY, None)
    service.job(3, DAY + timedelta(hours=1), 60)
    land(service, tmp_path)
    assert landed(tmp_path)["job-1"]["read_at_utc"] == NIGHT
    del service.jobs[service.job(2, DAY, None)]  # deleted
    service.job(1, DAY, 2000)
    service.requests.clear()
    land(service, tmp_path, NIGHT + timedelta(days=1))
    (listed,) = [path for path in service.requests if "customJobs?" in path]
    assert "create_time%3E%222026-11-20T01%3A00%3A00" in listed
    rows = landed(tmp_path)
    assert (rows["job-1"]["status"], rows["job-1"]["read_at_utc"]) == ("JOB_STATE_SUCCEEDED", None)
    assert (rows["2"]["is_described"], rows["2"]["created_at_utc"]) == (False, DAY)
    assert land(service, tmp_path, NIGHT + timedelta(days=2)).rows_landed == 0
    assert set(landed(tmp_path)) == {"job-1", "2", "job-3"}


def test_a_tuning_job_may_wait_for_its_first_trial(service: Vertex, tmp_path: Path) -> None:
    made = NIGHT - timedelta(hours=2)
    service.job(20, made, None, [A100], "hyperparameterTuningJobs", state="JOB_STATE_PENDING")
    assert land(service, tmp_path).rows_landed == 0
    trials = [{"id": "1", "state": "SUCCEEDED", "startTime": made.isoformat(),
               "endTime": NIGHT.isoformat()}]  # fmt: skip
    service.job(20, made, 200, [A100], "hyperparameterTuningJobs", trials=trials)
    assert land(service, tmp_path, NIGHT + timedelta(days=1)).rows_landed == 1


def test_a_job_that_is_listed_late_is_found(service: Vertex, tmp_path: Path) -> None:
    service.job(1, NIGHT - timedelta(minutes=2), 1)
    land(service, tmp_path)
    service.job(2, NIGHT - timedelta(minutes=3), 1)  # older, and in no list until now
    assert land(service, tmp_path, NIGHT + timedelta(days=1)).rows_landed == 2
    assert set(landed(tmp_path)) == {"job-1", "job-2"}
    assert land(service, tmp_path, NIGHT + timedelta(days=2)).deliveries == []


def test_a_location_that_is_refused_leaves_the_others(service: Vertex, tmp_path: Path) -> None:
    service.job(1, DAY, 60)
    service.faults.append(lambda path: 403 if "us-central1" in path else None)
    report = land(service, tmp_path, locations=["us-central1", LOCATION])
    assert report.status == "partial"
    assert "us-central1: customJobs: HTTP 403 Forbidden (told 403); grant Vertex AI Viewer" in str(
        report.error
    )
    assert set(landed(tmp_path)) == {"job-1"}


def test_a_quota_that_passes_is_waited_for(service: Vertex, tmp_path: Path) -> None:
    service.job(1, DAY, 60)
    service.faults.append(lambda _: 429 if len(service.requests) == 1 else None)
    assert land(service, tmp_path).status == "ok"
    service.faults.append(lambda _: 429)
    service.requests.clear()
    report = land(service, tmp_path, NIGHT + timedelta(days=1))
    assert report.status == "failed"
    assert len(service.requests) == 2  # twice, then nothing is asked any more


def test_a_job_that_cannot_be_read_is_refused(service: Vertex, tmp_path: Path) -> None:
    service.job(1, DAY, 60, createTime="yesterday")
    service.job(2, DAY, 60, endTime="2026-11-19T00:00:00Z")
    service.job(3, DAY, 60)
    report = land(service, tmp_path)
    assert (report.rows_landed, report.rows_rejected) == (1, 2)


def test_since_bounds_the_first_night(service: Vertex, tmp_path: Path) -> None:
    service.job(1, DAY - timedelta(days=9), 60)
    service.job(2, DAY, 60)
    land(service, tmp_path, since="2026-11-19")
    assert set(landed(tmp_path)) == {"job-2"}


def test_the_page_in_five_minutes(service: Vertex, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "vertex.md").read_text()
    section = page.partition("## In five minutes")[2].partition("\n## ")[0]
    (config,) = re.findall(r"```toml\n(.*?)```", section, re.S)
    (tmp_path / "observatory.toml").write_text(f'{config}url = "{service.url}"\n')
    service.job(1, DAY, 60)
    script = re.findall(r"```sh\n(.*?)```", section, re.S)[-1]
    done = subprocess.run(
        ["bash", "-euc", script.replace("observatory", f'"{sys.executable}" -m observatory.cli')],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert set(landed(tmp_path / "data" / "landing")) == {"job-1"}
