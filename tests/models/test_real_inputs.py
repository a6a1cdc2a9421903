"""The real FOCUS sample and the real Slurm dumps, from the file to the mart."""

import csv
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from statistics import mean
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


@pytest.mark.parametrize("mart", ["fct_billing_daily", "fct_cost_allocation"])
def test_the_bill_in_the_mart_is_the_bill_in_the_file(marts: Any, mart: str) -> None:
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
            f" sum(billed_cost) as billed_cost from {mart} group by all"
        )
    }
    assert found == {
        (codes[provider], currency): (
            pytest.approx(float(effective), rel=1e-9),
            pytest.approx(float(billed), rel=1e-9),
        )
        for (provider, currency), (effective, billed) in expected.items()
    }


def test_the_real_bill_is_classified_and_the_rest_is_listed(marts: Any) -> None:
    """Lines and costs, of either sign, by what is known of their energy."""
    gaps = marts.rows("select * from fct_billing_gaps")
    lines = marts.rows("select * from fct_billing_daily")

    def rows(found: list[dict[str, Any]]) -> int:
        return sum(row["line_rows"] for row in found)

    def cost(found: list[dict[str, Any]]) -> float:
        return sum(abs(row["effective_cost"]) for row in found)

    unclassified = [gap for gap in gaps if gap["rule_id"] in (None, "catch_all")]
    assert rows(unclassified) <= 0.05 * rows(lines)
    assert cost(unclassified) <= 0.05 * cost(lines)

    kinds = ("compute", "accelerator", "storage", "network")
    physical = [line for line in lines if line["resource_class"] in kinds]
    unexplained = [gap for gap in gaps if gap["resource_class"] in kinds]
    assert 800 < rows(physical) < rows(lines) == 1000
    assert rows(unexplained) <= 0.2 * rows(physical)
    assert cost(unexplained) <= 0.2 * cost(physical)

    # What has no energy is listed, or says why it uses none.
    silent = {line["missing_reason"] for line in lines if line["x_energy_kwh"] is None}
    listed = {gap["missing_reason"] for gap in gaps}
    assert silent - listed == {
        "control_plane",
        "counted_at_the_sender",
        "licence",
        "no_energy_surcharge",
        "not_usage",
        "requests",
    }
    assert listed == {
        "no_energy_model_for_service",
        "no_factors_for_provider",
        "unknown_unit",
    }


def printed_rows() -> dict[str, dict[str, str]]:
    """Rows of the dump that was written with an unmistakable delimiter, by JobIDRaw."""
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
    assert {len(row) for row in rows} == {len(header)}
    printed = [dict(zip(header, row, strict=True)) for row in rows]
    return {row["JobIDRaw"]: row for row in printed}


def printed_jobs() -> dict[str, dict[str, str]]:
    """The allocation rows among them."""
    return {job_id: row for job_id, row in printed_rows().items() if "." not in job_id}


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


def test_jobs_on_one_node_are_charged_its_energy_once(marts: Any) -> None:
    """Slurm charged the node whole to each of the jobs that ran at a time."""
    readings: dict[tuple[datetime, datetime], list[float]] = defaultdict(list)
    # Job 39 before it was requeued: only the dump with duplicates tells.
    start, end = (datetime.fromisoformat(f"2026-11-23T04:02:{s}") for s in (28, 31))
    readings[start, end].append(932.0)
    rows = printed_rows()
    for job_id, job in printed_jobs().items():
        batch = rows.get(f"{job_id}.batch", job)
        energy_j = max(float(row["ConsumedEnergyRaw"] or 0) for row in (job, batch))
        if energy_j > 0:
            start, end = (datetime.fromisoformat(job[name]) for name in ("Start", "End"))
            readings[start, end].append(energy_j)
    apart = {
        (start, end): mean(energies) / (end - start).total_seconds()
        for (start, end), energies in readings.items()
        if not any(s <= start and end <= e and (s, e) != (start, end) for s, e in readings)
    }
    moments = sorted({moment for interval in apart for moment in interval})
    used_j = 0.0
    for start, end in pairwise(moments):
        powers = [power for (s, e), power in apart.items() if s <= start and end <= e]
        used_j += mean(powers) * (end - start).total_seconds() if powers else 0.0
    assert used_j < sum(map(sum, readings.values())) / 1.5  # jobs did overlap

    (found,) = marts.rows(
        "select sum(measured_energy_kwh) as kwh, count(measured_energy_kwh) as n"
        " from fct_run_energy_inputs where meter = 'slurm_energy'"
    )
    assert found["kwh"] * 3.6e6 == pytest.approx(used_j, rel=1e-9)
    assert found["n"] >= len(apart)
