"""Fleets of metered machines whose true power is known, and a plain calibration of them in numpy:
for the tests of the models that do the same in SQL.

The truth of a machine is s·E + c·units·t + q·√u·units·t of what our model says of it (E), with
noise, some outliers and one bad meter. Everything is drawn from a fixed seed.
"""

import csv
import hashlib
import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

START = datetime(2026, 2, 10, tzinfo=UTC)
LOADS = (0.0, 0.1, 0.5, 1.0)
FOLDS = 50

Row = Mapping[str, Any]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Machine:
    """A type of machine, what our model says one unit draws at 0, 10, 50 and 100 % (W), and what it
    does in truth."""

    name: str
    hardware: str
    units: int
    curve_w: tuple[float, float, float, float]
    component: str
    scale: float = 1.0
    constant_w: float = 0.0
    sqrt_w: float = 0.0
    noise: float = 0.0

    def host(self) -> str:
        lines = [f"[sites.yard.hosts.{self.name}]", "memory_gib = 64"]
        if self.component == "accelerator":
            lines += [
                "vcpus = 32",
                'cpu_model = "AMD EPYC 7763"',
                f'accelerator_model = "{self.hardware}"',
                f"accelerator_count = {self.units}",
            ]
        else:
            lines += [f"vcpus = {self.units}", f'cpu_model = "{self.hardware}"']
        return "\n".join(lines) + "\n"

    def modelled_w(self, load: float) -> float:
        return float(np.interp(load, LOADS, self.curve_w)) * self.units

    def true_w(self, load: float) -> float:
        unseen = self.constant_w + self.sqrt_w * math.sqrt(load)
        return self.scale * self.modelled_w(load) + unseen * self.units


def gpu_curve(idle_w: float, max_w: float) -> tuple[float, float, float, float]:
    first, second, third, last = (idle_w + (max_w - idle_w) * g for g in (0, 0.2, 0.6, 1))
    return (first, second, third, last)


EPYC_2 = (0.5195, 0.9062, 1.4219, 1.9219)
EPYC_3 = (0.4766, 0.75, 1.0977, 1.7695)
FLEETS = (
    Machine(
        "hall", "NVIDIA A100 SXM4 80GB", 4, gpu_curve(65, 400), "accelerator", 0.85, 20, 0, 0.04
    ),
    Machine(
        "nave", "NVIDIA H100 PCIe 80GB", 8, gpu_curve(53.2, 350), "accelerator", 1.15, -12, 0, 0.04
    ),
    Machine("cell", "NVIDIA L4", 1, gpu_curve(13.1, 72), "accelerator", 0.7, 0, 0, 0.04),
    Machine("loft", "AMD EPYC 7763", 32, EPYC_3, "cpu", 0.6, 0.1, 0.3, 0.06),
    Machine("shed", "AMD EPYC 7742", 64, EPYC_2, "cpu", 0.8, 0.3, 0, 0.06),
)
FEW = Machine("attic", "NVIDIA L40S", 2, gpu_curve(25.5, 350), "accelerator", 0.7)
LONE = Machine("crypt", "NVIDIA A10", 2, gpu_curve(10.3, 150), "accelerator", 0.7)
EXACT = Machine("vault", "NVIDIA P4", 2, gpu_curve(7, 75), "accelerator")
METHODS = {"accelerator": "nvml_energy", "cpu": "rapl", "all": "ipmi"}
OUTLYING = 1.8
BAD_METER = 0.3


def run(
    machine: Machine,
    run_id: str,
    job: str,
    load: float,
    hours: float,
    power_w: float | None,
    **more: Any,
) -> dict[str, Any]:
    """A run on one such machine, all of it metered at `power_w`, or none where that is None."""
    ended = START + timedelta(hours=hours)
    told: dict[str, Any] = {
        "event_id": run_id,
        "event_type": "finished",
        "event_time": ended.isoformat(),
        "run_id": run_id,
        "job_name": job,
        "status": "succeeded",
        "duration_s": hours * 3600,
        "instance_type": machine.name,
        "region": "yard",
        "workload_kind": "training",
    }
    kind = "accelerator" if machine.component == "accelerator" else "cpu"
    told[f"{kind}_utilization_ratio"] = load
    if power_w is not None:
        devices = machine.units if kind == "accelerator" else 1
        told["energy"] = [
            {
                "component": machine.component,
                "device_id": f"device-{device}",
                "method": METHODS[machine.component],
                "boundary": "node" if machine.component == "all" else "component",
                "from": START.isoformat(),
                "to": ended.isoformat(),
                "energy_j": power_w * hours * 3600 / devices,
            }
            for device in range(devices)
        ]
    return told | more


def fleet(machine: Machine, seed: int) -> Iterator[dict[str, Any]]:
    """30 jobs of two runs each, of which two are outliers; and one job with a bad meter."""
    draw = random.Random(seed)  # noqa: S311
    for job in range(30):
        for part in range(2):
            load, hours = draw.uniform(0.15, 0.98), draw.uniform(0.5, 12)
            power_w = machine.true_w(load) * math.exp(draw.gauss(0, machine.noise))
            if (job, part) in ((7, 0), (21, 1)):
                power_w *= OUTLYING
            name = f"{machine.name}-{job}"
            yield run(machine, f"{name}-{part}", name, load, hours, power_w)


def bad_meter(machine: Machine) -> Iterator[dict[str, Any]]:
    for part, load in enumerate((0.3, 0.6, 0.9)):
        name = f"{machine.name}-bad-meter"
        power_w = BAD_METER * machine.true_w(load)
        yield run(machine, f"{name}-{part}", name, load, 2.0, power_w)


def too_few() -> Iterator[dict[str, Any]]:
    """Two runs of two jobs; five of one; six that are as modelled."""
    for part, load in enumerate((0.4, 0.8)):
        yield run(FEW, f"few-{part}", f"few-{part}", load, 2.0, FEW.true_w(load))
    for part, load in enumerate((0.2, 0.4, 0.6, 0.8, 0.9)):
        yield run(LONE, f"lone-{part}", "lone", load, 2.0, LONE.true_w(load))
    for part, load in enumerate((0.2, 0.3, 0.5, 0.6, 0.8, 0.9)):
        yield run(EXACT, f"exact-{part}", f"exact-{part}", load, 2.0, EXACT.true_w(load))


WHOLE = Machine("byre", "AMD EPYC 7763", 64, EPYC_3, "all", 1.4, 1.5)


def at_the_node() -> Iterator[dict[str, Any]]:
    """Six runs of three jobs on machines with a meter of the whole: it sees more than we model."""
    for part, load in enumerate((0.15, 0.3, 0.5, 0.6, 0.8, 0.95)):
        name = f"{WHOLE.name}-{part}"
        yield run(WHOLE, name, f"{WHOLE.name}-{part % 3}", load, 2.0, WHOLE.true_w(load))


def unmetered() -> Iterator[dict[str, Any]]:
    """Runs that nobody metered, or only in part, of each of the machines above."""
    for machine in (*FLEETS, FEW, WHOLE):
        for load in (0.3, 0.7):
            name = f"{machine.name}-asked-{load}"
            yield run(machine, name, f"{machine.name}-asked", load, 3.0, None)
    hall, cell = FLEETS[0], FLEETS[2]
    for part, load in enumerate((0.3, 0.5, 0.7)):
        power_w = 3 * cell.true_w(load)
        yield run(cell, f"serves-{part}", "serves", load, 2, power_w, workload_kind="inference")
    yield run(cell, "serves-asked", "serves", 0.5, 2, None, workload_kind="inference")
    yield run(
        hall, "hall-silent", "hall-silent", 0.5, 3.0, None, accelerator_utilization_ratio=None
    )
    yield half(run(hall, "hall-half", "hall-half", 0.5, 3.0, hall.true_w(0.5)))
    yield half(run(WHOLE, "byre-half", "byre-half", 0.5, 3.0, WHOLE.true_w(0.5)))


def half(told: dict[str, Any]) -> dict[str, Any]:
    """The same, metered in the second half of its time alone."""
    since = datetime.fromisoformat(told["event_time"]) - timedelta(seconds=told["duration_s"] / 2)
    for reading in told["energy"]:
        reading |= {"from": since.isoformat(), "energy_j": reading["energy_j"] / 2}
    return told


PROCESSORS = {
    "AMD EPYC 8024P": 16,
    "Intel(R) Xeon(R) CPU E3-1240 V2": 8,
    "Intel(R) Xeon(R) CPU E5-2620 v3": 24,
}
MICROARCHITECTURES = {
    "AMD EPYC 8024P": "EPYC 4th Gen",
    "Intel(R) Xeon(R) CPU E3-1240 V2": "Ivy Bridge",
    "Intel(R) Xeon(R) CPU E5-2620 v3": "Haswell",
}


def sweeps(path: Path) -> tuple[list[Machine], list[dict[str, Any]]]:
    """Measured loads of processors: each sweep a machine, each point from 10 % on a job's run."""
    machines: dict[str, Machine] = {}
    runs = []
    with path.open(newline="") as file:
        for number, line in enumerate(csv.DictReader(file)):
            (processor,) = [name for name in PROCESSORS if line["machine"].startswith(name)]
            name = f"sweep-{list(PROCESSORS).index(processor)}-{line['sweep'].replace('_', '-')}"
            machine = machines.setdefault(
                name,
                Machine(
                    name, MICROARCHITECTURES[processor], PROCESSORS[processor], (0, 0, 0, 0), "cpu"
                ),
            )
            load = float(line["cpu_utilization_pct"]) / 100
            if load >= 0.1:
                job = f"{name}-{number}"
                hours = float(line["duration_s"]) / 3600
                runs.append(run(machine, job, job, load, hours, float(line["rapl_power_w"])))
    return list(machines.values()), runs


def config(machines: Sequence[Machine]) -> str:
    return """
[reporting]
currency = "EUR"

[sources.run_events]
path = "events"

[sites.yard]
grid_zone = "FR"
pue = 1.5

""" + "\n".join(machine.host() for machine in machines)


def lines(runs: Sequence[dict[str, Any]]) -> str:
    return "".join(json.dumps(told) + "\n" for told in runs)


@dataclass(frozen=True)
class Refit:
    """What a plain calibration of one key says."""

    form: int | None
    unknowns: tuple[float, float, float] | None
    predicted: list[float | None]
    outliers: list[bool]
    mape_before: float | None
    mape_after: float | None
    log_sd: float | None
    coverage: float | None


def student_t_90(degrees: int) -> float:
    z = 1.645
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return sum(term / degrees**power for power, term in enumerate(terms))


def refit(points: Sequence[Row]) -> Refit:
    """Fits, choices and scores of one key by brute force: a fit anew for all that is left out."""
    energy, metered, weight, quantity, hours = (
        np.array([float(point[name]) for point in points])
        for name in (
            "modelled_energy_kwh",
            "measured_energy_kwh",
            "weight_energy_kwh",
            "quantity",
            "hours",
        )
    )
    loads = [point["utilization_ratio"] for point in points]
    columns = np.stack(
        [
            energy,
            quantity * hours / 1000,
            np.sqrt([load or 0.0 for load in loads]) * quantity * hours / 1000,
        ],
        axis=1,
    )
    log_ratio = np.log(metered / energy)
    distance = np.abs(log_ratio - np.median(log_ratio))
    tolerance = max(3 * float(np.median(distance)), 0.05)
    outlier = (distance > tolerance) | (np.abs(log_ratio) > math.log(100))
    kept = ~outlier
    jobs = [point["job_name"] or "" for point in points]
    order = sorted(
        set(jobs),
        key=lambda job: (hashlib.md5(job.encode(), usedforsecurity=False).hexdigest(), job),
    )
    fold = np.array([order.index(job) % FOLDS for job in jobs])
    run_count = len({points[i]["run_id"] for i in np.flatnonzero(kept)})
    job_count = len({jobs[i] for i in np.flatnonzero(kept)})
    before = float(np.mean(np.abs(energy / metered - 1)[kept])) if kept.any() else None
    if run_count < 3 or job_count < 2:
        unfitted: list[float | None] = [None] * len(points)
        return Refit(None, None, unfitted, list(outlier), before, None, None, None)
    known = [loads[i] for i in np.flatnonzero(kept)]
    is_spread = None not in known and max(known) - min(known) >= 0.3
    forms = (1, 2, 3) if run_count >= 6 and is_spread else (1, 2)

    rows = columns / weight[:, None]
    target = (metered - energy) / weight

    def fitted(left_out: set[int], form: int) -> Numbers:
        chosen = kept & ~np.isin(fold, list(left_out))
        if not chosen.any():
            return np.array([1.0, 0.0, 0.0])
        mean_run = rows[chosen].mean(axis=0)
        tiny = np.diag(np.sqrt(1e-4 * (rows[chosen] ** 2).mean(axis=0)))
        stacked = np.vstack([rows[chosen], mean_run, tiny])[:, :form]
        stacked = np.delete(stacked, np.arange(len(stacked) - 3 + form, len(stacked)), axis=0)
        wanted = np.concatenate([target[chosen], np.zeros(1 + form)])
        size = np.linalg.norm(stacked, axis=0)
        solved = np.linalg.lstsq(stacked / size, wanted, rcond=None)[0] / size
        return np.concatenate([[1 + solved[0]], solved[1:], np.zeros(3 - form)])

    def predict(unknowns: Numbers) -> Numbers:
        return np.asarray(np.maximum(columns @ unknowns, 0.1 * energy))

    folds = sorted({int(f) for f in fold[kept]})
    errors: dict[tuple[int | None, int], list[float]] = {}
    alone = {(f, form): predict(fitted({f}, form)) for f in folds for form in forms}
    for form in forms:
        for f in folds:
            mine = kept & (fold == f)
            ape = np.abs(alone[f, form] / metered - 1)[mine]
            errors.setdefault((None, form), []).extend(ape)
        for one, two in combinations(folds, 2):
            ape = np.abs(predict(fitted({one, two}, form)) / metered - 1)
            errors.setdefault((two, form), []).extend(ape[kept & (fold == one)])
            errors.setdefault((one, form), []).extend(ape[kept & (fold == two)])

    def best(apart: int | None) -> int:
        return min(forms, key=lambda form: (round(float(np.mean(errors[apart, form])), 9), form))

    form = best(None)
    whole = fitted(set(), form)
    predicted = np.array(
        [
            alone[f, best(f)][i] if f in folds else predict(whole)[i]
            for i, f in enumerate(fold.tolist())
        ]
    )
    residual = np.log(metered / predicted)

    def spread(apart: int | None) -> float:
        chosen = kept & (fold != apart) if apart is not None else kept
        count = len(set(fold[chosen].tolist()))
        if count < 2:
            return math.nan
        variance = float(np.mean(residual[chosen] ** 2)) * count / (count - 1)
        return math.sqrt(variance) * student_t_90(count - 1) / 1.645

    inside = [
        abs(residual[i]) <= 1.645 * spread(int(fold[i])) + 1e-9
        for i in np.flatnonzero(kept)
        if not math.isnan(spread(int(fold[i])))
    ]
    return Refit(
        form,
        (float(whole[0]), float(whole[1]), float(whole[2])),
        [float(p) for p in predicted],
        list(outlier),
        before,
        float(np.mean(np.abs(predicted / metered - 1)[kept])),
        spread(None),
        float(np.mean(inside)) if inside else None,
    )
