"""Three nights on the real models: late data, a restated bill, a changed setting, new factors.

Each night is rebuilt afterwards as of its time, and what changed is attributed to the last digit.
"""

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from ingest.contracts import empty_rejected
from ingest.landing import Landing
from observatory import factor_tables
from observatory.settings import Settings, load_settings
from observatory.version import PROJECT

NIGHTS = [datetime(2026, 12, day, 3, tzinfo=UTC) for day in (5, 6, 7)]
NOVEMBER = date(2026, 11, 1)

CONFIG = """
[reporting]
currency = "USD"

[sources.run_events]
path = "events"

[sources.slurm.lyra]
path = "slurm"
cluster = "lyra"

[sources.focus.aws]
path = "bills"

[sites.lyra]
grid_zone = "FR"
pue = {pue}

[sites.lyra.hosts.gpu]
vcpus = 64
memory_gib = 256
cpu_model = "AMD EPYC 7763"
"""


def event(run_id: str, kind: str = "finished", hours: float = 10, **more: Any) -> str:
    told: dict[str, Any] = {
        "event_id": f"{run_id}-{kind}",
        "event_type": kind,
        "event_time": "2026-11-20T12:00:00Z",
        "run_id": run_id,
        "job_name": "restated",
        "instance_type": "m5.xlarge",
        "region": "eu-west-1",
    }
    if kind == "finished":
        told |= {"status": "succeeded", "duration_s": hours * 3600}
    else:
        told |= {"started_at": "2026-11-20T02:00:00Z"}
    return json.dumps(told | more) + "\n"


def job(job_id: int, state: str, end: str, elapsed_s: int) -> dict[str, Any]:
    return {
        "JobIDRaw": job_id,
        "JobName": "simulate",
        "User": "ada",
        "Partition": "gpu",
        "State": state,
        "Submit": "2026-11-28T08:00:00",
        "Start": "2026-11-28T08:00:00",
        "End": end,
        "ElapsedRaw": elapsed_s,
        "NNodes": 1,
        "NodeList": "node1",
        "NCPUS": 8,
        "AllocTRES": "cpu=8,mem=32G,node=1",
    }


DONE = "2026-11-28T18:00:00"


def line(resource_id: str, hour: int, cost: str, **more: str) -> dict[str, Any]:
    return {
        "ChargePeriodStart": f"2026-11-20T{hour:02}:00:00Z",
        "ChargePeriodEnd": f"2026-11-20T{hour + 1:02}:00:00Z",
        "BillingPeriodStart": "2026-11-01T00:00:00Z",
        "BilledCost": cost,
        "EffectiveCost": cost,
        "BillingCurrency": "USD",
        "ProviderName": "AWS",
        "ServiceName": "Amazon Elastic Compute Cloud",
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ResourceId": resource_id,
        "RegionId": "eu-west-1",
    } | more


def table(rows: Iterable[dict[str, Any]], delimiter: str = ",") -> str:
    rows = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


OLD_JOB = job(1, "COMPLETED", DONE, 36000)
FIRST = {
    "events/a.jsonl": event("steady", resource_id="i-steady")
    + event("misreported")
    + event("long", "started"),
    "slurm/sacct.txt": table([OLD_JOB, job(2, "RUNNING", "Unknown", 7200)], "|"),
    "bills/november.csv": table([line("i-steady", 4, "10"), line("i-other", 4, "5")]),
}
SECOND = {
    # Its log says otherwise now; the others' rows stand, though another line.
    "events/a.jsonl": event("long", "started")
    + event("steady", resource_id="i-steady")
    + event("misreported", hours=20),
    "events/b.jsonl": event("late") + event("long", hours=10),
    # The export of the same name grew; what was running has ended.
    "slurm/sacct.txt": table(
        [OLD_JOB, job(2, "COMPLETED", DONE, 36000), job(3, "COMPLETED", DONE, 36000)], "|"
    ),
    "bills/november.csv": table(
        [line("i-steady", 4, "12"), line("i-other", 4, "5"), line("i-other", 9, "3")]
    ),
}
THIRD = {
    "events/c.jsonl": event("later", hours=5),
    "bills/december.csv": table(
        [
            line(
                "i-other",
                4,
                "-1",
                ChargeClass="Correction",
                BillingPeriodStart="2026-12-01T00:00:00Z",
            )
        ]
    ),
}


def settings_of(folder: Path) -> Settings:
    return load_settings(folder / "observatory.toml")


def write(folder: Path, files: dict[str, str], pue: float) -> Settings:
    (folder / "observatory.toml").write_text(CONFIG.format(pue=pue))
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return settings_of(folder)


def land_new_factor(settings: Settings, received_at: datetime) -> None:
    """Ireland in 2025, a tenth higher than the seeds say, published the day before."""
    table = factor_tables.factor_tables()["grid_intensity_yearly"]
    seed = pl.read_csv(
        PROJECT / "seeds/factors/grid_intensity_yearly.csv", schema_overrides=table.columns
    )
    frame = (
        seed.filter(
            pl.col("zone_id") == "IRL",
            pl.col("year") == 2025,
            pl.col("source_id").str.contains("ember"),
        )
        .with_columns(
            pl.col("intensity_g_per_kwh") * 1.1,
            published_on=(received_at - timedelta(days=1)).date(),
            version=pl.lit("revised"),
            source_file=pl.lit("update.csv"),
            source_row=pl.lit(1, pl.Int64),
        )
        .select(table.dataset.schema.names())
    )
    assert frame.height == 1
    landing = Landing(settings.paths.landing)
    with landing.deliver(
        table.dataset, "update", source="factors", instance="update", received_at=received_at
    ) as delivery:
        delivery.write(frame, empty_rejected())
        assert delivery.commit().status == "landed"
