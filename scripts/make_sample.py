"""Write the recorded sample: the bills, job log and run events of one small organisation.

    python scripts/make_sample.py --out sample --seed 20261101

Every file is a pure function of the seed: no clock, no network, only uniform draws from
generators that are seeded by name (so that one more job does not move the others). The story,
and what may be relied on, stand in `sample/README.md`; `tests/test_sample.py` checks both.

    workload   what ran where, when and how well            (CloudRun, SlurmJob)
    bills      the lines that the two providers would send   (FOCUS 1.2 CSV, FOCUS 1.0 Parquet)
    job log    what `sacct --parsable2` would print          (one text dump per night)
    events     what the job hook would report                (bare JSON, CloudEvents 1.0)

Prices, powers and utilisations are round, plausible numbers, not measurements.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import json
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20261101
FIRST_DAY = date(2026, 8, 25)
LAST_DAY = date(2026, 11, 20)
SAMPLE_END = datetime(2026, 11, 21, tzinfo=UTC)
PARIS = ZoneInfo("Europe/Paris")

# The one run that loops: stopped by its maximum runtime of six hours, five times its usual 72 min.
LOOP_JOB, LOOP_DAY, LOOP_SECONDS = "ranking-nightly-retrain", date(2026, 11, 18), 21_600
# The job that fails and is retried three times a night, five nights in a row.
RETRY_JOB = "nlp-nightly-distill"
RETRY_DAYS = {date(2026, 10, day) for day in (12, 13, 14, 15, 16)}

CENT = Decimal("0.0000000001")
ZERO = Decimal(0)


# ------------------------------------------------------------------------------------ hardware


@dataclass(frozen=True)
class Device:
    """An accelerator whose power is idle_w + span_w × utilisation."""

    name: str
    idle_w: float
    span_w: float


A100 = Device("A100-SXM4-40GB", 55.0, 320.0)
A10G = Device("A10G", 11.0, 260.0)
T4 = Device("T4", 13.0, 55.0)


@dataclass(frozen=True)
class Hardware:
    """An instance type as its provider sells it. Price: EUR per hour before the region's factor."""

    name: str
    vcpus: int
    memory_gib: int
    price: str
    device: Device | None = None
    devices: int = 0


HARDWARE: dict[str, Hardware] = {
    item.name: item
    for item in (
        Hardware("ml.p4d.24xlarge", 96, 1152, "33.60", A100, 8),
        Hardware("ml.g5.xlarge", 4, 16, "1.28", A10G, 1),
        Hardware("ml.g5.2xlarge", 8, 32, "1.38", A10G, 1),
        Hardware("ml.g5.12xlarge", 48, 192, "6.45", A10G, 4),
        Hardware("ml.g4dn.xlarge", 4, 16, "0.67", T4, 1),
        Hardware("ml.m5.4xlarge", 16, 64, "0.84"),
        Hardware("ml.m5.xlarge", 4, 16, "0.21"),
        Hardware("ml.t3.medium", 2, 4, "0.05"),
        Hardware("m5.xlarge", 4, 16, "0.18"),
        Hardware("r5.2xlarge", 8, 64, "0.46"),
        Hardware("t3.large", 2, 8, "0.08"),
        Hardware("a2-highgpu-1g", 12, 85, "3.27", A100, 1),
        Hardware("n1-standard-8", 8, 30, "0.38"),
        Hardware("n1-standard-16", 16, 60, "0.76"),
    )
}
T4_ON_N1 = Hardware("n1-standard-8", 8, 30, "0.38", T4, 1)
T4_PRICE = Decimal("0.32")

REGION_PRICE = {
    "us-east-1": Decimal("1.00"),
    "eu-west-1": Decimal("1.10"),
    "eu-west-3": Decimal("1.16"),
    "us-central1": Decimal("1.00"),
    "europe-west4": Decimal("1.10"),
}
REGION_NAME = {
    "us-east-1": "US East (N. Virginia)",
    "eu-west-1": "EU (Ireland)",
    "eu-west-3": "EU (Paris)",
    "us-central1": "Iowa",
    "europe-west4": "Netherlands",
}
USAGE_PREFIX = {"us-east-1": "USE1", "eu-west-1": "EUW1", "eu-west-3": "EUW3"}


def hourly_price(hardware: Hardware, region: str) -> Decimal:
    """EUR per instance-hour on demand, four decimals."""
    return (Decimal(hardware.price) * REGION_PRICE[region]).quantize(Decimal("0.0001"))


# ------------------------------------------------------------------------------------ workload


@dataclass(frozen=True)
class Kpi:
    """A quality that rises (or falls) to `best` over the versions of a model."""

    name: str
    first: float
    best: float


@dataclass(frozen=True)
class CloudJob:
    """A recurring job. `weekdays`: 0 = Monday; `start_hour`: UTC."""

    name: str
    team: str
    project: str
    owner: str
    kind: str
    model: str
    provider: str
    service: str  # training-job | transform-job | ec2 | vertex
    region: str
    hardware: Hardware
    weekdays: tuple[int, ...]
    start_hour: float
    minutes: float
    utilisation: float  # of the accelerator, or of the CPU where there is none
    kpis: tuple[Kpi, ...]
    dataset: str
    dataset_rows: int
    version_days: int = 21
    instance_count: int = 1
    trials: int = 1
    spread: float = 0.06
    growth: float = 0.10  # a version costs this much more than the one before
    weekend: float = 1.0  # volume at the weekend
    failure: float = 0.06
    measured: float = 0.0  # share of the runs that report NVML energy
    volume_metric: str | None = None
    flex_regions: tuple[str, ...] = ()
    every_days: int = 1


EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
WORK_DAYS = (0, 1, 2, 3, 4)

INES = "ines.moreau@example.org"
PAVEL = "pavel.novak@example.org"
AMARA = "amara.diallo@example.org"
JOON = "joon.park@example.org"
LENA = "lena.fischer@example.org"
TOM = "tom.baker@example.org"
SOFIA = "sofia.rossi@example.org"
MARC = "marc.dubois@example.org"

CLOUD_JOBS: tuple[CloudJob, ...] = (
    CloudJob(
        LOOP_JOB, "ranking", "search-ranking", INES, "training", "ranking-ltr", "aws",
        "training-job", "eu-west-1", HARDWARE["ml.g5.2xlarge"], EVERY_DAY, 1.25, 72.0, 0.74,
        (Kpi("ndcg_at_10", 0.712, 0.748), Kpi("loss", 0.412, 0.371)), "clicks", 18_400_000,
        spread=0.05, growth=0.0, failure=0.0, measured=1.0, flex_regions=("eu-west-1", "eu-west-3"),
    ),
    CloudJob(
        "ranking-batch-scoring", "ranking", "search-ranking", PAVEL, "inference", "ranking-ltr",
        "aws", "ec2", "eu-west-1", HARDWARE["m5.xlarge"], EVERY_DAY, 4.5, 55.0, 0.63, (),
        "catalogue", 3_200_000, growth=0.0, weekend=0.6, failure=0.035,
        volume_metric="predictions_served", flex_regions=("eu-west-1", "eu-west-3"),
    ),
    CloudJob(
        "ranking-weekly-sweep", "ranking", "search-ranking", PAVEL, "tuning", "ranking-twotower",
        "aws", "training-job", "us-east-1", HARDWARE["ml.g4dn.xlarge"], (4,), 17.0, 48.0, 0.81,
        (Kpi("recall_at_100", 0.604, 0.671), Kpi("loss", 1.92, 1.61)), "clicks", 4_600_000,
        trials=8, spread=0.3, growth=0.03, measured=0.5,
    ),
    CloudJob(
        "nlp-intent-finetune", "nlp", "assistant", AMARA, "training", "nlp-intent", "aws",
        "training-job", "us-east-1", HARDWARE["ml.g5.2xlarge"], WORK_DAYS, 20.0, 64.0, 0.69,
        (Kpi("accuracy", 0.874, 0.931), Kpi("loss", 0.46, 0.29)), "utterances", 2_100_000,
        version_days=18, instance_count=2, growth=0.12, measured=0.4,
        flex_regions=("us-east-1", "eu-west-1"),
    ),
    CloudJob(
        "nlp-embedding-refresh", "nlp", "assistant", JOON, "inference", "nlp-embedder", "aws",
        "transform-job", "us-east-1", HARDWARE["ml.g5.12xlarge"], WORK_DAYS, 22.0, 85.0, 0.12,
        (Kpi("recall_at_100", 0.781, 0.802),), "documents", 9_500_000, growth=0.02, measured=0.6,
        failure=0.035, volume_metric="tokens_processed",
    ),
    CloudJob(
        RETRY_JOB, "nlp", "assistant", JOON, "training", "nlp-distil", "aws", "training-job",
        "eu-west-1", HARDWARE["ml.g5.xlarge"], WORK_DAYS, 0.5, 95.0, 0.77,
        (Kpi("accuracy", 0.842, 0.897), Kpi("loss", 0.61, 0.43)), "utterances", 2_100_000,
        version_days=24, growth=0.08, measured=0.3, failure=0.0,
    ),
    CloudJob(
        "vision-defect-train", "vision", "quality-inspection", LENA, "training", "vision-defect",
        "aws", "training-job", "eu-west-1", HARDWARE["ml.p4d.24xlarge"], (1,), 7.0, 540.0, 0.71,
        (Kpi("f1", 0.861, 0.924), Kpi("loss", 0.38, 0.22)), "line-images", 6_800_000,
        version_days=14, spread=0.12, growth=0.07, failure=0.0, measured=1.0, every_days=7,
    ),
    CloudJob(
        "vision-batch-inference", "vision", "quality-inspection", TOM, "inference",
        "vision-defect", "aws", "transform-job", "eu-west-3", HARDWARE["ml.g4dn.xlarge"],
        EVERY_DAY, 18.5, 105.0, 0.58, (), "line-images", 410_000, version_days=14, growth=0.0,
        weekend=0.5, failure=0.045, measured=0.3, volume_metric="predictions_served",
    ),
    CloudJob(
        "forecasting-nightly-train", "forecasting", "demand-planning", SOFIA, "training",
        "forecast-demand", "aws", "training-job", "eu-west-3", HARDWARE["ml.m5.4xlarge"],
        EVERY_DAY, 2.0, 80.0, 0.72, (Kpi("wape", 0.184, 0.149), Kpi("loss", 0.092, 0.071)),
        "sales-history", 31_000_000, growth=0.06, failure=0.045,
        flex_regions=("eu-west-3", "eu-west-1"),
    ),
    CloudJob(
        "forecasting-data-prep", "forecasting", "demand-planning", MARC, "data",
        "forecast-demand", "aws", "ec2", "eu-west-3", HARDWARE["r5.2xlarge"], EVERY_DAY, 0.2, 42.0,
        0.44, (), "sales-history", 31_000_000, growth=0.0, weekend=0.6, failure=0.035,
        volume_metric="rows_processed",
    ),
    CloudJob(
        "vision-segmentation-train", "vision", "quality-inspection", LENA, "training",
        "vision-segmenter", "gcp", "vertex", "europe-west4", HARDWARE["a2-highgpu-1g"], WORK_DAYS,
        19.0, 150.0, 0.72, (Kpi("mean_iou", 0.684, 0.752), Kpi("loss", 0.52, 0.36)), "masks",
        540_000, version_days=18, growth=0.09, measured=0.7,
        flex_regions=("europe-west4", "us-central1"),
    ),
    CloudJob(
        "nlp-summarizer-finetune", "nlp", "assistant", AMARA, "training", "nlp-summarizer", "gcp",
        "vertex", "us-central1", HARDWARE["a2-highgpu-1g"], (1, 3), 9.0, 270.0, 0.76,
        (Kpi("rouge_l", 0.312, 0.369), Kpi("loss", 2.14, 1.78)), "tickets", 880_000,
        version_days=22, growth=0.11, measured=0.8, volume_metric="tokens_processed",
        flex_regions=("us-central1", "europe-west4"),
    ),
    CloudJob(
        "forecasting-hierarchy-tune", "forecasting", "demand-planning", SOFIA, "tuning",
        "forecast-hierarchy", "gcp", "vertex", "us-central1", HARDWARE["n1-standard-16"], (2,),
        13.0, 50.0, 0.83, (Kpi("wape", 0.171, 0.142),), "sales-history", 12_000_000,
        trials=6, spread=0.28, growth=0.03,
    ),
    CloudJob(
        "nlp-batch-scoring", "nlp", "assistant", JOON, "inference", "nlp-intent", "gcp", "vertex",
        "europe-west4", HARDWARE["n1-standard-8"], EVERY_DAY, 3.0, 65.0, 0.66, (), "conversations",
        1_450_000, version_days=18, growth=0.0, weekend=0.5, failure=0.035,
        volume_metric="predictions_served",
    ),
    CloudJob(
        "vision-label-assist", "vision", "quality-inspection", TOM, "inference",
        "vision-segmenter", "gcp", "vertex", "europe-west4", T4_ON_N1, WORK_DAYS, 11.5, 75.0, 0.61,
        (), "masks", 60_000, version_days=18, growth=0.0, measured=0.3,
        volume_metric="predictions_served",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class CloudRun:
    """One run of a CloudJob on its own instances, from start (UTC) for whole seconds."""

    job: CloudJob
    run_id: str
    resource_id: str
    start: datetime
    seconds: int
    status: str
    version: str
    version_index: int
    quality: float  # 0 … 1: how far the KPIs have come
    utilisation: float
    attempt: int = 1
    trial: int | None = None
    volume_factor: float = 1.0
    reports_energy: bool = False

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)


def draw(seed: int, *name: object) -> Random:
    """A generator of its own for each named thing."""
    return Random(":".join(map(str, (seed, *name))))


def days() -> Iterator[date]:
    for offset in range((LAST_DAY - FIRST_DAY).days + 1):
        yield FIRST_DAY + timedelta(days=offset)


def utc(day: date, hour: float) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(seconds=round(hour * 3600))


def hex_id(seed: int, name: str, length: int) -> str:
    return hashlib.sha256(f"{seed}:{name}".encode()).hexdigest()[:length]


AWS_ACCOUNT = {
    "ranking": ("444455556666", "ml-production"),
    "forecasting": ("444455556666", "ml-production"),
    "nlp": ("777788889999", "ml-research"),
    "vision": ("777788889999", "ml-research"),
}
GCP_PROJECT = {
    "nlp": ("ml-research-vertex", "100200300400"),
    "vision": ("ml-research-vertex", "100200300400"),
    "forecasting": ("ml-production-vertex", "500600700800"),
}


def resource_of(seed: int, job: CloudJob, run_id: str) -> str:
    """The resource as the provider's bill names it."""
    if job.service == "ec2":
        return f"i-0{hex_id(seed, run_id, 16)}"
    if job.service == "vertex":
        number = int(hex_id(seed, run_id, 15), 16) % 9 * 10**17 + int(hex_id(seed, run_id, 14), 16)
        project = GCP_PROJECT[job.team][1]
        return (
            f"//aiplatform.googleapis.com/projects/{project}/locations/{job.region}"
            f"/customJobs/{number}"
        )
    account = AWS_ACCOUNT[job.team][0]
    return f"arn:aws:sagemaker:{job.region}:{account}:{job.service}/{run_id}"


def runs_of_day(seed: int, job: CloudJob, day: date) -> Iterator[CloudRun]:
    if day.weekday() not in job.weekdays:
        return
    index = (day - FIRST_DAY).days // job.version_days
    version = f"{1 + len(job.model) % 3}.{index + 1}.0"
    for trial in range(job.trials):
        rng = draw(seed, job.name, day, trial)
        volume = job.weekend if day.weekday() >= 5 else 1.0
        volume *= 1 + 0.08 * rng.uniform(-1, 1) if job.volume_metric else 1.0
        effort = 1 + job.spread * rng.uniform(-1, 1)
        seconds = round(job.minutes * 60 * (1 + job.growth * index) * volume * effort)
        # Quality follows the version and, a little, the effort: what costs more is a bit better.
        quality = 1 - 0.55**index + 0.25 * (effort - 1) + 0.03 * rng.uniform(-1, 1)
        start = utc(day, job.start_hour) + timedelta(
            seconds=rng.randrange(0, 240) + trial // 4 * 5400
        )
        utilisation = round(job.utilisation * (1 + 0.03 * rng.uniform(-1, 1)), 4)
        status = "succeeded"
        if rng.random() < job.failure:
            status = rng.choice(("failed", "failed", "cancelled", "out_of_memory"))
            if job.service == "vertex" and status == "out_of_memory":
                status = "preempted"
            seconds = max(180, round(seconds * rng.uniform(0.08, 0.8)))
        reports_energy = job.measured > 0 and rng.random() < job.measured
        attempts = 1
        if job.name == RETRY_JOB and day in RETRY_DAYS:
            status, attempts = "failed", 3
            seconds = round(seconds * rng.uniform(0.30, 0.36))
        if job.name == LOOP_JOB and day == LOOP_DAY:
            status, seconds = "timeout", LOOP_SECONDS
        for attempt in range(1, attempts + 1):
            run_id = f"{job.name}-{start:%Y%m%d-%H%M}"
            run_id += f"-t{trial + 1}" if job.trials > 1 else ""
            run_id += f"-r{attempt}" if attempt > 1 else ""
            yield CloudRun(
                job, run_id, resource_of(seed, job, run_id), start, seconds, status, version,
                index, quality, utilisation, attempt, trial if job.trials > 1 else None, volume,
                reports_energy,
            )  # fmt: skip
            start += timedelta(seconds=seconds + 420)
            seconds = round(seconds * rng.uniform(0.96, 1.04))


def cloud_runs(seed: int) -> list[CloudRun]:
    runs = [run for job in CLOUD_JOBS for day in days() for run in runs_of_day(seed, job, day)]
    runs = [run for run in runs if run.end <= SAMPLE_END]
    return sorted(runs, key=lambda run: (run.start, run.run_id))


# -------------------------------------------------------------------------------- job log: sacct

SACCT_COLUMNS = [
    "JobID",
    "JobIDRaw",
    "JobName",
    "User",
    "Account",
    "Partition",
    "State",
    "ExitCode",
    "DerivedExitCode",
    "Submit",
    "Eligible",
    "Start",
    "End",
    "ElapsedRaw",
    "AllocCPUS",
    "AllocTRES",
    "ReqTRES",
    "TRESUsageInAve",
    "TRESUsageInTot",
    "TRESUsageInMax",
    "ConsumedEnergyRaw",
    "NodeList",
    "NNodes",
    "Comment",
    "AdminComment",
    "Reason",
    "WorkDir",
    "TimelimitRaw",
    "CPUTimeRAW",
    "MaxRSS",
    "AveCPU",
    "TotalCPU",
    "Cluster",
    "QOS",
]
ENERGY_PLUGIN_SINCE = date(2026, 9, 14)  # nights before it have no node energy


@dataclass(frozen=True)
class SlurmJobKind:
    name: str
    team: str
    project: str
    owner: str
    user: str
    kind: str
    model: str
    partition: str
    cpus: int
    gpus: int
    memory_gib: int
    weekdays: tuple[int, ...]
    local_hour: float
    minutes: float
    time_limit_min: int
    gpu_utilisation: float
    cpu_utilisation: float
    tasks: int = 1
    spread: float = 0.06
    growth: float = 0.05
    weekend: float = 1.0
    failure: float = 0.06
    node_w: float = 0.0  # whole-node jobs: mean node power


SLURM_JOBS: tuple[SlurmJobKind, ...] = (
    SlurmJobKind("nlp-lm-nightly", "nlp", "assistant", AMARA, "adiallo", "training", "nlp-lyra-lm",
                 "a100", 32, 4, 256, EVERY_DAY, 20.0, 125.0, 360, 0.83, 0.35, weekend=0.7,
                 failure=0.045),
    SlurmJobKind("vision-pretrain", "vision", "foundation", LENA, "lfischer", "training",
                 "vision-backbone", "a100", 128, 8, 960, (0, 3), 9.5, 840.0, 1080, 0.78, 0.30,
                 spread=0.10, growth=0.02, failure=0.08, node_w=3650.0),
    SlurmJobKind("ranking-hpo", "ranking", "search-ranking", PAVEL, "pnovak", "tuning",
                 "ranking-twotower", "a100", 8, 1, 64, (2,), 22.75, 70.0, 240, 0.62, 0.55, tasks=8,
                 spread=0.25, growth=0.02),
    SlurmJobKind("vision-eval", "vision", "foundation", TOM, "tbaker", "inference",
                 "vision-backbone", "a100", 8, 1, 64, WORK_DAYS, 14.25, 38.0, 120, 0.55, 0.45,
                 failure=0.05),
    SlurmJobKind("forecasting-features", "forecasting", "demand-planning", MARC, "mdubois", "data",
                 "forecast-demand", "cpu", 32, 0, 128, EVERY_DAY, 5.25, 52.0, 180, 0.0, 0.71,
                 weekend=0.7, failure=0.045),
    SlurmJobKind("forecasting-montecarlo", "forecasting", "demand-planning", SOFIA, "srossi",
                 "other", "forecast-hierarchy", "cpu", 64, 0, 480, (1,), 18.0, 190.0, 480, 0.0,
                 0.88, failure=0.0, node_w=462.0),
)  # fmt: skip


@dataclass
class SlurmJob:
    """One job, its place on the cluster and how it ended. Times are UTC until printed."""

    kind: SlurmJobKind
    submit: datetime
    seconds: int
    state: str
    rng: Random
    version: str
    task: int | None = None
    job_id: int = 0
    array_id: int = 0
    start: datetime = SAMPLE_END
    node: str = ""
    requeued_after: int = 0
    memory_factor: float = field(default=0.6)

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)


def requested_slurm_jobs(seed: int) -> list[SlurmJob]:
    jobs: list[SlurmJob] = []
    for kind in SLURM_JOBS:
        for day in days():
            if day.weekday() not in kind.weekdays:
                continue
            index = (day - FIRST_DAY).days // 21
            for task in range(kind.tasks):
                rng = draw(seed, "slurm", kind.name, day, task)
                hour = int(kind.local_hour), round(kind.local_hour % 1 * 60)
                local = datetime.combine(day, time(*hour), PARIS)
                lag = 0 if kind.tasks > 1 else rng.randrange(0, 120)
                volume = kind.weekend if day.weekday() >= 5 else 1.0
                effort = 1 + kind.spread * rng.uniform(-1, 1)
                seconds = round(kind.minutes * 60 * (1 + kind.growth * index) * volume * effort)
                state = "COMPLETED"
                if rng.random() < kind.failure:
                    state = rng.choice(
                        ("FAILED", "OUT_OF_MEMORY", f"CANCELLED by {rng.randrange(5001, 5009)}",
                         "TIMEOUT", "NODE_FAIL")
                    )  # fmt: skip
                    share = rng.uniform(0.1, 0.7)
                    seconds = round(seconds * share)
                    if state == "TIMEOUT":  # a limit that somebody set too low
                        seconds = round(seconds / 60) * 60 + rng.randrange(2, 28)
                jobs.append(
                    SlurmJob(
                        kind, local.astimezone(UTC) + timedelta(seconds=lag), seconds, state, rng,
                        f"{1 + len(kind.model) % 3}.{index + 1}.0",
                        task if kind.tasks > 1 else None,
                        requeued_after=1740 if (kind.name, day) == REQUEUE else 0,
                        memory_factor=rng.uniform(0.45, 0.85),
                    )
                )  # fmt: skip
    return sorted(jobs, key=lambda job: (job.submit, job.kind.name, job.task or 0))


REQUEUE = ("nlp-lm-nightly", date(2026, 9, 22))
NODES = {"a100": (("lyra-a01", 8), ("lyra-a02", 8)), "cpu": (("lyra-c01", 64), ("lyra-c02", 64))}


def place(jobs: list[SlurmJob]) -> list[SlurmJob]:
    """Gives each job the first node and instant with room: first come, first served."""
    busy: dict[str, list[tuple[datetime, datetime, int]]] = defaultdict(list)
    next_id = 48_211
    array_of: dict[tuple[str, datetime], int] = {}
    for job in jobs:
        need = job.kind.gpus or job.kind.cpus
        earliest = job.submit + timedelta(seconds=job.rng.randrange(2, 9))
        nodes = NODES[job.kind.partition]
        # Whole-node jobs look from the other end, as a scheduler that packs small jobs does.
        nodes = nodes[::-1] if job.kind.node_w else nodes
        length = timedelta(seconds=job.seconds)
        lead = timedelta(seconds=job.requeued_after + 131) if job.requeued_after else timedelta()

        def room(node: str, capacity: int, at: datetime, until: datetime, wanted: int) -> bool:
            held = [item for item in busy[node] if item[0] < until and at < item[1]]
            return all(
                sum(item[2] for item in held if item[0] <= moment < item[1]) + wanted <= capacity
                for moment in [at, *(item[0] for item in held if item[0] > at)]
            )

        ends = sorted({item[1] for node, _ in nodes for item in busy[node] if item[1] > earliest})
        job.start, job.node = next(
            (at, node)
            for at in [earliest, *(end + timedelta(seconds=3) for end in ends)]
            for node, capacity in nodes
            if room(node, capacity, at, at + length + lead, need)
        )
        job.start += lead
        busy[job.node].append((job.start - lead, job.end, need))
        if job.task is None:
            job.job_id = job.array_id = next_id
            next_id += 1
        else:
            # An array's last task keeps the array's own id; the others get new ones.
            key = (job.kind.name, job.submit)
            if key not in array_of:
                array_of[key] = next_id
                next_id += 1
            job.array_id = array_of[key]
            if job.task == job.kind.tasks - 1:
                job.job_id = job.array_id
            else:
                job.job_id = next_id
                next_id += 1
    return [job for job in jobs if job.end.astimezone(PARIS).date() <= LAST_DAY]


def clock(seconds: float, *, millis: bool) -> str:
    """Slurm's TotalCPU (`MM:SS.mmm`, `HH:MM:SS`, `D-HH:MM:SS`) or AveCPU (`HH:MM:SS`)."""
    whole = int(seconds)
    d, h, m, s = whole // 86400, whole // 3600 % 24, whole // 60 % 60, whole % 60
    if d:
        return f"{d}-{h:02}:{m:02}:{s:02}"
    if millis and not h:
        return f"{m:02}:{s:02}.{round((seconds - whole) * 1000) % 1000:03}"
    return f"{h:02}:{m:02}:{s:02}"


def paris(moment: datetime) -> str:
    return moment.astimezone(PARIS).strftime("%Y-%m-%dT%H:%M:%S")


EXIT_CODE = {"FAILED": "1:0", "OUT_OF_MEMORY": "0:125"}


def sacct_rows(
    job: SlurmJob, start: datetime, seconds: int, state: str, submit: datetime
) -> list[dict[str, str]]:
    """The rows of one execution: the allocation, .batch, .extern and one srun step."""
    kind, end = job.kind, start + timedelta(seconds=seconds)
    name = f"{job.array_id}_{job.task}" if job.task is not None else str(job.job_id)
    gpu = f"gres/gpu:a100={kind.gpus},gres/gpu={kind.gpus}," if kind.gpus else ""
    memory = f"mem={kind.memory_gib * 1024}M,node=1"
    step_tres = f"cpu={kind.cpus},{gpu}{memory}"
    joules = 0
    if kind.node_w and start.astimezone(PARIS).date() >= ENERGY_PLUGIN_SINCE:
        joules = round(kind.node_w * (1 + 0.03 * job.rng.uniform(-1, 1)) * seconds)
    energy = f"energy={joules}," if joules else ""
    cpu_seconds = kind.cpu_utilisation * kind.cpus * seconds * (1 + 0.04 * job.rng.uniform(-1, 1))
    rss = round(kind.memory_gib * 2**30 * job.memory_factor)
    if state == "OUT_OF_MEMORY":
        rss = kind.memory_gib * 2**30 - 4096
    comment = {"team": kind.team, "project": kind.project, "model": kind.model}
    comment |= {"model_version": job.version, "owner": kind.owner, "workload_kind": kind.kind}
    base = dict.fromkeys(SACCT_COLUMNS, "")
    base |= {
        "Account": f"ml-{kind.team}", "State": state, "ExitCode": EXIT_CODE.get(state, "0:0"),
        "End": paris(end), "AllocCPUS": str(kind.cpus), "NodeList": job.node, "NNodes": "1",
        "Cluster": "lyra",
    }  # fmt: skip
    allocation = base | {
        "JobID": name, "JobIDRaw": str(job.job_id), "JobName": kind.name, "User": kind.user,
        "Partition": kind.partition, "DerivedExitCode": "0:0", "Submit": paris(submit),
        "Eligible": paris(submit), "Start": paris(start), "ElapsedRaw": str(seconds),
        "AllocTRES": f"billing={kind.cpus},cpu={kind.cpus},{energy}{gpu}{memory}",
        "ReqTRES": f"billing={kind.cpus},{step_tres}", "Comment": json.dumps(
            comment, separators=(",", ":")),
        "ConsumedEnergyRaw": str(joules) if joules else "", "Reason": "None",
        "WorkDir": f"/home/{kind.user}/{kind.project}", "TimelimitRaw": str(kind.time_limit_min),
        "CPUTimeRAW": str(kind.cpus * seconds), "TotalCPU": clock(cpu_seconds, millis=True),
        "QOS": "normal",
    }  # fmt: skip
    if state == "TIMEOUT":
        allocation["TimelimitRaw"] = str(seconds // 60)
    stopped = state.split()[0] in {"CANCELLED", "TIMEOUT", "NODE_FAIL", "REQUEUED"}
    step_state, step_exit = ("CANCELLED", "0:15") if stopped else (state, base["ExitCode"])
    wait = min(6, seconds)  # the script's own set-up before srun
    utilisation = ""
    if kind.gpus == 1:
        percent = round(100 * kind.gpu_utilisation * (1 + 0.05 * job.rng.uniform(-1, 1)))
        utilisation = f"gres/gpumem={31 * 2**30},gres/gpuutil={percent},"

    def step(suffix: str, step_name: str, at: datetime, cpu: float, share: float) -> dict[str, str]:
        length = round((end - at).total_seconds())
        used = f"cpu={clock(cpu, millis=False)},energy={round(joules * share)},"
        usage = f"{used}fs/disk={61_131 + rss // 977},{utilisation}mem={rss},pages=12"
        if suffix == "extern":
            usage, cpu_text = "energy=0", "00:00:00"
        else:
            cpu_text = clock(cpu, millis=False)
        return base | {
            "JobID": f"{name}.{suffix}", "JobIDRaw": f"{job.job_id}.{suffix}",
            "JobName": step_name, "State": "COMPLETED" if suffix == "extern" else step_state,
            "ExitCode": "0:0" if suffix == "extern" else step_exit,
            "Submit": paris(at), "Eligible": paris(at), "Start": paris(at),
            "ElapsedRaw": str(length), "AllocTRES": step_tres, "TRESUsageInAve": usage,
            "TRESUsageInTot": usage, "TRESUsageInMax": usage,
            "ConsumedEnergyRaw": str(round(joules * share)),
            "CPUTimeRAW": str(kind.cpus * length), "MaxRSS": str(rss) if usage != "energy=0" else
            "", "AveCPU": cpu_text, "TotalCPU": clock(cpu, millis=True),
        }  # fmt: skip

    if state == "NODE_FAIL":  # a dead node reports nothing
        return [allocation | {"ConsumedEnergyRaw": "", "TotalCPU": "00:00:00"}]
    return [
        allocation,
        step("batch", "batch", start, cpu_seconds * 0.01, 1.0),
        step("extern", "extern", start, 0.0, 0.0),
        step("0", "python", start + timedelta(seconds=wait), cpu_seconds * 0.99,
             max(seconds - wait, 0) / max(seconds, 1)),
    ]  # fmt: skip


def sacct_dumps(seed: int) -> dict[str, str]:
    """File name → text: each night's jobs that ended that day, in the cluster's local time."""
    nights: dict[date, list[dict[str, str]]] = {day: [] for day in days()}
    for job in sorted(place(requested_slurm_jobs(seed)), key=lambda job: (job.end, job.job_id)):
        rows: list[dict[str, str]] = []
        submit = job.submit
        if job.requeued_after:  # `sacct --duplicates` prints both executions under one id
            first = job.start - timedelta(seconds=job.requeued_after + 131)
            rows += sacct_rows(job, first, job.requeued_after, "REQUEUED", submit)
            submit = first + timedelta(seconds=job.requeued_after)
        rows += sacct_rows(job, job.start, job.seconds, job.state, submit)
        nights[job.end.astimezone(PARIS).date()] += rows
    header = "|".join(SACCT_COLUMNS)
    return {
        f"sacct-{day}.txt": "\n".join(
            [header, *("|".join(row[name] for name in SACCT_COLUMNS) for row in rows), ""]
        )
        for day, rows in nights.items()
        if rows
    }


# ----------------------------------------------------------------------------------- run events


def rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def kpi_values(run: CloudRun) -> dict[str, float]:
    return {
        kpi.name: round(kpi.first + (kpi.best - kpi.first) * run.quality, 4) for kpi in run.job.kpis
    }


def device_energy(seed: int, run: CloudRun) -> list[dict[str, Any]]:
    """NVML's counter per device: the difference between its first and last reading."""
    device = run.job.hardware.device
    if device is None:
        return []
    watts = device.idle_w + device.span_w * run.utilisation
    entries = []
    for number in range(run.job.hardware.devices * run.job.instance_count):
        rng = draw(seed, "nvml", run.run_id, number)
        entries.append(
            {
                "component": "accelerator",
                "device_id": f"GPU-{uuid.UUID(int=rng.getrandbits(128))}",
                "method": "nvml",
                "boundary": "component",
                "from": rfc3339(run.start),
                "to": rfc3339(run.end),
                "energy_j": round(watts * (1 + 0.02 * rng.uniform(-1, 1)) * run.seconds),
            }
        )
    return entries


def utilisations(run: CloudRun, rng: Random) -> dict[str, float]:
    if run.job.hardware.devices:
        busy = round(run.utilisation * (1 + 0.01 * rng.uniform(-1, 1)), 4)
        return {
            "cpu_utilization_ratio": round(0.18 + 0.2 * run.utilisation, 4),
            "accelerator_utilization_ratio": busy,
        }
    return {"cpu_utilization_ratio": run.utilisation}


def events_of(seed: int, run: CloudRun) -> list[dict[str, Any]]:
    """Started and heartbeats (GPU jobs only), finished, which repeats all that is known."""
    job, hardware = run.job, run.job.hardware
    rng = draw(seed, "events", run.run_id)
    identity: dict[str, Any] = {
        "run_id": run.run_id, "job_name": job.name, "attempt": run.attempt, "owner": job.owner,
        "team": job.team, "project": job.project, "workload_kind": job.kind,
        "model_name": job.model, "model_version": run.version,
    }  # fmt: skip
    place_of_run: dict[str, Any] = {
        "provider": job.provider, "region": job.region, "instance_type": hardware.name,
        "instance_count": job.instance_count, "resource_id": run.resource_id,
    }  # fmt: skip
    started = {
        "event_id": f"{run.run_id}:started", "event_type": "started",
        "event_time": rfc3339(run.start), "status": "running", "started_at": rfc3339(run.start),
        "run_id": run.run_id, "job_name": job.name, "attempt": run.attempt, "owner": job.owner,
        "team": job.team, **place_of_run,
    }  # fmt: skip
    beats = 0
    if run.job.name == LOOP_JOB and run.status == "timeout":
        beats = 5
    elif hardware.devices and run.seconds >= 7200:
        beats = 2
    heartbeats = [
        {
            "event_id": f"{run.run_id}:heartbeat:{beat}", "event_type": "heartbeat",
            "event_time": rfc3339(run.start + timedelta(seconds=run.seconds * beat // (beats + 1))),
            "run_id": run.run_id, "job_name": job.name, "attempt": run.attempt,
            "status": "running", "duration_s": run.seconds * beat // (beats + 1),
            **utilisations(run, rng),
        }
        for beat in range(1, beats + 1)
    ]  # fmt: skip
    finished: dict[str, Any] = {
        "event_id": f"{run.run_id}:finished", "event_type": "finished",
        "event_time": rfc3339(run.end), "status": run.status, "started_at": rfc3339(run.start),
        "ended_at": rfc3339(run.end), "duration_s": run.seconds, **identity,
        "environment": "production" if job.kind != "tuning" else "research", "pipeline":
        f"{job.team}-nightly" if job.trials == 1 else f"{job.name}-{run.start:%G-w%V}",
        "dataset_name": job.dataset, "dataset_version": f"{run.start:%Y-%m-%d}",
        "dataset_rows": round(job.dataset_rows * (1 + 0.03 * run.version_index) *
                              run.volume_factor),
        "git_commit": hex_id(seed, f"{job.name}:{run.version}", 40), **place_of_run,
        "zone": f"{job.region}a" if job.provider == "aws" else f"{job.region}-a",
        "host_id": f"host-{hex_id(seed, 'host' + run.run_id, 8)}",
        "vcpus": hardware.vcpus, "memory_gib": hardware.memory_gib,
    }  # fmt: skip
    if run.trial is not None:
        finished["step"] = f"trial-{run.trial + 1}"
        finished["tags"] = {"learning_rate": f"{10 ** -rng.randrange(2, 5):g}"}
    if hardware.device:
        finished["accelerator_model"] = hardware.device.name
        finished["accelerator_count"] = hardware.devices
    finished |= utilisations(run, rng)
    finished["memory_used_gib"] = round(hardware.memory_gib * rng.uniform(0.35, 0.7), 1)
    if run.reports_energy:
        finished["energy"] = device_energy(seed, run)
    if run.status == "succeeded":
        metrics = kpi_values(run)
        if job.volume_metric:
            factor = 256 if job.volume_metric == "tokens_processed" else 1
            metrics[job.volume_metric] = finished["dataset_rows"] * factor
        if metrics:
            finished["metrics"] = metrics
    if job.flex_regions:
        day = run.start.date()
        finished["flex"] = {
            "earliest_start": rfc3339(utc(day, 0)),
            "deadline": rfc3339(utc(day, 24 if job.start_hour > 8 else 12)),
            "regions": list(job.flex_regions),
        }
    return [started, *heartbeats, finished] if hardware.devices else [finished]


def event_files(seed: int, runs: Iterable[CloudRun]) -> dict[str, str]:
    """One bare file (the hook writes it itself), one CloudEvents file (through a broker)."""
    bare: list[dict[str, Any]] = []
    wrapped: list[dict[str, Any]] = []
    for run in runs:
        for event in events_of(seed, run):
            if run.job.provider == "aws":
                bare.append(event)
                continue
            event_id = event.pop("event_id")
            wrapped.append(
                {
                    "specversion": "1.0", "id": event_id, "type": "org.example.ml.run",
                    "source": f"//vertex/{GCP_PROJECT[run.job.team][0]}",
                    "time": event["event_time"], "datacontenttype": "application/json",
                    "data": event,
                }
            )  # fmt: skip
    bare.sort(key=lambda event: (event["event_time"], event["event_id"]))
    wrapped.sort(key=lambda event: (event["time"], event["id"]))
    return {
        "aws-runs.jsonl": "".join(json.dumps(e, separators=(",", ":")) + "\n" for e in bare),
        "gcp-runs.cloudevents.jsonl": "".join(
            json.dumps(e, separators=(",", ":")) + "\n" for e in wrapped
        ),
    }


# -------------------------------------------------------------------------------------- billing

FOCUS_1_0 = [
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
]
FOCUS_1_2 = sorted(
    [
        *FOCUS_1_0,
        *[
            "CapacityReservationId",
            "CapacityReservationStatus",
            "CommitmentDiscountQuantity",
            "CommitmentDiscountUnit",
            "ServiceSubcategory",
            "SkuMeter",
            "SkuPriceDetails",
            "BillingAccountType",
            "SubAccountType",
            "InvoiceId",
            "PricingCurrency",
            "PricingCurrencyContractedUnitPrice",
            "PricingCurrencyEffectiveCost",
            "PricingCurrencyListUnitPrice",
        ],
    ]
)
AWS_COLUMNS = [*FOCUS_1_2, "x_Discounts", "x_Operation", "x_ServiceCode"]
NUMBERS = {
    name
    for name in FOCUS_1_2
    if name.endswith(("Cost", "Quantity", "UnitPrice")) and name != "PricingCurrency"
}
Line = dict[str, Any]

PLAN_ARN = "arn:aws:savingsplans::111122223333:savingsplan/5f3a7c21-8f0e-4f6e-9a53-d1c7a2b94e10"
PLAN_PER_DAY = Decimal("3.60")  # EUR: a commitment of 0.15 per hour
NO_REGION: Line = {"RegionId": None, "RegionName": None}
PLAN_RATE = Decimal("0.72")  # of the on-demand price


def money(value: Decimal) -> Decimal:
    return value.quantize(CENT)


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def billing_period(day: date) -> tuple[datetime, datetime]:
    first = day.replace(day=1)
    return midnight(first), midnight((first + timedelta(days=32)).replace(day=1))


def seconds_by_day(start: datetime, seconds: int) -> Iterator[tuple[date, int]]:
    end = start + timedelta(seconds=seconds)
    day = start.date()
    while midnight(day) < end:
        upto = min(end, midnight(day + timedelta(days=1)))
        yield day, round((upto - max(start, midnight(day))).total_seconds())
        day += timedelta(days=1)


def priced(quantity: Decimal, unit: str, price: Decimal) -> Line:
    """Quantities and the four costs of a line at its list price."""
    cost = money(quantity * price)
    return {
        "ConsumedQuantity": quantity, "ConsumedUnit": unit, "PricingQuantity": quantity,
        "PricingUnit": unit, "ListUnitPrice": price, "ContractedUnitPrice": price,
        "ListCost": cost, "ContractedCost": cost, "BilledCost": cost, "EffectiveCost": cost,
    }  # fmt: skip


def sku(seed: int, meter: str) -> dict[str, str]:
    base = hex_id(seed, meter, 16).upper()
    return {"SkuId": base, "SkuPriceId": f"{base}.JRTCKXETXF.6YS6EN2CT7"}


def aws_line(
    seed: int, day: date, *, account: tuple[str, str], region: str, service: str, category: str,
    subcategory: str, code: str, operation: str, meter: str, description: str, **values: Any,
) -> Line:  # fmt: skip
    period = billing_period(day)
    is_open = period[1] > SAMPLE_END
    line: Line = dict.fromkeys(AWS_COLUMNS)
    line |= {
        "BillingAccountId": "111122223333", "BillingAccountName": "Example Org",
        "BillingAccountType": "Management", "SubAccountId": account[0],
        "SubAccountName": account[1], "SubAccountType": "Member", "BillingCurrency": "EUR",
        "BillingPeriodStart": period[0], "BillingPeriodEnd": period[1],
        "ChargePeriodStart": midnight(day), "ChargePeriodEnd": midnight(day + timedelta(days=1)),
        "ChargeCategory": "Usage", "ChargeFrequency": "Usage-Based",
        "ChargeDescription": description, "InvoiceIssuerName": "Amazon Web Services EMEA SARL",
        "InvoiceId": None if is_open else f"EUINFR26-{period[0]:%m}4471", "PricingCategory":
        "Standard", "PricingCurrency": "EUR", "ProviderName": "AWS", "PublisherName": "AWS",
        "RegionId": region, "RegionName": REGION_NAME[region], "ServiceCategory": category,
        "ServiceSubcategory": subcategory, "ServiceName": service, "SkuMeter": meter,
        "x_Operation": operation, "x_ServiceCode": code, "x_Discounts": "{}", **sku(seed, meter),
    }  # fmt: skip
    line |= values
    for name in ("ContractedUnitPrice", "EffectiveCost", "ListUnitPrice"):
        line[f"PricingCurrency{name}"] = line[name]
    return line


def tags_of(job: CloudJob) -> str:
    tags = {"team": job.team, "project": job.project, "job": job.name, "environment": "prod"}
    return json.dumps(tags)


def price_details(hardware: Hardware) -> str:
    details: dict[str, Any] = {"InstanceType": hardware.name, "CoreCount": hardware.vcpus}
    details["MemorySize"] = hardware.memory_gib
    if hardware.devices:
        details["GpuCount"] = hardware.devices
    return json.dumps(details)


SAGEMAKER = {
    "service": "Amazon SageMaker", "category": "AI and Machine Learning",
    "subcategory": "Machine Learning Platforms", "code": "AmazonSageMaker",
}  # fmt: skip
EC2 = {
    "service": "Amazon Elastic Compute Cloud", "category": "Compute",
    "subcategory": "Virtual Machines", "code": "AmazonEC2", "operation": "RunInstances",
}  # fmt: skip
METER_OF_SERVICE = {"training-job": "Train", "transform-job": "Tsform", "ec2": "BoxUsage"}


def aws_run_lines(seed: int, run: CloudRun) -> Iterator[Line]:
    job, hardware = run.job, run.job.hardware
    price = hourly_price(hardware, job.region)
    meter = f"{USAGE_PREFIX[job.region]}-{METER_OF_SERVICE[job.service]}:{hardware.name}"
    what = "Linux" if job.service == "ec2" else METER_OF_SERVICE[job.service]
    for day, seconds in seconds_by_day(run.start, run.seconds):
        hours = money(Decimal(seconds * job.instance_count) / 3600)
        kind = EC2 if job.service == "ec2" else {**SAGEMAKER, "operation": "RunInstance"}
        yield aws_line(
            seed, day, account=AWS_ACCOUNT[job.team], region=job.region, meter=meter,
            description=f"EUR {price} per On Demand {what} {hardware.name} Instance Hour",
            AvailabilityZone=f"{job.region}a" if job.service == "ec2" else None,
            ResourceId=run.resource_id, ResourceName=run.run_id if job.service != "ec2" else None,
            ResourceType="instance" if job.service == "ec2" else job.service, Tags=tags_of(job),
            SkuPriceDetails=price_details(hardware), **kind, **priced(hours, "Hours", price),
        )  # fmt: skip


PRODUCTION, RESEARCH = ("444455556666", "ml-production"), ("777788889999", "ml-research")
SHOP = ("222233334444", "shop")
PLATFORM_TAGS = json.dumps({"team": "platform", "environment": "prod"})
NOTEBOOKS = (
    ("nb-lena-exploration", RESEARCH, "vision", "eu-west-1", "ml.g4dn.xlarge"),
    ("nb-assistant-shared", RESEARCH, "nlp", "us-east-1", "ml.m5.xlarge"),
    ("nb-planning-scratch", PRODUCTION, "forecasting", "eu-west-3", "ml.t3.medium"),
)
# service, category, sub-category, code, operation, meter, unit, EUR per unit, units a day, account,
# region, resource, resource type
DAILY_SERVICES: tuple[tuple[Any, ...], ...] = (
    ("Amazon Simple Storage Service", "Storage", "Object Storage", "AmazonS3", "StandardStorage",
     "EUW1-TimedStorage-ByteHrs", "GB-Mo", "0.0212", "560", PRODUCTION, "eu-west-1",
     "ml-datasets-prod", "bucket"),
    ("Amazon Simple Storage Service", "Storage", "Object Storage", "AmazonS3", "StandardStorage",
     "USE1-TimedStorage-ByteHrs", "GB-Mo", "0.0199", "340", RESEARCH, "us-east-1",
     "ml-research-artifacts", "bucket"),
    ("Amazon Elastic Compute Cloud", "Storage", "Block Storage", "AmazonEC2", "CreateVolume-Gp3",
     "EUW3-EBS:VolumeUsage.gp3", "GB-Mo", "0.0850", "66", PRODUCTION, "eu-west-3",
     "vol-0a3b9c2d71e84f605", "volume"),
    ("AWS Data Transfer", "Networking", "Network Infrastructure", "AWSDataTransfer",
     "InterRegion", "USE1-EUW1-AWS-Out-Bytes", "GB", "0.0184", "210", RESEARCH, "us-east-1",
     None, None),
    ("Amazon Virtual Private Cloud", "Networking", "Network Connectivity", "AmazonVPC",
     "NatGateway", "EUW1-NatGateway-Hours", "Hours", "0.0440", "24", PRODUCTION, "eu-west-1",
     "arn:aws:ec2:eu-west-1:444455556666:natgateway/nat-0d4e6b1f29c7a8350", "natgateway"),
    ("Amazon Relational Database Service", "Databases", "Relational Databases", "AmazonRDS",
     "CreateDBInstance:0014", "EUW1-InstanceUsage:db.m5.large", "Hours", "0.1760", "24", SHOP,
     "eu-west-1", "arn:aws:rds:eu-west-1:222233334444:db:shop-orders", "db"),
    ("Elastic Load Balancing", "Networking", "Application Networking", "AWSELB",
     "LoadBalancing:Application", "EUW1-LoadBalancerUsage", "Hours", "0.0238", "24", SHOP,
     "eu-west-1", "arn:aws:elasticloadbalancing:eu-west-1:222233334444:loadbalancer/app/shop-web",
     "loadbalancer"),
    ("AmazonCloudWatch", "Management and Governance", "Observability", "AmazonCloudWatch",
     "PutLogEvents", "EUW1-DataProcessing-Bytes", "GB", "0.5000", "6", PRODUCTION, "eu-west-1",
     None, None),
)  # fmt: skip


def aws_daily_lines(seed: int, day: date) -> Iterator[Line]:
    """Storage, network, services that are not ML, idle notebooks, two web servers."""
    busy = Decimal("0.55") if day.weekday() >= 5 else Decimal(1)
    for (service, category, subcategory, code, operation, meter, unit, price, amount, account,
         region, resource, resource_type) in DAILY_SERVICES:  # fmt: skip
        quantity = Decimal(amount)
        if unit == "GB-Mo":  # stored all month, charged by the day, growing slowly
            quantity = money(quantity * (1 + Decimal((day - FIRST_DAY).days) / 400) / 30)
        elif unit == "GB":
            swing = round(draw(seed, meter, day).uniform(0.85, 1.15), 4)
            quantity = money(quantity * busy * Decimal(str(swing)))
        yield aws_line(
            seed, day, account=account, region=region, service=service, category=category,
            subcategory=subcategory, code=code, operation=operation, meter=meter,
            description=f"EUR {price} per {unit} - {operation}", ResourceId=resource,
            ResourceType=resource_type, Tags=None if account == SHOP else PLATFORM_TAGS,
            **priced(quantity, unit, Decimal(price)),
        )  # fmt: skip
    for name, account, team, region, instance in NOTEBOOKS:
        hardware = HARDWARE[instance]
        price = hourly_price(hardware, region)
        yield aws_line(
            seed, day, account=account, region=region, operation="RunInstance",
            meter=f"{USAGE_PREFIX[region]}-Notebk:{instance}",
            description=f"EUR {price} per Notebook {instance} Instance Hour",
            ResourceId=f"arn:aws:sagemaker:{region}:{account[0]}:notebook-instance/{name}",
            ResourceName=name, ResourceType="notebook-instance",
            Tags=json.dumps({"team": team, "environment": "dev"}),
            SkuPriceDetails=price_details(hardware), **SAGEMAKER,
            **priced(Decimal(24), "Hours", price),
        )  # fmt: skip
    for server in ("i-0c51d9a7e4b2f8361", "i-07e2a94bd18c3f5d6"):
        hardware = HARDWARE["t3.large"]
        price = hourly_price(hardware, "eu-west-1")
        yield aws_line(
            seed, day, account=SHOP, region="eu-west-1", meter="EUW1-BoxUsage:t3.large",
            description=f"EUR {price} per On Demand Linux t3.large Instance Hour",
            AvailabilityZone="eu-west-1a", ResourceId=server, ResourceType="instance",
            Tags=json.dumps({"application": "shop-web", "environment": "prod"}),
            SkuPriceDetails=price_details(hardware), **EC2, **priced(Decimal(24), "Hours", price),
        )  # fmt: skip


def scaled(line: Line, share: Decimal) -> Line:
    """The same line for a part of its quantity."""
    return line | priced(
        money(line["ConsumedQuantity"] * share), line["ConsumedUnit"], line["ListUnitPrice"]
    )


def with_savings_plan(seed: int, day: date, lines: list[Line]) -> list[Line]:
    """Covers the day's EC2 hours until the commitment is used up; the rest of it is `Unused`.

    A purchase is billed and costs nothing effectively; what it covers is the reverse. So over a
    day, the effective cost of the covered and unused lines is the billed cost of the purchase.
    """
    commitment: Line = {
        "CommitmentDiscountCategory": "Spend", "CommitmentDiscountId": PLAN_ARN,
        "CommitmentDiscountName": "Compute Savings Plan", "CommitmentDiscountType":
        "Compute Savings Plan", "CommitmentDiscountUnit": "EUR", "PricingCategory": "Committed",
    }  # fmt: skip
    left = PLAN_PER_DAY
    result: list[Line] = []
    for line in lines:
        if "BoxUsage:" not in line["SkuMeter"] or left == 0:
            result.append(line)
            continue
        wanted = money(line["ListCost"] * PLAN_RATE)
        covered = line
        if wanted > left:
            share = (left / wanted).quantize(Decimal("0.000001"))
            covered = scaled(line, share)
            rest_hours = line["ConsumedQuantity"] - covered["ConsumedQuantity"]
            rest = line | priced(rest_hours, line["ConsumedUnit"], line["ListUnitPrice"])
            wanted = left
        else:
            rest = None
        result.append(
            covered | commitment | {
                "CommitmentDiscountStatus": "Used", "CommitmentDiscountQuantity": wanted,
                "BilledCost": ZERO, "EffectiveCost": wanted, "ContractedCost": wanted,
                "ContractedUnitPrice": money(line["ListUnitPrice"] * PLAN_RATE),
            }
        )  # fmt: skip
        if rest:
            result.append(rest)
        left -= wanted
    plan: Line = {
        "account": ("111122223333", "Example Org"), "region": "eu-west-1",
        "service": "Savings Plans for AWS Compute usage", "category": "Compute",
        "subcategory": "Other (Compute)", "code": "ComputeSavingsPlans", "operation": "",
        "meter": "ComputeSP:1yrNoUpfront", "ResourceId": PLAN_ARN,
        "ResourceType": "savingsplan", **NO_REGION,
    }  # fmt: skip
    if left > 0:
        result.append(
            aws_line(
                seed, day, description="Unused commitment of the Compute Savings Plan", **plan,
                **commitment | priced(Decimal(24), "Hours", ZERO) | {
                    "CommitmentDiscountStatus": "Unused", "CommitmentDiscountQuantity": left,
                    "EffectiveCost": left, "ConsumedQuantity": None, "ConsumedUnit": None,
                },
            )
        )  # fmt: skip
    result.append(
        aws_line(
            seed, day, description="1 year No Upfront Compute Savings Plan, EUR 0.15 per hour",
            **plan, **commitment | priced(Decimal(24), "Hours", PLAN_PER_DAY / 24) | {
                "ChargeCategory": "Purchase", "ChargeFrequency": "Recurring",
                "EffectiveCost": ZERO, "CommitmentDiscountQuantity": PLAN_PER_DAY,
                "ConsumedQuantity": None, "ConsumedUnit": None,
            },
        )
    )  # fmt: skip
    return result


def aws_monthly_lines(seed: int, month: date, lines: list[Line]) -> Iterator[Line]:
    """Support, a credit, a correction of an earlier month, and the taxes."""
    payer = ("111122223333", "Example Org")
    days_here = [day for day in days() if day.replace(day=1) == month]
    start, end = midnight(days_here[0]), midnight(days_here[-1] + timedelta(days=1))
    whole = NO_REGION | {"ChargePeriodStart": start, "ChargePeriodEnd": end,
                         "ConsumedQuantity": None, "ConsumedUnit": None}  # fmt: skip

    def fee(value: Decimal) -> Line:
        return priced(Decimal(1), "Month", money(value)) | whole

    usage = sum((line["BilledCost"] for line in lines), ZERO)
    extra = [
        aws_line(
            seed, days_here[-1], account=payer, region="us-east-1",
            service="AWS Support (Business)", category="Other", subcategory="Other (Other)",
            code="AWSSupportBusiness", operation="", meter="Support-Business",
            description="Business support, 7 % of the month's usage",
            **fee(usage * Decimal("0.07")) | {
                "ChargeCategory": "Purchase", "ChargeFrequency": "Recurring"},
        )
    ]  # fmt: skip
    if month == date(2026, 9, 1):
        extra.append(
            aws_line(
                seed, days_here[-1], account=RESEARCH, region="us-east-1", **SAGEMAKER,
                operation="", meter="Credit-ML-Adoption", description="ML adoption credit",
                **fee(Decimal("-250")) | {
                    "ChargeCategory": "Credit", "ChargeFrequency": "One-Time"},
            )
        )  # fmt: skip
    if month == date(2026, 10, 1):
        extra.append(
            aws_line(
                seed, days_here[0], account=SHOP, region="eu-west-1",
                service="Amazon Relational Database Service", category="Databases",
                subcategory="Relational Databases", code="AmazonRDS",
                operation="CreateDBInstance:0014", meter="EUW1-InstanceUsage:db.m5.large",
                description="Refund: hours charged twice on 2026-09-14",
                ResourceId="arn:aws:rds:eu-west-1:222233334444:db:shop-orders", ResourceType="db",
                **priced(Decimal(-24), "Hours", Decimal("0.1760")) | {
                    "ChargeClass": "Correction",
                    "ChargePeriodStart": midnight(date(2026, 9, 14)),
                    "ChargePeriodEnd": midnight(date(2026, 9, 15)),
                },
            )
        )  # fmt: skip
    yield from extra
    by_service: dict[str, list[Line]] = defaultdict(list)
    for line in [*lines, *extra]:
        by_service[line["ServiceName"]].append(line)
    for service, members in sorted(by_service.items()):
        example = members[0]
        total = sum((line["BilledCost"] for line in members), ZERO)
        if money(total * Decimal("0.2")) <= 0:
            continue
        yield aws_line(
            seed, days_here[-1], account=payer, region="eu-west-1", service=service,
            category=example["ServiceCategory"], subcategory=example["ServiceSubcategory"],
            code=example["x_ServiceCode"], operation="", meter="VAT",
            description=f"VAT of 20 % on {service}",
            **fee(total * Decimal("0.2")) | {
                "ChargeCategory": "Tax", "ChargeFrequency": "One-Time", "PricingCategory": None,
                "PricingQuantity": None, "PricingUnit": None, "ListUnitPrice": None,
                "ContractedUnitPrice": None, "SkuId": None, "SkuPriceId": None, "SkuMeter": None,
            },
        )  # fmt: skip


def aws_bill(seed: int, runs: Iterable[CloudRun]) -> dict[date, list[Line]]:
    """Billing month → its lines, by day."""
    by_day: dict[date, list[Line]] = {day: [] for day in days()}
    for run in runs:
        if run.job.provider == "aws":
            for line in aws_run_lines(seed, run):
                by_day[line["ChargePeriodStart"].date()].append(line)
    months: dict[date, list[Line]] = defaultdict(list)
    for day, lines in by_day.items():
        lines = [*lines, *aws_daily_lines(seed, day)]
        months[day.replace(day=1)] += with_savings_plan(seed, day, lines)
    for month, lines in months.items():
        lines += list(aws_monthly_lines(seed, month, lines))
    return months


def csv_text(lines: Iterable[Line], null: str) -> str:
    """RFC 4180: texts quoted, numbers and nulls bare (the csv module cannot tell them apart)."""
    out = io.StringIO()

    def cell(name: str, value: Any) -> str:
        if value is None:
            return null
        if isinstance(value, datetime):
            return f'"{rfc3339(value)}"'
        if name in NUMBERS:
            return f"{value:f}"
        return '"' + str(value).replace('"', '""') + '"'

    out.write(",".join(f'"{name}"' for name in AWS_COLUMNS) + "\n")
    for line in lines:
        out.write(",".join(cell(name, line[name]) for name in AWS_COLUMNS) + "\n")
    return out.getvalue()


def gzipped(text: str) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=out, mtime=0) as stream:
        stream.write(text.encode())
    return out.getvalue()


GCP_SCHEMA = pa.schema(
    [
        (
            name,
            pa.timestamp("us", "UTC")
            if name.endswith(("PeriodStart", "PeriodEnd"))
            else pa.float64()
            if name in NUMBERS
            else pa.map_(pa.string(), pa.string())
            if name == "Tags"
            else pa.string(),
        )
        for name in FOCUS_1_0
    ]
)


def gcp_line(
    seed: int, day: date, *, project: tuple[str, str], region: str | None, service: str,
    category: str, sku_name: str, price: Decimal, quantity: Decimal, **values: Any,
) -> Line:  # fmt: skip
    period = billing_period(day)
    line: Line = dict.fromkeys(FOCUS_1_0)
    line |= {
        "BillingAccountId": "01A2B3-C4D5E6-F7A8B9", "BillingAccountName": "Example Org",
        "SubAccountId": project[0], "SubAccountName": project[0], "BillingCurrency": "EUR",
        "BillingPeriodStart": period[0], "BillingPeriodEnd": period[1],
        "ChargePeriodStart": midnight(day), "ChargePeriodEnd": midnight(day + timedelta(days=1)),
        "ChargeCategory": "Usage", "ChargeFrequency": "Usage-Based",
        "ChargeDescription": sku_name, "InvoiceIssuerName": "Google Cloud France SARL",
        "PricingCategory": "Standard", "ProviderName": "Google Cloud",
        "PublisherName": "Google Cloud", "RegionId": region,
        "RegionName": REGION_NAME.get(region or ""), "ServiceName": service,
        "ServiceCategory": category, "SkuId": "-".join(
            hex_id(seed, sku_name, 12)[i : i + 4].upper() for i in (0, 4, 8)),
        **priced(quantity, "hour", price),
    }  # fmt: skip
    line["SkuPriceId"] = f"{line['SkuId']}-001"
    return line | values


def gcp_run_lines(seed: int, run: CloudRun) -> Iterator[Line]:
    job, hardware = run.job, run.job.hardware
    skus = [(f"Vertex AI: Training on {hardware.name} in {REGION_NAME[job.region]}",
             hourly_price(hardware, job.region))]  # fmt: skip
    if hardware is T4_ON_N1:
        skus.append(
            (f"Vertex AI: Training on Nvidia Tesla T4 GPU in {REGION_NAME[job.region]}",
             (T4_PRICE * REGION_PRICE[job.region]).quantize(Decimal("0.0001")))
        )  # fmt: skip
    tags = {"team": job.team, "project": job.project, "job": job.name}
    for day, seconds in seconds_by_day(run.start, run.seconds):
        hours = money(Decimal(seconds * job.instance_count) / 3600)
        for sku_name, price in skus:
            yield gcp_line(
                seed, day, project=GCP_PROJECT[job.team], region=job.region, service="Vertex AI",
                category="AI and Machine Learning", sku_name=sku_name, price=price, quantity=hours,
                ConsumedQuantity=Decimal(seconds * job.instance_count), ConsumedUnit="seconds",
                ResourceId=run.resource_id, ResourceName=run.run_id, ResourceType="CustomJob",
                AvailabilityZone=f"{job.region}-a", Tags=tags,
            )  # fmt: skip


def gcp_daily_lines(seed: int, day: date) -> Iterator[Line]:
    """An idle Workbench, a bucket, a warehouse, traffic."""
    research, production = GCP_PROJECT["vision"], GCP_PROJECT["forecasting"]
    swing = Decimal(str(round(draw(seed, "gcp", day).uniform(0.85, 1.15), 4)))
    swing *= Decimal("0.55") if day.weekday() >= 5 else Decimal(1)
    stored = money(Decimal(900) * (1 + Decimal((day - FIRST_DAY).days) / 500) / 30)
    yield gcp_line(
        seed, day, project=research, region="europe-west4", service="Vertex AI",
        category="AI and Machine Learning", price=hourly_price(HARDWARE["n1-standard-8"],
        "europe-west4"), quantity=Decimal(24),
        sku_name="Vertex AI: Workbench on n1-standard-8 in Netherlands",
        ResourceId=f"//notebooks.googleapis.com/projects/{research[1]}/locations/europe-west4-a"
        "/instances/wb-labelling", ResourceName="wb-labelling", ResourceType="Instance",
        Tags={"team": "vision"},
    )  # fmt: skip
    yield gcp_line(
        seed, day, project=research, region="europe-west4", service="Cloud Storage",
        category="Storage", sku_name="Standard Storage Netherlands", price=Decimal("0.0184"),
        quantity=stored, ConsumedUnit="gibibyte month", PricingUnit="gibibyte month",
        ResourceId="//storage.googleapis.com/projects/_/buckets/ml-masks", ResourceName="ml-masks",
        ResourceType="Bucket", Tags={"team": "vision"},
    )  # fmt: skip
    yield gcp_line(
        seed, day, project=production, region="us-central1", service="BigQuery",
        category="Analytics", sku_name="Analysis (us-central1)", price=Decimal("5.75"),
        quantity=money(Decimal("0.9") * swing), ConsumedUnit="tebibyte", PricingUnit="tebibyte",
        Tags={},
    )  # fmt: skip
    yield gcp_line(
        seed, day, project=production, region="us-central1", service="Networking",
        category="Networking", sku_name="Network Inter Region Data Transfer Out",
        price=Decimal("0.0460"), quantity=money(Decimal(35) * swing), ConsumedUnit="gibibyte",
        PricingUnit="gibibyte", Tags={},
    )  # fmt: skip


def gcp_bill(seed: int, runs: Iterable[CloudRun]) -> dict[date, list[Line]]:
    by_day: dict[date, list[Line]] = {day: list(gcp_daily_lines(seed, day)) for day in days()}
    for run in runs:
        if run.job.provider == "gcp":
            for line in gcp_run_lines(seed, run):
                by_day[line["ChargePeriodStart"].date()].append(line)
    months: dict[date, list[Line]] = defaultdict(list)
    for day, lines in by_day.items():
        months[day.replace(day=1)] += lines
    for month, lines in months.items():
        last = lines[-1]["ChargePeriodStart"].date()
        billed = sum((line["BilledCost"] for line in lines), ZERO)
        whole = {"ChargePeriodStart": lines[0]["ChargePeriodStart"], "ChargeFrequency": "One-Time",
                 "ConsumedQuantity": None, "ConsumedUnit": None, "PricingCategory": None,
                 "Tags": {}}  # fmt: skip
        if month == date(2026, 10, 1):
            lines.append(
                gcp_line(
                    seed, last, project=GCP_PROJECT["nlp"], region=None, service="Vertex AI",
                    category="AI and Machine Learning", sku_name="Research programme credit",
                    price=Decimal(-100), quantity=Decimal(1),
                    **whole | {"ChargeCategory": "Credit"},
                )
            )  # fmt: skip
            billed -= 100
        lines.append(
            gcp_line(
                seed, last, project=GCP_PROJECT["nlp"], region=None, service="Invoice",
                category="Other", sku_name="Tax", price=money(billed * Decimal("0.2")),
                quantity=Decimal(1), **whole | {"ChargeCategory": "Tax"},
            )
        )  # fmt: skip
    return months


def parquet_bytes(lines: list[Line]) -> bytes:
    def plain(name: str, value: Any) -> Any:
        if name == "Tags":
            return list((value or {}).items())
        return float(value) if isinstance(value, Decimal) else value

    table = pa.table(
        {name: [plain(name, line[name]) for line in lines] for name in FOCUS_1_0},
        schema=GCP_SCHEMA,
    )
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd", version="2.6", use_dictionary=True)
    return out.getvalue()


# ---------------------------------------------------------------------------------------- files


def sample_files(seed: int = SEED) -> dict[str, bytes]:
    """Relative path → content of every generated file."""
    runs = cloud_runs(seed)
    files: dict[str, bytes] = {}
    for month, lines in aws_bill(seed, runs).items():
        # The first month came as plain text, with NULL spelt out; the later ones compressed.
        if month == date(2026, 8, 1):
            files[f"focus/aws/{month:%Y-%m}.csv"] = csv_text(lines, "NULL").encode()
        else:
            files[f"focus/aws/{month:%Y-%m}.csv.gz"] = gzipped(csv_text(lines, ""))
    for month, lines in gcp_bill(seed, runs).items():
        files[f"focus/gcp/{month:%Y-%m}.parquet"] = parquet_bytes(lines)
    for name, text in sacct_dumps(seed).items():
        files[f"slurm/{name}"] = text.encode()
    for name, text in event_files(seed, runs).items():
        files[f"events/{name}"] = text.encode()
    return files


def write_sample(out: Path, seed: int = SEED) -> dict[str, bytes]:
    """Writes the files below `out` and removes generated files that the seed no longer gives."""
    files = sample_files(seed)
    for pattern in ("focus/*/*.csv", "focus/*/*.csv.gz", "focus/*/*.parquet", "slurm/sacct-*.txt",
                    "events/*.jsonl"):  # fmt: skip
        for path in out.glob(pattern):
            if path.relative_to(out).as_posix() not in files:
                path.unlink()
    for name, content in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the recorded sample.")
    parser.add_argument("--out", type=Path, default=Path("sample"))
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    files = write_sample(arguments.out, arguments.seed)
    for folder in ("focus/aws", "focus/gcp", "slurm", "events"):
        sizes = [len(content) for name, content in files.items() if name.startswith(folder)]
        print(f"{arguments.out / folder}: {len(sizes)} files, {sum(sizes):,} bytes")


if __name__ == "__main__":
    main()
