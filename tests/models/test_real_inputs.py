"""The real FOCUS sample and the real Slurm dumps, from the file to the mart."""

import csv
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

REAL = Path(__file__).resolve().parents[3] / "shared" / "real"
pytestmark = pytest.mark.skipif(
    not REAL.is_dir(), reason="the real exports are not beside this checkout"
)

CONFIG = f"""
[reporting]
currency = "USD"

[sources.focus]
path = "{REAL / "focus"}"

[sources.slurm]
path = "{REAL / "slurm"}"
cluster = "hpc"
timezone = "UTC"
"""


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    return night("real_inputs", CONFIG, {})


def source(marts: Any, name: str) -> dict[str, Any]:
    (entry,) = [s for s in marts.report["sources"] if s["name"] == name]
    return dict(entry)


def test_every_line_of_the_focus_sample_is_accounted_for(marts: Any) -> None:
    entry = source(marts, "focus")
    assert entry["rows_in"] == 1000 == entry["rows_landed"] + entry["rows_rejected"]


def test_the_bill_in_the_mart_is_the_bill_in_the_file(marts: Any) -> None:
    expected: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    with (REAL / "focus" / "focus_sample.csv").open(newline="") as file:
        for line in csv.DictReader(file):
            key = (line["ProviderName"], line["BillingCurrency"])
            expected[key][0] += Decimal(line["EffectiveCost"])
            expected[key][1] += Decimal(line["BilledCost"])
    codes = {"AWS": "aws", "Microsoft": "azure", "Oracle": "oracle"}
    found = {
        (row["provider"], row["cost_currency"]): (row["effective_cost"], row["billed_cost"])
        for row in marts.rows(
            "select provider, cost_currency, sum(effective_cost) as effective_cost,"
            " sum(billed_cost) as billed_cost from fct_billing_daily group by all"
        )
    }
    assert found == {
        (codes[provider], currency): (
            pytest.approx(float(effective), rel=1e-9),
            pytest.approx(float(billed), rel=1e-9),
        )
        for (provider, currency), (effective, billed) in expected.items()
    }


def printed_jobs() -> dict[str, dict[str, str]]:
    """Allocation rows of the dump that was written with an unmistakable delimiter, by JobIDRaw."""
    lines = (REAL / "slurm" / "sacct_delim_1f.txt").read_text().split("\n")
    header = lines[0].split("\x1f")
    rows: list[list[str]] = []
    for line in lines[1:]:
        parts = line.split("\x1f")
        if rows and len(rows[-1]) < len(header):  # a newline inside SubmitLine
            rows[-1][-1] += "\n" + parts[0]
            rows[-1].extend(parts[1:])
        elif line:
            rows.append(parts)
    jobs = {}
    for row in rows:
        assert len(row) == len(header)
        job = dict(zip(header, row, strict=True))
        if "." not in job["JobIDRaw"]:
            jobs[job["JobIDRaw"]] = job
    return jobs


def seconds(text: str) -> float:
    """Slurm's [days-][hours:]minutes:seconds."""
    days, _, clock = text.rpartition("-")
    total = 0.0
    for part in clock.split(":"):
        total = total * 60 + float(part)
    return total + 86400 * int(days or 0)


STATUSES = {
    "COMPLETED": "succeeded",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "TIMEOUT": "timeout",
    "NODE_FAIL": "node_failure",
    "PREEMPTED": "preempted",
    "OUT_OF_MEMORY": "out_of_memory",
    "REQUEUED": "preempted",
}


def test_one_run_per_job_or_array_task(marts: Any) -> None:
    found = {row["run_id"] for row in marts.rows("select run_id from fct_runs")}
    assert found == {f"slurm:hpc:{job_id}" for job_id in printed_jobs()}


def test_states_durations_and_cpu_times_are_what_sacct_printed(marts: Any) -> None:
    attempts = {
        (row["run_id"], row["attempt"]): row for row in marts.rows("select * from fct_run_attempts")
    }
    runs = {row["run_id"]: row for row in marts.rows("select * from fct_runs")}
    requeued = 0
    for job_id, job in printed_jobs().items():
        run = runs[f"slurm:hpc:{job_id}"]
        assert run["status"] == STATUSES[job["State"].split()[0]], job_id
        latest = attempts[run["run_id"], run["attempt"]]
        assert latest["duration_s"] == float(job["ElapsedRaw"]), job_id
        if run["attempt"] == 1:
            assert run["duration_s"] == float(job["ElapsedRaw"]), job_id
            assert run["allocated_cpu_s"] == float(job["CPUTimeRAW"]), job_id
            assert run["used_cpu_s"] == pytest.approx(seconds(job["TotalCPU"]), abs=1e-6), job_id
        else:
            requeued += 1
            assert run["duration_s"] > float(job["ElapsedRaw"]), job_id
    # Job 39 was requeued once; the dump with duplicates tells of both its attempts.
    assert requeued == 1
