"""Jobs of a cloud's managed service (SageMaker, Vertex AI) as they land: one shape.

A row is a job as it was described once. The machines of a job are its pools: one where all are
alike, several where they differ. `read_at_utc` is given for jobs that had not ended yet; what ended
is the same whenever it is read.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from ingest.bounds import MAX_ACCELERATORS, MAX_INSTANCES, MAX_RUN_S
from ingest.contracts import REJECTED_SCHEMA, Batch, Dataset
from ingest.grid_answers import Refusal

INSTANT = pl.Datetime("us", "UTC")
KEPT_CHARACTERS = 2000  # of what a service says of a failure


@dataclass(frozen=True)
class Pool:
    """Machines of one kind; `name` is what the job calls them."""

    name: str | None
    machine_type: str | None
    machines: int | None
    accelerator_type: str | None = None
    accelerators: int | None = None  # of each machine
    tpu_topology: str | None = None


@dataclass(frozen=True)
class Transition:
    """A phase of a job."""

    status: str
    started_at_utc: datetime
    ended_at_utc: datetime | None


@dataclass(frozen=True)
class Metric:
    """What a job measured of its work, the last value."""

    name: str
    value: float


@dataclass(frozen=True)
class Tag:
    """A tag or label."""

    key: str
    value: str


@dataclass(frozen=True)
class ManagedJob:
    """A job as its service describes it; what was only listed has no more than its first fields."""

    kind: str  # training, tuning, processing, transform, custom, …
    resource_name: str  # unique: the ARN, or projects/…
    name: str
    account: str | None  # or project
    region: str
    status: str | None
    created_at_utc: datetime | None
    ended_at_utc: datetime | None = None
    modified_at_utc: datetime | None = None
    read_at_utc: datetime | None = None
    is_described: bool = True
    started_at_utc: datetime | None = None
    failure: str | None = None
    parent_name: str | None = None  # the job that started this one
    pipeline: str | None = None
    step: str | None = None
    run_as: str | None = None  # the role or service account
    model_name: str | None = None
    dataset_uri: str | None = None
    is_spot: bool | None = None
    charged_s: float | None = None
    kept_alive_s: float | None = None  # machines that waited for a next job
    pools: tuple[Pool, ...] = ()
    transitions: tuple[Transition, ...] = ()
    metrics: tuple[Metric, ...] = ()
    tags: tuple[Tag, ...] = ()


_LISTS: Mapping[str, pl.DataType] = {
    "pools": pl.List(
        pl.Struct(
            {
                "name": pl.String(),
                "machine_type": pl.String(),
                "machines": pl.Int64(),
                "accelerator_type": pl.String(),
                "accelerators": pl.Int64(),
                "tpu_topology": pl.String(),
            }
        )
    ),
    "transitions": pl.List(
        pl.Struct({"status": pl.String(), "started_at_utc": INSTANT, "ended_at_utc": INSTANT})
    ),
    "metrics": pl.List(pl.Struct({"name": pl.String(), "value": pl.Float64()})),
    "tags": pl.List(pl.Struct({"key": pl.String(), "value": pl.String()})),
}


def _type_of(name: str) -> pl.DataType:
    if name in _LISTS:
        return _LISTS[name]
    if name.endswith("_at_utc"):
        return INSTANT
    if name.startswith("is_"):
        return pl.Boolean()
    return pl.Float64() if name.endswith("_s") else pl.String()


def dataset_for(source: str) -> Dataset:
    """The landed table of a service's jobs."""
    return Dataset(f"{source}__jobs", {f.name: _type_of(f.name) for f in fields(ManagedJob)})


def batch_of(
    dataset: Dataset,
    scope: str,
    source_file: str,
    jobs: Sequence[ManagedJob],
    refusals: Sequence[Refusal] = (),
) -> Batch:
    """The delivery of one scope. A job that cannot be true is refused whole."""
    rows: list[dict[str, Any]] = []
    refused = [asdict(refusal) for refusal in refusals]
    for number, job in enumerate(jobs, start=1):
        problem = next(_problems(job), None)
        told = asdict(job)
        if problem is None:
            rows.append({"source_file": source_file, "source_row": number, **told})
        else:
            name, reason, detail = problem
            refused.append(
                {
                    "source_file": source_file,
                    "source_row": number,
                    "field": name,
                    "reason": reason,
                    "detail": f"{job.resource_name}: {detail}",
                    "raw": json.dumps(told, default=str),
                }
            )
    return Batch(
        dataset,
        scope,
        pl.DataFrame(rows, schema=dataset.schema),
        pl.DataFrame(refused, schema=REJECTED_SCHEMA),
    )


def _problems(job: ManagedJob) -> Iterator[tuple[str, str, str]]:
    """(field, reason, detail) of what cannot be true."""
    spans = [("ended_at_utc", job.started_at_utc, job.ended_at_utc)]
    spans += [("transitions", t.started_at_utc, t.ended_at_utc) for t in job.transitions]
    for name, start, end in spans:
        if start is not None and end is not None:
            if end < start:
                yield name, "value_not_allowed", f"ended at {end} before it began at {start}"
            if end - start > timedelta(seconds=MAX_RUN_S):
                yield name, "out_of_range", f"from {start} to {end} is longer than any job runs"
    for pool in job.pools:
        for count, most in ((pool.machines, MAX_INSTANCES), (pool.accelerators, MAX_ACCELERATORS)):
            if count is not None and not 0 <= count <= most:
                yield "pools", "out_of_range", f"{count} is not between 0 and {most:,}"
