"""What SageMaker answers about jobs, as landed: pure, one function per kind of job.

Environment and hyper-parameters are left out: they may hold secrets.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from ingest.managed_jobs import KEPT_CHARACTERS, ManagedJob, Metric, Pool, Tag, Transition

Told = Mapping[str, Any]
ENDED = ("Completed", "Failed", "Stopped", "Deleting", "DeleteFailed")


def listed(told: Told, kind: str, word: str, region: str) -> ManagedJob:
    """A job as its list has it; `word` is what its fields begin with."""
    arn = str(told[f"{word}JobArn"])
    return ManagedJob(
        kind=kind,
        resource_name=arn,
        name=str(told[f"{word}JobName"]),
        account=arn.split(":")[4],
        region=region,
        status=told.get(f"{word}JobStatus"),
        created_at_utc=_utc(told.get("CreationTime")),
        ended_at_utc=_utc(told.get(f"{word}EndTime")),
        modified_at_utc=_utc(told.get("LastModifiedTime")),
        is_described=False,
    )


def training_job(told: Told, job: ManagedJob) -> ManagedJob:
    """DescribeTrainingJob."""
    warm_pool = told.get("WarmPoolStatus") or {}
    channels = told.get("InputDataConfig") or ()
    # The channel that is trained on; the others are what it is tested with.
    channels = sorted(channels, key=lambda c: not str(c.get("ChannelName")).startswith("train"))
    return replace(
        _described(told, job, "Training"),
        parent_name=told.get("TuningJobArn") or told.get("AutoMLJobArn"),
        model_name=(told.get("ModelPackageConfig") or {}).get("ModelPackageGroupArn"),
        dataset_uri=next((uri for c in channels if (uri := _uri(c.get("DataSource")))), None),
        is_spot=told.get("EnableManagedSpotTraining"),
        charged_s=told.get("BillableTimeInSeconds"),
        kept_alive_s=warm_pool.get("ResourceRetainedBillableTimeInSeconds"),
        pools=_pools(told.get("ResourceConfig") or {}),
        transitions=tuple(
            Transition(t["Status"], _instant(t["StartTime"]), _utc(t.get("EndTime")))
            for t in told.get("SecondaryStatusTransitions") or ()
        ),
        metrics=tuple(
            Metric(m["MetricName"], float(m["Value"]))
            for m in told.get("FinalMetricDataList") or ()
            if "MetricName" in m and "Value" in m
        ),
    )


def processing_job(told: Told, job: ManagedJob) -> ManagedJob:
    """DescribeProcessingJob."""
    inputs = told.get("ProcessingInputs") or ()
    found = (i.get("S3Input") or {} for i in inputs)
    return replace(
        _described(told, job, "Processing"),
        parent_name=told.get("AutoMLJobArn") or told.get("MonitoringScheduleArn"),
        dataset_uri=next((i["S3Uri"] for i in found if i.get("S3Uri")), None),
        pools=_pools((told.get("ProcessingResources") or {}).get("ClusterConfig") or {}),
    )


def transform_job(told: Told, job: ManagedJob) -> ManagedJob:
    """DescribeTransformJob."""
    return replace(
        _described(told, job, "Transform"),
        parent_name=told.get("AutoMLJobArn") or told.get("LabelingJobArn"),
        model_name=told.get("ModelName"),
        dataset_uri=_uri((told.get("TransformInput") or {}).get("DataSource")),
        pools=_pools(told.get("TransformResources") or {}),
    )


def tuning_job(told: Told, job: ManagedJob) -> ManagedJob:
    """DescribeHyperParameterTuningJob: it has no machines of its own."""
    return replace(_described(told, job, "HyperParameterTuning"), started_at_utc=job.created_at_utc)


def _described(told: Told, job: ManagedJob, word: str) -> ManagedJob:
    experiment = told.get("ExperimentConfig") or {}
    failure = told.get("FailureReason") or told.get("ExitMessage")
    return replace(
        job,
        is_described=True,
        status=told.get(f"{word}JobStatus", job.status),
        created_at_utc=_utc(told.get("CreationTime")) or job.created_at_utc,
        started_at_utc=_utc(told.get(f"{word}StartTime")),
        ended_at_utc=_utc(told.get(f"{word}EndTime")),
        modified_at_utc=_utc(told.get("LastModifiedTime")) or job.modified_at_utc,
        read_at_utc=_utc(told.get("ReadAt")),
        failure=failure[:KEPT_CHARACTERS] if failure else None,
        pipeline=experiment.get("ExperimentName"),
        step=experiment.get("TrialComponentDisplayName"),
        run_as=told.get("RoleArn"),
        tags=tuple(Tag(tag["Key"], tag["Value"]) for tag in told.get("Tags") or ()),
    )


def _pools(told: Told) -> tuple[Pool, ...]:
    """The machines: groups of different ones, what was chosen of several, or all of one kind."""
    groups = told.get("InstanceGroups")
    if groups:
        return tuple(
            Pool(g.get("InstanceGroupName"), g.get("InstanceType"), g.get("InstanceCount"))
            for g in groups
        )
    machine = told.get("SelectedInstanceType") or told.get("InstanceType")
    count = told.get("SelectedInstanceCount") or told.get("InstanceCount")
    return (Pool(None, machine, count),) if machine else ()


def _uri(source: Told | None) -> str | None:
    """Where a channel's data are."""
    told = source or {}
    for kind, name in (("S3DataSource", "S3Uri"), ("FileSystemDataSource", "DirectoryPath")):
        if (told.get(kind) or {}).get(name):
            return str(told[kind][name])
    return None


def _instant(at: datetime) -> datetime:
    return at.astimezone(UTC)


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else _instant(at)
