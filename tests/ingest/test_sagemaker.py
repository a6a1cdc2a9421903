"""SageMaker's jobs land once, whatever is refused, busy, gone or still running."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError
from sagemaker_server import ACCOUNT, SageMaker, sagemaker_server

from ingest.landing import Landing
from ingest.runner import SourceReport, run_source
from ingest.sources import SourceContext, registry, sagemaker
from observatory.settings import load_settings

DAY = datetime(2026, 11, 20, tzinfo=UTC)
NIGHT = datetime(2026, 11, 21, 3, 15, tzinfo=UTC)
USUAL = (("Starting", 5), ("Downloading", 5), ("Training", 50), ("Uploading", 5), ("Completed", 0))


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.fixture
def service() -> Iterator[SageMaker]:
    with sagemaker_server() as started:
        yield started


def land(service: SageMaker, folder: Path, now: datetime = NIGHT, **settings: Any) -> SourceReport:
    landing = Landing(folder)
    landing.initialise(sagemaker.DATASETS)
    told = {"regions": ["eu-west-1"], "endpoint_url": service.url, "attempts": 2, **settings}
    context = SourceContext(instance="default", now=now)
    return run_source(
        registry()["sagemaker"], sagemaker.Settings.model_validate(told), context, landing
    )


def landed(folder: Path) -> pl.DataFrame:
    """What the newest delivery of each scope holds."""
    newest = Landing(folder).deliveries().group_by("scope").last()
    files = [folder / "sagemaker__jobs" / f"{name}.parquet" for name in newest["delivery_id"]]
    return pl.concat([pl.read_parquet(file) for file in files if file.exists()]).sort("name")


def test_a_job_lands_with_all_that_is_told_of_it(service: SageMaker, tmp_path: Path) -> None:
    arn = service.train(
        "fraud-2026-11-20-10-00-00-123",
        DAY,
        *USUAL,
        metrics={"validation:auc": 0.91},
        tags={"team": "risk", "owner": "ana"},
        resources={"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 2,
                   "KeepAlivePeriodInSeconds": 600},
        enable_managed_spot_training=True,
        billable_time_in_seconds=900,
        warm_pool_status={"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 600},
    )  # fmt: skip
    report = land(service, tmp_path)
    assert (report.status, report.rows_landed) == ("ok", 1)
    (row,) = landed(tmp_path).rows(named=True)
    assert row["resource_name"] == arn
    assert (row["account"], row["region"], row["kind"]) == (ACCOUNT, "eu-west-1", "training")
    assert row["pools"][0] | {} == {
        "name": None,
        "machine_type": "ml.p4d.24xlarge",
        "machines": 2,
        "accelerator_type": None,
        "accelerators": None,
        "tpu_topology": None,
    }
    assert [t["status"] for t in row["transitions"]] == [status for status, _ in USUAL]
    assert row["started_at_utc"] == DAY + timedelta(minutes=5)
    assert row["ended_at_utc"] == DAY + timedelta(minutes=65)
    assert row["metrics"] == [{"name": "validation:auc", "value": pytest.approx(0.91)}]
    assert {t["key"]: t["value"] for t in row["tags"]} == {"team": "risk", "owner": "ana"}
    assert row["dataset_uri"].endswith("/train")
    assert (row["is_spot"], row["charged_s"], row["kept_alive_s"]) == (True, 900, 600)
    assert (row["is_described"], row["read_at_utc"]) == (True, None)


def test_pages_regions_and_deliveries_that_go_on(
    service: SageMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sagemaker, "JOBS_OF_A_DELIVERY", 2)
    for number in range(5):
        service.train(f"job-{number}", DAY + timedelta(hours=number), *USUAL)
    service.train("elsewhere", DAY, *USUAL, region="us-east-1")
    pages = [
        {"TrainingJobSummaries": [_summary("job-0", 0), _summary("job-1", 1)], "NextToken": "2"},
        {"TrainingJobSummaries": [_summary(f"job-{n}", n) for n in (2, 3, 4)]},
    ]

    def paged(action: str, told: Mapping[str, Any]) -> Any:
        wanted = action == "ListTrainingJobs" and "StatusEquals" not in told
        first = service.requests[-1][1] is told and len(service.asked("ListTrainingJobs")) <= 2
        return pages[1 if "NextToken" in told else 0] if wanted and first else None

    service.faults.append(paged)
    report = land(service, tmp_path, regions=["eu-west-1", "us-east-1"])
    assert report.status == "ok"
    assert landed(tmp_path)["name"].to_list() == ["elsewhere", *(f"job-{n}" for n in range(5))]
    assert len(report.deliveries) == 4  # 2 + 2 + 1, and the other region


def _summary(name: str, hours: int) -> dict[str, Any]:
    end = (DAY + timedelta(hours=hours, minutes=65)).timestamp()
    return {
        "TrainingJobName": name,
        "TrainingJobArn": f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:training-job/{name}",
        "CreationTime": DAY.timestamp(),
        "TrainingEndTime": end,
        "LastModifiedTime": end,
        "TrainingJobStatus": "Completed",
    }


def test_the_next_night_asks_for_what_changed_since(service: SageMaker, tmp_path: Path) -> None:
    service.train("old", DAY, *USUAL)
    service.train("long", DAY, ("Downloading", 5), ("Training", 60), status="InProgress")
    assert land(service, tmp_path).rows_landed == 2
    rows = {row["name"]: row for row in landed(tmp_path).rows(named=True)}
    assert (rows["long"]["status"], rows["long"]["read_at_utc"]) == ("InProgress", NIGHT)
    service.requests.clear()

    service.finish("long", NIGHT + timedelta(hours=4))
    service.train("new", NIGHT, *USUAL)
    land(service, tmp_path, NIGHT + timedelta(days=1))
    asked = [a for a in service.asked("ListTrainingJobs") if "StatusEquals" not in a]
    # An hour before the newest change that had landed.
    assert [a["LastModifiedTimeAfter"] for a in asked] == [(DAY + timedelta(minutes=5)).timestamp()]
    rows = {row["name"]: row for row in landed(tmp_path).rows(named=True)}
    assert set(rows) == {"old", "long", "new"}
    assert (rows["long"]["status"], rows["long"]["read_at_utc"]) == ("Completed", None)

    again = [land(service, tmp_path, NIGHT + timedelta(days=n)) for n in (2, 3)]
    assert [d.status for d in again[1].deliveries] == ["unchanged", "unchanged"]


def test_since_bounds_the_first_night(service: SageMaker, tmp_path: Path) -> None:
    service.train("old", DAY - timedelta(days=9), *USUAL)
    service.train("new", DAY, *USUAL)
    land(service, tmp_path, since="2026-11-19")
    assert landed(tmp_path)["name"].to_list() == ["new"]


def test_other_kinds_and_what_is_denied(service: SageMaker, tmp_path: Path) -> None:
    service.train("fraud", DAY, *USUAL)
    service.process("features", DAY, 30)
    transform = {"TransformJobName": "score", "CreationTime": DAY.timestamp(),
                 "TransformJobArn": f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:transform-job/score",
                 "TransformEndTime": DAY.timestamp() + 60, "TransformJobStatus": "Completed",
                 "LastModifiedTime": DAY.timestamp() + 60}  # fmt: skip

    source = {"DataSource": {"S3DataSource": {"S3Uri": "s3://in"}}}

    def transforms(action: str, told: Mapping[str, Any]) -> Any:
        if action == "ListTransformJobs":
            return {"TransformJobSummaries": [] if "StatusEquals" in told else [transform]}
        if action == "DescribeTransformJob":
            return {**transform, "TransformStartTime": DAY.timestamp(), "ModelName": "fraud-7",
                    "TransformResources": {"InstanceType": "ml.g5.xlarge", "InstanceCount": 3},
                    "TransformInput": source}  # fmt: skip
        return None

    service.faults += [
        transforms,
        lambda action, _: "AccessDeniedException" if action == "ListProcessingJobs" else None,
        lambda action, told: (
            "AccessDeniedException"
            if action == "ListTags" and "transform" in told["ResourceArn"]
            else None
        ),
    ]
    report = land(service, tmp_path)
    assert report.status == "partial"
    assert "processing jobs: access is denied; allow sagemaker:ListProcessingJobs" in str(
        report.error
    )
    assert "transform jobs landed without their tags" in str(report.error)
    rows = {row["name"]: row for row in landed(tmp_path).rows(named=True)}
    assert set(rows) == {"fraud", "score"}
    assert (rows["score"]["model_name"], rows["score"]["dataset_uri"]) == ("fraud-7", "s3://in")
    assert rows["score"]["pools"][0]["machines"] == 3

    service.faults.clear()
    land(service, tmp_path)
    rows = {row["name"]: row for row in landed(tmp_path).rows(named=True)}
    assert rows["features"]["pools"][0]["machine_type"] == "ml.m5.4xlarge"
    assert rows["features"]["ended_at_utc"] - rows["features"]["started_at_utc"] == timedelta(
        minutes=30
    )


def test_a_job_that_is_gone_lands_as_it_was_listed(service: SageMaker, tmp_path: Path) -> None:
    service.train("gone", DAY, *USUAL)
    service.faults.append(
        lambda action, _: "ResourceNotFound" if action == "DescribeTrainingJob" else None
    )
    assert land(service, tmp_path).status == "ok"
    (row,) = landed(tmp_path).rows(named=True)
    assert (row["is_described"], row["status"], row["pools"]) == (False, "Completed", [])
    assert row["ended_at_utc"] == DAY + timedelta(minutes=65)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("ExpiredTokenException", "the AWS credentials have expired"),
        ("UnrecognizedClientException", "AWS does not know these credentials"),
        ("ThrottlingException", "AWS asked to slow down"),
    ],
)
def test_what_every_request_would_meet_ends_the_asking(
    service: SageMaker, tmp_path: Path, code: str, says: str
) -> None:
    service.faults.append(lambda *_: code)
    report = land(service, tmp_path, regions=["eu-west-1", "us-east-1"])
    assert report.status == "failed"
    assert says in str(report.error)
    assert {action for action, _ in service.requests} == {"ListTrainingJobs"}


def test_what_came_before_it_was_cut_off_stays(
    service: SageMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sagemaker, "JOBS_OF_A_DELIVERY", 1)
    for number in range(3):
        service.train(f"job-{number}", DAY + timedelta(hours=2 * number), *USUAL)
    service.faults.append(
        lambda action, told: (
            "ThrottlingException"
            if action == "DescribeTrainingJob" and told["TrainingJobName"] == "job-2"
            else None
        )
    )
    assert land(service, tmp_path).status == "partial"
    assert landed(tmp_path)["name"].to_list() == ["job-0", "job-1"]
    service.faults.clear()
    service.requests.clear()
    assert land(service, tmp_path).status == "ok"
    described = [told["TrainingJobName"] for told in service.asked("DescribeTrainingJob")]
    assert described == ["job-1", "job-2"]  # job-1 is within the hour that is asked for again
    assert set(landed(tmp_path)["name"]) == {"job-0", "job-1", "job-2"}


def test_a_job_that_cannot_be_true_is_refused(service: SageMaker, tmp_path: Path) -> None:
    service.train("backwards", DAY, *USUAL, training_end_time=DAY)
    service.train("fine", DAY, *USUAL)
    report = land(service, tmp_path)
    assert (report.rows_landed, report.rows_rejected) == (1, 1)
    files = (tmp_path / "_rejected").glob("[!_]*.parquet")
    (refused,) = pl.concat([pl.read_parquet(file) for file in files]).rows(named=True)
    assert (refused["field"], refused["reason"]) == ("ended_at_utc", "value_not_allowed")
    assert "backwards" in refused["raw"]


def test_settings() -> None:
    assert sagemaker.Settings.model_validate({"regions": "eu-west-1, us-east-1"}).regions == (
        "eu-west-1",
        "us-east-1",
    )
    for wrong in ({}, {"regions": []}, {"regions": ["Ireland!"]}):
        with pytest.raises(ValidationError):
            sagemaker.Settings.model_validate(wrong)


# ---- The page -----------------------------------------------------------------------------------


def test_the_page_in_five_minutes(service: SageMaker, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "sagemaker.md").read_text()
    section = page.partition("## In five minutes")[2].partition("\n## ")[0]
    first, accounts = re.findall(r"```toml\n(.*?)```", section, re.S)
    config = tmp_path / "observatory.toml"
    config.write_text(accounts)
    assert {key for key in load_settings(config).sources["sagemaker"]} == {
        "research",
        "production",
    }
    config.write_text(f'{first}endpoint_url = "{service.url}"\n')
    service.train("fraud", DAY, *USUAL)
    (script,) = re.findall(r"```sh\n(.*?)```", section, re.S)
    command = script.replace("observatory", f'"{sys.executable}" -m observatory.cli')
    done = subprocess.run(
        ["bash", "-euc", command], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert landed(tmp_path / "data" / "landing")["name"].to_list() == ["fraud"]
    # What is asked is what the policy allows, and nothing else.
    (policy,) = re.findall(r"```json\n(.*?)```", section, re.S)
    allowed = {name.partition(":")[2] for name in json.loads(policy)["Statement"][0]["Action"]}
    apis = [(f"List{api.word}Jobs", f"Describe{api.word}Job") for api in sagemaker.APIS]
    assert allowed == {"ListTags", *(name for pair in apis for name in pair)}
    assert {action for action, _ in service.requests} <= allowed
