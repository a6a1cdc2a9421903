"""What Vertex AI answers about jobs, as landed: pure, one function per kind of job.

Environment and arguments of containers are left out: they may hold secrets.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import AwareDatetime, BaseModel, Field

from ingest.managed_jobs import KEPT_CHARACTERS, ManagedJob, Metric, Pool, Tag

ENDED = {
    "JOB_STATE_SUCCEEDED",
    "JOB_STATE_FAILED",
    "JOB_STATE_CANCELLED",
    "JOB_STATE_EXPIRED",
    "JOB_STATE_PARTIALLY_SUCCEEDED",
}


class _Machine(BaseModel):
    machineType: str | None = None  # noqa: N815 - the API's names
    acceleratorType: str | None = None  # noqa: N815
    acceleratorCount: int | None = None  # noqa: N815
    tpuTopology: str | None = None  # noqa: N815


class _PoolSpec(BaseModel):
    machineSpec: _Machine = Field(default_factory=_Machine)  # noqa: N815
    replicaCount: int | None = None  # noqa: N815


class _Scheduling(BaseModel):
    strategy: str | None = None


class _JobSpec(BaseModel):
    workerPoolSpecs: tuple[_PoolSpec, ...] = ()  # noqa: N815
    serviceAccount: str | None = None  # noqa: N815
    scheduling: _Scheduling = Field(default_factory=_Scheduling)


class _Error(BaseModel):
    message: str | None = None


class _Job(BaseModel):
    name: str = Field(pattern=r"^projects/[^/]+/locations/[^/]+/[A-Za-z]+/[^/]+$")
    displayName: str | None = None  # noqa: N815
    state: str | None = None
    createTime: AwareDatetime  # noqa: N815
    startTime: AwareDatetime | None = None  # noqa: N815
    endTime: AwareDatetime | None = None  # noqa: N815
    updateTime: AwareDatetime | None = None  # noqa: N815
    error: _Error | None = None
    labels: dict[str, str] = {}


class CustomJob(_Job):
    """`customJobs`."""

    jobSpec: _JobSpec = Field(default_factory=_JobSpec)  # noqa: N815


class _Measured(BaseModel):
    metricId: str  # noqa: N815
    value: float


class _Measurement(BaseModel):
    metrics: tuple[_Measured, ...] = ()


class _Trial(BaseModel):
    id: str
    state: str | None = None
    startTime: AwareDatetime | None = None  # noqa: N815
    endTime: AwareDatetime | None = None  # noqa: N815
    customJob: str | None = None  # noqa: N815
    finalMeasurement: _Measurement | None = None  # noqa: N815


class TuningJob(_Job):
    """`hyperparameterTuningJobs`."""

    trialJobSpec: _JobSpec = Field(default_factory=_JobSpec)  # noqa: N815
    trials: tuple[_Trial, ...] = ()


class _Dedicated(BaseModel):
    machineSpec: _Machine = Field(default_factory=_Machine)  # noqa: N815
    startingReplicaCount: int | None = None  # noqa: N815


class BatchPredictionJob(_Job):
    """`batchPredictionJobs`."""

    dedicatedResources: _Dedicated | None = None  # noqa: N815
    serviceAccount: str | None = None  # noqa: N815
    model: str | None = None


def custom_job(told: CustomJob, account: str, read_at: datetime) -> list[ManagedJob]:
    """The job, its worker pools beside each other."""
    return [_job(told, "custom", account, read_at, told.jobSpec)]


def tuning_job(told: TuningJob, account: str, read_at: datetime) -> list[ManagedJob]:
    """The trials: a tuning job has no machines but theirs."""
    whole = _job(told, "trial", account, read_at, told.trialJobSpec)
    trials = []
    for trial in told.trials:
        measured = trial.finalMeasurement.metrics if trial.finalMeasurement else ()
        trials.append(
            replace(
                whole,
                # A trial is a custom job of its own.
                resource_name=trial.customJob or f"{told.name}/trials/{trial.id}",
                parent_name=told.displayName or told.name,
                status=trial.state,
                started_at_utc=_utc(trial.startTime),
                ended_at_utc=_utc(trial.endTime) or whole.ended_at_utc,
                metrics=tuple(Metric(m.metricId, m.value) for m in measured),
            )
        )
    return trials


def batch_prediction_job(
    told: BatchPredictionJob, account: str, read_at: datetime
) -> list[ManagedJob]:
    """The job, where it tells its machines; the others run on machines that nobody sees."""
    if told.dedicatedResources is None:
        return []
    machines = told.dedicatedResources
    pools = (
        _PoolSpec(machineSpec=machines.machineSpec, replicaCount=machines.startingReplicaCount),
    )
    spec = _JobSpec(workerPoolSpecs=pools, serviceAccount=told.serviceAccount)
    return [_job(told, "batch_prediction", account, read_at, spec, model=told.model)]


def _job(
    told: _Job,
    kind: str,
    account: str,
    read_at: datetime,
    spec: _JobSpec,
    model: str | None = None,
) -> ManagedJob:
    failure = told.error.message if told.error else None
    has_ended = told.state in ENDED
    return ManagedJob(
        kind=kind,
        resource_name=told.name,
        name=told.displayName or told.name.rpartition("/")[2],
        account=account,
        region=told.name.split("/")[3],
        status=told.state,
        created_at_utc=_utc(told.createTime),
        started_at_utc=_utc(told.startTime),
        ended_at_utc=_utc(told.endTime),
        modified_at_utc=_utc(told.updateTime),
        read_at_utc=None if has_ended else read_at,
        failure=failure[:KEPT_CHARACTERS] if failure else None,
        run_as=spec.serviceAccount,
        model_name=model,
        is_spot=None if spec.scheduling.strategy is None else spec.scheduling.strategy == "SPOT",
        pools=_pools(spec.workerPoolSpecs),
        tags=tuple(Tag(key, value) for key, value in sorted(told.labels.items())),
    )


def _pools(told: Sequence[_PoolSpec]) -> tuple[Pool, ...]:
    pools = []
    for number, spec in enumerate(told):
        machine = spec.machineSpec
        kind = machine.acceleratorType
        attached = kind is not None and not kind.endswith("_UNSPECIFIED")
        pools.append(
            Pool(
                str(number),
                machine.machineType,
                spec.replicaCount,
                kind if attached else None,
                machine.acceleratorCount if attached else None,
                machine.tpuTopology,
            )
        )
    # A pool without a machine is only there to keep the numbers of the others.
    return tuple(pool for pool in pools if pool.machine_type is not None)


def _utc(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC)
