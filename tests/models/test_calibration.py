"""Calibrations against meters: real load sweeps, fleets of known truth, and a brute-force refit."""

import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from metered_fleets import (
    EXACT,
    FEW,
    FLEETS,
    LONE,
    WHOLE,
    at_the_node,
    bad_meter,
    config,
    fleet,
    lines,
    refit,
    sweeps,
    too_few,
    unmetered,
)

from observatory.explain import evaluate

SWEEPS = Path(__file__).resolve().parents[3] / "shared" / "real" / "power" / "cpu_power_sweeps.csv"
with_sweeps = pytest.mark.skipif(
    not SWEEPS.is_file(), reason="the real load sweeps are not beside this checkout"
)


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    runs = [told for seed, machine in enumerate(FLEETS) for told in fleet(machine, seed)]
    runs += [*bad_meter(FLEETS[0]), *too_few(), *at_the_node(), *unmetered()]
    swept, swept_runs = sweeps(SWEEPS) if SWEEPS.is_file() else ([], [])
    machines = [*FLEETS, FEW, LONE, EXACT, WHOLE, *swept]
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


def applied_to(marts: Any, component: str, keys_by_level: Mapping[str, str]) -> dict[str, Any]:
    """The calibration that the ladder gives: the narrowest that is good enough."""
    for level in ("hardware_workload", "hardware", "hardware_family", "component"):
        row = calibrations(marts, level).get((component, keys_by_level[level]))
        if row and row["is_applied"]:
            return row
    raise AssertionError(keys_by_level)


def taken(row: Mapping[str, Any]) -> str:
    said = dict(rung.split(": ", 1) for rung in row["rungs_considered"].split("; "))
    (name,) = [name for name, reason in said.items() if reason.startswith("taken")]
    assert name == row["energy_method"]
    return said["calibrated"]


@pytest.mark.parametrize("load", [0.3, 0.7])
@pytest.mark.parametrize("machine", FLEETS, ids=lambda machine: machine.name)
def test_a_run_without_a_meter_learns_from_those_with_one(
    marts: Any, machine: Any, load: float
) -> None:
    row = marts.components(f"{machine.name}-asked-{load}")[machine.component]
    key = hardware(machine)[1]
    calibration = calibrations(marts, "hardware_workload")[machine.component, f"{key}, training"]
    assert (row["energy_method"], row["calibration_id"]) == (
        "calibrated",
        calibration["calibration_id"],
    )
    modelled = machine.modelled_w(load) * 3 / 1000
    unseen_w = calibration["constant_w"] + calibration["sqrt_w"] * math.sqrt(load)
    expected = calibration["scale"] * modelled + unseen_w * machine.units * 3 / 1000
    assert row["uncalibrated_energy_kwh"] == pytest.approx(modelled, rel=1e-9)
    assert row["it_energy_kwh"] == pytest.approx(expected, rel=1e-9)
    assert evaluate(row["arithmetic"]) == pytest.approx(expected, rel=1e-9)
    assert row["it_energy_kwh"] == pytest.approx(machine.true_w(load) * 3 / 1000, rel=0.05)
    assert taken(row).startswith(f"taken: {key}, training, {calibration['runs']} metered runs of")


def test_a_calibrated_chip_leaves_the_rest_of_the_server_where_it_was(marts: Any) -> None:
    components = marts.components("loft-asked-0.3")
    chip, rest = components["cpu"], components["other"]
    modelled = FLEETS[3].modelled_w(0.3) * 3 / 1000
    assert chip["it_energy_kwh"] + rest["it_energy_kwh"] == pytest.approx(modelled, rel=1e-9)


def test_hardware_that_proves_nothing_takes_its_familys_calibration(marts: Any) -> None:
    row = marts.components(f"{FEW.name}-asked-0.3")["accelerator"]
    wanted = applied_to(
        marts,
        "accelerator",
        {
            "hardware_workload": f"{FEW.hardware}, training",
            "hardware": FEW.hardware,
            "hardware_family": "NVIDIA gpu",
            "component": "accelerator",
        },
    )
    assert row["calibration_id"] == wanted["calibration_id"]
    assert wanted["key_level"] == "hardware_family"


def test_a_meter_of_the_whole_calibrates_all_components_together(marts: Any) -> None:
    for load in (0.3, 0.7):
        components = marts.components(f"{WHOLE.name}-asked-{load}")
        assert {row["energy_method"] for row in components.values()} == {"calibrated"}
        assert set(components) == {"cpu"}  # its memory is what the coefficient holds
        used = sum(row["it_energy_kwh"] for row in components.values())
        # The model alone is off by half; six runs outweigh the prior's one.
        assert used == pytest.approx(WHOLE.true_w(load) * 3 / 1000, rel=0.1)
        for row in components.values():
            assert evaluate(row["arithmetic"]) == pytest.approx(row["it_energy_kwh"], rel=1e-9)


@pytest.mark.parametrize(
    ("run_id", "machine"), [("hall-half", FLEETS[0]), ("byre-half", WHOLE)], ids=["hall", "byre"]
)
def test_a_calibration_fills_what_no_meter_covered(marts: Any, run_id: str, machine: Any) -> None:
    row = marts.components(run_id)[machine.component]
    assert row["energy_method"] == "measured_partial"
    assert row["covered_ratio"] == pytest.approx(0.5)
    assert row["calibration_id"] is not None
    measured = machine.true_w(0.5) * 1.5 / 1000
    assert row["measured_energy_kwh"] == pytest.approx(measured, rel=1e-9)
    assert evaluate(row["arithmetic"]) == pytest.approx(row["it_energy_kwh"], rel=1e-9)
    assert row["it_energy_kwh"] == pytest.approx(2 * measured, rel=0.05)
    assert taken(row).startswith("fills what no meter covered")


def test_a_workload_that_meters_tell_apart_takes_no_calibration_of_others(marts: Any) -> None:
    """Of its own it has runs of one job only, and from the hardware's all were left out."""
    row = marts.components("serves-asked")["accelerator"]
    assert (row["energy_method"], row["calibration_id"]) == ("utilization", None)
    assert taken(row) == "metered runs of this workload contradict it"


def test_an_unknown_load_is_not_calibrated(marts: Any) -> None:
    row = marts.components("hall-silent")["accelerator"]
    assert (row["energy_method"], row["calibration_id"]) == ("allocation", None)
    assert taken(row) == "no utilisation reported"


def test_a_calibrated_run_is_as_sure_as_its_calibration(marts: Any) -> None:
    (run,) = marts.rows("select * from fct_runs where run_id = 'hall-asked-0.3'")
    assert run["energy_method"] == "calibrated"
    (calibration,) = marts.rows(
        "select * from fct_calibration where calibration_id = ?", run["calibration_id"]
    )
    (source,) = marts.rows(
        "select * from fct_run_uncertainty"
        " where run_id = 'hall-asked-0.3' and source_key like '%:' || ?",
        run["calibration_id"],
    )
    calibrated = marts.components("hall-asked-0.3")["accelerator"]["it_energy_kwh"] * 1.5
    assert source["sigma_kwh"] == pytest.approx(calibrated * calibration["log_sd"], rel=1e-9)
    assert source["log_sd"] == calibration["log_sd"]
    assert source["log_sd_source"] == "errors of the calibration on jobs it has not seen"


def test_the_most_is_learned_where_most_energy_is_unsure_and_little_metered(marts: Any) -> None:
    rows = marts.rows("select * from fct_metering_advice order by advice_rank")
    assert [row["advice_rank"] for row in rows] == list(range(1, len(rows) + 1))
    learned = [row["learned_kwh"] for row in rows]
    assert learned == sorted(learned, reverse=True)
    of_hall = [
        row
        for row in rows
        if (row["component"], row["hardware"]) == ("accelerator", FLEETS[0].hardware)
    ]
    # Two named jobs without a meter, and one that was metered for half of its time.
    assert [row["job_name"] for row in of_hall] == ["hall-asked", "hall-silent", "hall-half"]
    assert {row["metered_jobs"] for row in of_hall} == {31}
    unmetered = sum(row["job_energy_kwh"] for row in of_hall)
    for turn, row in enumerate(of_hall, start=1):
        assert row["unmetered_energy_kwh"] == pytest.approx(unmetered, rel=1e-9)
        jobs = 31 + turn
        expected = row["sigma_kwh"] / math.sqrt(jobs * (jobs + 1))
        assert row["learned_kwh"] == pytest.approx(expected, rel=1e-9)
    # A calibrated job is as unsure as its calibration, one of unknown load as the prior says.
    (calibrated,) = marts.rows(
        "select log_sd from fct_calibration where calibration_id ="
        " (select calibration_id from fct_runs where run_id = 'hall-asked-0.3')"
    )
    sigma = 0.3 * of_hall[1]["job_energy_kwh"] + calibrated["log_sd"] * (
        of_hall[0]["job_energy_kwh"] + of_hall[2]["job_energy_kwh"]
    )
    assert of_hall[0]["sigma_kwh"] == pytest.approx(sigma, rel=1e-9)
