"""Three nights on the real models: late data, a restated bill, a changed setting, new factors.

The first and the last are rebuilt afterwards as of their time, and what changed is attributed to
the last digit.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from filelock import FileLock

from ingest.contracts import empty_rejected
from ingest.landing import Landing
from observatory import compare, factor_tables, knowledge, snapshot
from observatory.refresh import refresh
from observatory.settings import Settings, load_settings
from observatory.version import PROJECT

NIGHTS = [datetime(2026, 12, day, 3, tzinfo=UTC) for day in (5, 6, 7)]

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


@pytest.fixture(scope="module")
def site(shared_tmp: Path, spare_parsing: Callable[[Path], None]) -> dict[str, Any]:
    """Three nights, the first and the last again as of their time: versions, and what was read."""
    folder = shared_tmp / "restated_nights"
    answer = folder / "site.json"
    with FileLock(shared_tmp / "restated_nights.lock"):
        if not answer.exists():
            spare_parsing(folder / "data" / "dbt")
            refresh(write(folder, FIRST, pue=1.3), now=NIGHTS[0])
            refresh(write(folder, SECOND, pue=1.3), now=NIGHTS[1])
            settings = write(folder, THIRD, pue=1.4)
            land_new_factor(settings, NIGHTS[2] - timedelta(hours=1))
            refresh(settings, now=NIGHTS[2])
            published = settings.paths.published
            nights = sorted(path for path in published.glob("2*"))
            again = {}
            for number, path in enumerate(nights):
                kept = path.rename(folder / path.name)
                if number == 1:
                    continue
                as_of = knowledge.published(kept).as_of
                # The first takes over what later nights remember, the last takes nothing.
                rebuilt = refresh(
                    settings,
                    now=NIGHTS[2] + timedelta(hours=1),
                    as_of=as_of,
                    full_refresh=as_of == NIGHTS[2],
                )
                again[str(number)] = snapshot.version(rebuilt.published.path)["sha256"]
            answer.write_text(
                json.dumps({"versions": [path.name for path in nights], "again": again})
            )
    return {"folder": folder} | json.loads(answer.read_text())


def told(site: dict[str, Any], night: int) -> dict[tuple[str, str], tuple[Any, ...]]:
    """(metric, cause) → (before, after, runs) of what a night restated of November."""
    with snapshot.connect(site["folder"] / site["versions"][night]) as connection:
        rows = connection.execute(
            """
            select metric, cause, before, after, runs
            from fct_restatements
            where to_version = $version and month = '2026-11-01'
            """,
            {"version": site["versions"][night]},
        ).fetchall()
    return {(metric, cause): tuple(rest) for metric, cause, *rest in rows}


def total(site: dict[str, Any], night: int, metric: str) -> Any:
    """November's figure of a metric in a night's own snapshot."""
    with snapshot.connect(site["folder"] / site["versions"][night]) as connection:
        return connection.execute(
            f"select sum({metric}) from fct_runs where started_at_utc >= '2026-11-01' "
            "and started_at_utc < '2026-12-01'"
        ).fetchall()[0][0]


@pytest.mark.parametrize("night", [0, 2])
def test_a_rebuild_as_of_a_night_has_its_very_bytes(site: dict[str, Any], night: int) -> None:
    kept = snapshot.version(site["folder"] / site["versions"][night])
    assert site["again"][str(night)] == kept["sha256"]
    assert len(kept["sha256"]) == len(kept["row_counts"]) > 20


def test_the_first_night_restates_nothing(site: dict[str, Any]) -> None:
    assert (
        snapshot.version(site["folder"] / site["versions"][0])["row_counts"]["fct_restatements"]
        == 0
    )


def test_late_runs_and_restated_ones_are_told_apart(site: dict[str, Any]) -> None:
    found = told(site, 1)
    energy = "facility_energy_kwh"
    assert {cause for _, cause in found} == {"late_data", "provider_restatement"}
    # A new run, a job of an export that grew, and the job that was running and has ended. The run
    # that was running by its events was known with all it used until the last of them.
    assert found[energy, "late_data"][2] == 3
    assert found[energy, "provider_restatement"][2] == 1
    assert found["bill_effective_cost_usd", "late_data"] == (15.0, 18.0, 0)
    assert found["bill_effective_cost_usd", "provider_restatement"] == (18.0, 20.0, 0)
    assert found["effective_cost", "provider_restatement"] == (10.0, 12.0, 1)


def test_settings_late_data_and_factors_of_one_night_are_told_apart(site: dict[str, Any]) -> None:
    found = told(site, 2)
    grams = "emissions_location_g_co2e"
    assert [cause for metric, cause in found if metric == grams] == [
        "settings",
        "late_data",
        "factor_version",
    ]
    # Five runs in Ireland, whose factor is a tenth higher.
    assert found[grams, "factor_version"][2] == 5
    assert ("facility_energy_kwh", "factor_version") not in found
    # A bill of December corrects November.
    assert found["bill_effective_cost_usd", "provider_restatement"] == (20.0, 19.0, 0)


@pytest.mark.parametrize("metric", ["facility_energy_kwh", "emissions_location_g_co2e"])
@pytest.mark.parametrize("night", [1, 2])
def test_the_parts_are_the_whole(site: dict[str, Any], night: int, metric: str) -> None:
    chain = [row for (name, _), row in told(site, night).items() if name == metric]
    assert chain[0][0] == pytest.approx(total(site, night - 1, metric), rel=1e-12)
    assert chain[-1][1] == pytest.approx(total(site, night, metric), rel=1e-12)
    for one, following in pairwise(chain):
        assert one[1] == following[0]


def test_compare_says_what_the_nights_said_together(site: dict[str, Any]) -> None:
    """Over both nights, against today's rebuilds; what cancels in between is not seen."""
    settings = settings_of(site["folder"])
    first, last = (compare.find(settings, site["versions"][night]) for night in (0, 2))
    found = compare.compare(settings, first, last, runs=2).to_json()
    assert found["unattributed"] == 0
    causes = {row["cause"] for row in found["rows"]}
    assert causes == {"settings", "late_data", "provider_restatement", "factor_version"}
    by_cause: dict[str, float] = {}
    for night in (1, 2):
        for (metric, cause), (before, after, _) in told(site, night).items():
            if metric == "bill_effective_cost_usd":
                by_cause[cause] = by_cause.get(cause, 0) + after - before
    assert by_cause == {
        row["cause"]: pytest.approx(row["change"])
        for row in found["rows"]
        if row["metric"] == "bill_effective_cost_usd"
    }
    assert {row["run_id"] for row in found["runs"] if row["cause"] == "provider_restatement"} == {
        "misreported",
        "steady",
    }
