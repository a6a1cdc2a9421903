"""Run published footprints through the models and write what came out beside what was published.

    python scripts/crosscheck.py --cases ../shared/crosscheck/published.csv > docs/crosscheck.md

Each case becomes a run event and a site of its own (its PUE, its grid intensity), in a night of
its own; nothing is recomputed here. Where the publication states the power as measured, the event
carries it as a meter's reading; where it assumed the rated maximum, the run is modelled at full
utilisation. A case whose inputs are incomplete is listed with what is missing.
"""

import argparse
import csv
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb

from observatory.refresh import refresh
from observatory.settings import load_settings

Case = Mapping[str, str]

# What a recomputation may be off, unless the publication's own rounding is coarser.
TOLERANCE = 0.015
# What the models say of a measured run if nobody tells them the measurement.
UNTOLD = "-unmeasured"
JOULES_PER_KWH = 3.6e6

# Why a case is off by more than its tolerance. The test fails for a case that is and is not here.
CAUSES: Mapping[str, str] = {
    "gshard-600b-net": "the paper rounds the days to 3.1 (0.8 % less energy) and the tonnes to 4.3 "
    "(0.8 % more): together 1.6 %",
}


@dataclass(frozen=True)
class Outcome:
    """One published figure beside ours. `published` and `ours` are in the unit of `quantity`."""

    case: Case
    quantity: str  # kWh | tCO2e
    published: float
    ours: float
    tolerance: float
    energy_method: str

    @property
    def ratio(self) -> float:
        """Ours ÷ published."""
        return self.ours / self.published

    @property
    def is_within(self) -> bool:
        """Whether ours is as near as the tolerance asks."""
        return abs(self.ratio - 1) <= self.tolerance


@dataclass(frozen=True)
class Crosscheck:
    """All cases: what was compared, what the models say unaided, what could not be run."""

    outcomes: list[Outcome]
    unaided: list[Outcome]
    not_reproducible: list[tuple[Case, str]]


def read_cases(path: Path) -> list[Case]:
    """The published cases, as they stand in the file."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def missing_inputs(case: Case) -> list[str]:
    """What a case lacks for its energy: the words for a reader."""
    lacks = []
    if not case["accelerator_hours"]:
        lacks.append("accelerator hours")
    if not case["power_watts_per_accelerator"]:
        lacks.append("power per accelerator")
    return lacks


def is_runnable(case: Case) -> bool:
    """Whether the energy follows from the inputs, or the emissions from the published energy."""
    emissions_alone = case["published_kwh"] and case["grid_gco2e_per_kwh"]
    return not missing_inputs(case) or bool(emissions_alone)


def run(cases: Sequence[Case], folder: Path, now: datetime) -> Crosscheck:
    """Run one night in `folder` (empty) with every case that can be run."""
    runnable = [case for case in cases if is_runnable(case)]
    (folder / "observatory.toml").write_text("\n".join(_config(runnable)), encoding="utf-8")
    events = [json.dumps(event) for case in runnable for event in _events(case)]
    (folder / "events.jsonl").write_text("\n".join(events), encoding="utf-8")
    report = refresh(load_settings(folder / "observatory.toml"), now=now)
    with duckdb.connect() as connection:
        rows = connection.execute(
            """
            select run_id, it_energy_kwh, facility_energy_kwh, emissions_location_g_co2e,
                energy_method
            from read_parquet(?)
            """,
            [str(report.published.path / "fct_runs.parquet")],
        ).fetchall()
    runs = {row[0]: row[1:] for row in rows}
    outcomes = [o for case in runnable for o in _compare(case, runs[case["case_id"]])]
    unaided = [
        outcome
        for case in runnable
        if case["case_id"] + UNTOLD in runs
        for outcome in _compare(case, runs[case["case_id"] + UNTOLD])
        if outcome.quantity == "kWh"
    ]
    incomplete = [
        (case, " and ".join(missing_inputs(case))) for case in cases if missing_inputs(case)
    ]
    return Crosscheck(outcomes, unaided, incomplete)


def _config(cases: Sequence[Case]) -> Iterator[str]:
    yield '[sources.run_events]\npath = "events.jsonl"\n'
    for case in cases:
        # Without a PUE the publication speaks of IT energy: facility energy is then the same.
        yield f"[sites.{case['case_id']}]\npue = {case['pue'] or '1.0'}"
        if case["grid_gco2e_per_kwh"]:
            yield f"intensity_g_per_kwh = {case['grid_gco2e_per_kwh']}"


def _events(case: Case) -> Iterator[dict[str, object]]:
    is_energy_given = bool(missing_inputs(case))
    hours = 1.0 if is_energy_given else float(case["accelerator_hours"])
    count = 1.0 if is_energy_given else float(case["n_accelerators"])
    start = datetime(int(case["year"]), 1, 1, tzinfo=UTC)
    stop = start + timedelta(hours=hours / count)
    if is_energy_given:
        energy_j = float(case["published_kwh"]) * JOULES_PER_KWH
    else:
        energy_j = hours * float(case["power_watts_per_accelerator"]) * 3600
    # The accelerators alone: the publication's figure is per accelerator, its host inside or out.
    event: dict[str, object] = {
        "event_id": case["case_id"],
        "event_type": "finished",
        "event_time": stop.isoformat(),
        "run_id": case["case_id"],
        "job_name": case["model"],
        "status": "succeeded",
        "workload_kind": "training",
        "started_at": start.isoformat(),
        "ended_at": stop.isoformat(),
        "duration_s": (stop - start).total_seconds(),
        "region": case["case_id"],
        "vcpus": 0,
        "memory_gib": 0,
        "accelerator_model": case["accelerator_model"],
        "accelerator_count": count,
    }
    if case["power_basis"] == "TDP" and not is_energy_given:
        yield event | {"accelerator_utilization_ratio": 1.0}
        return
    only_accelerators = "GPU energy only" in case["power_basis"]
    reading = {
        "component": "accelerator" if only_accelerators else "all",
        "boundary": "component" if only_accelerators else "node",
        "device_id": "all",
        "method": "nvml" if only_accelerators else "node meter",
        "from": event["started_at"],
        "to": event["ended_at"],
        "energy_j": energy_j,
    }
    if only_accelerators:
        # One reading for all devices is their joules, each device's share of them.
        yield event | {
            "energy": [
                reading | {"device_id": f"gpu-{i}", "energy_j": energy_j / count}
                for i in range(int(count))
            ]
        }
    else:
        yield event | {"energy": [reading]}
    if not is_energy_given:
        name = case["case_id"] + UNTOLD
        yield event | {"event_id": name, "run_id": name}


def _compare(
    case: Case, run: tuple[float | None, float | None, float | None, str]
) -> Iterator[Outcome]:
    it_kwh, facility_kwh, emissions_g, method = run
    kwh = facility_kwh if case["published_kwh_includes_pue"] == "yes" else it_kwh
    if case["published_kwh"] and kwh is not None and not missing_inputs(case):
        yield _outcome(case, "kWh", case["published_kwh"], kwh, method)
    if case["published_tco2e"] and emissions_g is not None:
        yield _outcome(case, "tCO2e", case["published_tco2e"], emissions_g / 1e6, method)


def _outcome(case: Case, quantity: str, published: str, ours: float, method: str) -> Outcome:
    value = float(published)
    return Outcome(case, quantity, value, ours, max(TOLERANCE, precision(published)), method)


def precision(printed: str) -> float:
    """Half a unit of the last significant digit, relative to the value ('3.1' → 0.016)."""
    digits = Decimal(printed).normalize()
    exponent = digits.as_tuple().exponent
    assert isinstance(exponent, int)  # noqa: S101 - finite
    return float(Decimal(5).scaleb(exponent - 1) / abs(digits))


def as_markdown(found: Crosscheck) -> Iterator[str]:
    """The page, line by line."""
    within = sum(outcome.is_within for outcome in found.outcomes)
    yield "# Published results, through our models"
    yield ""
    yield (
        "Made by `scripts/crosscheck.py`: each published campaign is a run of a night of its own, "
        "with the publication's accelerator hours, power, PUE and grid intensity as inputs. The "
        f"tolerance is {TOLERANCE:.1%}, or the publication's own rounding where that is coarser. "
        f"{within} of {len(found.outcomes)} figures are within it."
    )
    yield ""
    yield "| case | hardware | power | rung | figure | published | ours | ours ÷ published | |"
    yield "|---|---|---|---|---|---:|---:|---:|---|"
    for o in found.outcomes:
        yield (
            f"| {o.case['case_id']} | {_hardware(o.case)} | {_power(o.case)} "
            f"| `{o.energy_method}` | {o.quantity} | {o.published:,.6g} | {o.ours:,.6g} "
            f"| {o.ratio:.4f} | {_verdict(o)} |"
        )
    yield ""
    yield (
        "Where the power is the rated maximum (BLOOM) the publication is hours × watts by "
        "construction: it tests arithmetic, not a power model. `measured` rows test how a meter's "
        "reading becomes facility energy and emissions."
    )
    yield ""
    yield "## What the models say without the measurement"
    yield ""
    yield (
        "The measured campaigns again, told only hardware and hours: what the rung `allocation` "
        "is worth. It models the accelerators alone; where the published power holds host, "
        "memory and fans, ours should be lower. No tolerance: these are the errors that "
        "calibration is for."
    )
    yield ""
    yield "| case | measured | published kWh | ours kWh | ours ÷ published |"
    yield "|---|---|---:|---:|---:|"
    for o in found.unaided:
        yield (
            f"| {o.case['case_id']} | {o.case['power_basis']} | {o.published:,.6g} "
            f"| {o.ours:,.6g} | {o.ratio:.2f} |"
        )
    yield ""
    yield "## Not reproducible"
    yield ""
    yield (
        "Energy that does not follow from the inputs given. Where a grid intensity is given, the "
        "emissions of the published energy are compared above."
    )
    yield ""
    yield "| case | what the publication does not give |"
    yield "|---|---|"
    for case, lacks in found.not_reproducible:
        yield f"| {case['case_id']} | {lacks} |"
    yield ""
    yield "## Sources"
    yield ""
    for citation in sorted({o.case["citation"].split(", Table")[0] for o in found.outcomes}):
        yield f"- {citation}"


def _hardware(case: Case) -> str:
    count, model = case["n_accelerators"], case["accelerator_model"]
    return f"{count} × {model}" if count and model else case["hardware"]


def _power(case: Case) -> str:
    if missing_inputs(case):
        return f"the published {float(case['published_kwh']):,.0f} kWh"
    return f"{case['power_watts_per_accelerator']} W, {case['power_basis']}"


def _verdict(outcome: Outcome) -> str:
    if outcome.is_within:
        return f"within {outcome.tolerance:.1%}"
    return CAUSES.get(outcome.case["case_id"], "**not explained**")


def main() -> int:
    """Print the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--cases", type=Path, required=True, help="CSV of published results")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = run(read_cases(arguments.cases), Path(folder), datetime.now(UTC))
    sys.stdout.write("\n".join(as_markdown(found)) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
