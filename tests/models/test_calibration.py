"""Calibrations against meters: real load sweeps, fleets of known truth, and a brute-force refit."""

import math
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from metered_fleets import (
    EXACT,
    FEW,
    FLEETS,
    LONE,
    bad_meter,
    config,
    fleet,
    lines,
    refit,
    sweeps,
    too_few,
)

SWEEPS = Path(__file__).resolve().parents[3] / "shared" / "real" / "power" / "cpu_power_sweeps.csv"
with_sweeps = pytest.mark.skipif(
    not SWEEPS.is_file(), reason="the real load sweeps are not beside this checkout"
)


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    runs = [told for seed, machine in enumerate(FLEETS) for told in fleet(machine, seed)]
    runs += [*bad_meter(FLEETS[0]), *too_few()]
    swept, swept_runs = sweeps(SWEEPS) if SWEEPS.is_file() else ([], [])
    machines = [*FLEETS, FEW, LONE, EXACT, *swept]
    return night("calibration", config(machines), {"events/fleets.jsonl": lines(runs + swept_runs)})


def calibrations(marts: Any, key_level: str) -> dict[tuple[str, str], dict[str, Any]]:
    rows = marts.rows("select * from fct_calibration where key_level = ?", key_level)
    return {(row["component"], row["key"]): row for row in rows}


def hardware(machine: Any) -> tuple[str, str]:
    if machine.component == "accelerator":
        return ("accelerator", machine.hardware)
    return ("cpu", f"on_premise/yard/{machine.name}")


def probability_of_as_far(inside: int, tried: int, share: float = 0.9) -> float:
    """Of the binomial test: outcomes at most as likely as this one."""
    likely = [math.comb(tried, n) * share**n * (1 - share) ** (tried - n) for n in range(tried + 1)]
    return sum(p for p in likely if p <= likely[inside] * (1 + 1e-9))


def keys(marts: Any) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    points = defaultdict(list)
    for point in marts.rows("select * from fct_calibration_points"):
        points[point["key_level"], point["component"], point["key"]].append(point)
    return points


@with_sweeps
def test_real_processors_are_told_within_ten_percent(marts: Any) -> None:
    """Of each sweep every point, also the outliers, by a fit and a form that never saw it."""
    wape = {}
    for (level, component, key), points in keys(marts).items():
        if level == "hardware" and component == "cpu" and "/sweep-" in key:
            missed = sum(abs(p["predicted_energy_kwh"] - p["measured_energy_kwh"]) for p in points)
            wape[key] = missed / sum(p["measured_energy_kwh"] for p in points)
    assert len(wape) == 6
    assert median(wape.values()) <= 0.10


def test_a_known_truth_is_found_on_jobs_never_seen(marts: Any) -> None:
    found = calibrations(marts, "hardware")
    for machine in FLEETS:
        row = found[hardware(machine)]
        bar = 0.06 if machine.component == "accelerator" else 0.10
        assert row["is_applied"], row
        assert row["mape_after"] <= bar, row
        assert row["wape_after"] <= bar, row
        assert row["mape_before"] > row["mape_after"]
        assert abs(row["bias_after"]) < 0.02


def test_nine_truths_in_ten_lie_inside_the_interval(marts: Any) -> None:
    rows = [calibrations(marts, "hardware")[hardware(machine)] for machine in FLEETS]
    tried = sum(row["intervals"] for row in rows)
    inside = round(sum(row["interval_coverage_ratio"] * row["intervals"] for row in rows))
    assert tried >= 200
    assert probability_of_as_far(inside, tried) > 0.05
    for row in rows:
        share = row["interval_coverage_ratio"]
        assert share >= 0.8
        # A bound of Wilson's interval is where the share lies 1.96 standard errors off.
        for bound in (row["interval_coverage_low_ratio"], row["interval_coverage_high_ratio"]):
            off = abs(share - bound) / math.sqrt(bound * (1 - bound) / row["intervals"])
            assert off == pytest.approx(1.96, rel=1e-9)


def test_a_bad_meter_is_left_out_and_listed(marts: Any) -> None:
    left_out = {
        row["run_id"]
        for row in marts.rows(
            "select run_id from fct_calibration_points where is_outlier and key_level = 'hardware'"
        )
    }
    assert {f"{FLEETS[0].name}-bad-meter-{part}" for part in range(3)} <= left_out
    planted = {f"{m.name}-{run}" for m in FLEETS for run in ("7-0", "21-1")}
    assert planted <= left_out


@pytest.mark.parametrize(
    ("machine", "reason", "has_fit"),
    [
        (FEW, "too_few_runs", False),
        (LONE, "one_job_only", False),
        (EXACT, "no_better_than_model", True),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_what_proves_nothing_is_declined(
    marts: Any, machine: Any, reason: str, has_fit: bool
) -> None:
    row = calibrations(marts, "hardware")[hardware(machine)]
    assert (row["is_applied"], row["reason"]) == (False, reason)
    assert (row["scale"] is not None, row["mape_after"] is not None) == (has_fit, has_fit)
    assert row["mape_before"] is not None


def test_sql_says_what_a_brute_force_refit_says(marts: Any) -> None:
    """Every key of every level: outliers, form, fit, predictions without the job, and scores."""
    rows = {
        (row["key_level"], row["component"], row["key"]): row
        for row in marts.rows("select * from fct_calibration")
    }
    forms = {1: "scale", 2: "scale_constant", 3: "scale_constant_sqrt", None: None}
    assert len(rows) >= 15
    assert {row["form"] for row in rows.values()} == set(forms.values())

    def close(value: float | None) -> Any:
        return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)

    for key, points in keys(marts).items():
        row, plain = rows[key], refit(points)
        assert [point["is_outlier"] for point in points] == plain.outliers, key
        assert row["form"] == forms[plain.form], key
        unknowns = plain.unknowns or (None, None, None)
        assert (row["scale"], row["constant_w"], row["sqrt_w"]) == tuple(map(close, unknowns)), key
        for point, predicted in zip(points, plain.predicted, strict=True):
            assert point["predicted_energy_kwh"] == close(predicted), (key, point["run_id"])
        assert row["mape_before"] == close(plain.mape_before), key
        assert row["mape_after"] == close(plain.mape_after), key
        assert row["log_sd"] == close(plain.log_sd), key
        assert row["interval_coverage_ratio"] == close(plain.coverage), key
