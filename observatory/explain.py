"""The derivation of one run, from the published snapshot: every input with its origin, and
arithmetic that can be done again with a pocket calculator.

Nothing is computed anew: each step shows a published figure and the expression that gives it.
"""

import ast
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb

from ingest.errors import ObservatoryError
from observatory import snapshot

Row = dict[str, Any]

# Above this many hours, those with the same factor are shown as one line.
HOURS_SHOWN_ONE_BY_ONE = 48
RELATIVE_TOLERANCE = 1e-9
TERMS_PER_BRACKET = 100

_OPERATIONS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class UnknownRunError(ObservatoryError):
    """No published run has this id; the message names the nearest ones."""

    def __init__(self, run_id: str, nearest: Sequence[str]) -> None:
        near = f"; the nearest are {', '.join(nearest)}" if nearest else ""
        super().__init__(f"no published run has the id {run_id}{near}")
        self.nearest = list(nearest)


@dataclass(frozen=True)
class Step:
    """One figure: `expression` (numbers, + - * / and brackets) evaluates to `value`."""

    name: str
    expression: str
    value: float
    unit: str
    origin: str


@dataclass(frozen=True)
class Derivation:
    """What `explain` prints. `totals` are the run's published figures."""

    run_id: str
    version: str
    facts: Row
    inputs: list[Row]
    steps: list[Step]
    totals: Row
    # Sources of error, the one with the largest share of the variance first.
    uncertainty: list[Row] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)  # a sentence per figure that is not known

    def to_json(self) -> dict[str, Any]:
        """The same as plain data; instants as RFC 3339."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def evaluate(expression: str) -> float:
    """The value of an expression of numbers, + - * / and brackets. Raises ValueError."""
    try:
        return _value(ast.parse(expression.strip(), mode="eval").body)
    except (SyntaxError, ZeroDivisionError, RecursionError) as error:
        raise ValueError(f"not arithmetic: {expression[:200]}") from error


def _value(node: ast.expr) -> float:
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left), _value(node.right))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return float(node.value)  # type: ignore[arg-type]
    raise ValueError("only numbers, + - * / and brackets")


def explain(published: Path, run_id: str) -> Derivation:
    """The derivation of a published run. Raises SnapshotMissing, UnknownRunError."""
    folder = snapshot.current(published)
    with snapshot.connect(folder) as connection:
        return derive(connection, folder.name, run_id)


def derive(connection: duckdb.DuckDBPyConnection, version: str, run_id: str) -> Derivation:
    """The derivation of a run from the marts of an open snapshot; the run may be named as one of
    its sources does. Raises UnknownRunError.
    """
    found = _of_run(connection, "fct_runs", run_id)
    if not found:
        named = snapshot.run_named(connection, run_id)
        if named is None:
            raise UnknownRunError(run_id, _nearest(connection, run_id))
        run_id = named
        found = _of_run(connection, "fct_runs", run_id)
    run = found[0]
    inputs = _of_run(connection, "fct_run_energy_inputs", run_id)
    hours = _of_run(connection, "fct_run_hours", run_id)
    hours.sort(key=lambda row: row["hour_start_utc"])
    embodied = _of_run(connection, "fct_run_embodied", run_id)
    embodied.sort(key=lambda row: (row["attempt"], row["part"] != "server"))
    intensities = _of_run(connection, "fct_run_sci", run_id)
    intensities.sort(key=lambda row: row["kpi_name"] or "")
    inputs.sort(key=lambda row: (row["attempt"], row["component"]))
    cost_parts = _of_run(connection, "fct_run_cost_parts", run_id)
    cost_parts.sort(key=lambda row: row["part_number"])
    _label(inputs, "component")
    _label(embodied, "part")
    sources = _of_run(connection, "fct_run_uncertainty", run_id)
    sources.sort(key=lambda row: (*(-(row[share] or 0.0) for share in _SHARES), row["source_key"]))
    steps = [
        *_energy_steps(run, inputs),
        *_facility_steps(run),
        *_emission_steps(run, hours),
        *_embodied_steps(run, embodied),
        *_water_steps(run),
        *_intensity_steps(intensities),
        *_cost_steps(run, cost_parts),
    ]
    return Derivation(
        run_id=run_id,
        version=version,
        facts={name: value for name, value in run.items() if name not in _FIGURES},
        inputs=inputs,
        steps=steps,
        totals={name: run.get(name) for name in _FIGURES if name in run},
        uncertainty=sources,
        unknown=list(_unknown(run, inputs, embodied)),
    )


_FIGURES = (
    "it_energy_kwh",
    "facility_energy_kwh",
    "facility_energy_kwh_p05",
    "facility_energy_kwh_p95",
    "emissions_location_g_co2e",
    "emissions_location_g_co2e_p05",
    "emissions_location_g_co2e_p95",
    "emissions_market_g_co2e",
    "emissions_embodied_g_co2e",
    "emissions_embodied_g_co2e_p05",
    "emissions_embodied_g_co2e_p95",
    "water_l",
    "effective_cost",
    "cost_currency",
)
_SHARES = ("emissions_variance_ratio", "energy_variance_ratio", "embodied_variance_ratio")


def _of_run(connection: duckdb.DuckDBPyConnection, mart: str, run_id: str) -> list[Row]:
    # A snapshot of an earlier version may lack a mart.
    views = snapshot.rows(connection, "from duckdb_views() where view_name = ?", [mart])
    if not views:
        return []
    return snapshot.rows(connection, f"select * from {mart} where run_id = ?", [run_id])  # noqa: S608


def _label(rows: Sequence[Row], column: str) -> None:
    """Names each row after its column, and after its attempt where there are several."""
    several = len({row["attempt"] for row in rows}) > 1
    for row in rows:
        row["label"] = row[column] + (f" in attempt {row['attempt']}" if several else "")


def _nearest(connection: duckdb.DuckDBPyConnection, run_id: str) -> list[str]:
    near = snapshot.rows(
        connection,
        """
        select run_id
        from fct_runs
        order by
            contains(run_id, $1) desc, jaro_winkler_similarity(run_id, $1) desc, run_id
        limit 5
        """,
        [run_id],
    )
    return [row["run_id"] for row in near]


def _energy_steps(run: Row, inputs: Sequence[Row]) -> Iterator[Step]:
    known = [row for row in inputs if row["it_energy_kwh"] is not None]
    for row in known:
        metered = row["measured_energy_kwh"] is not None and row["covered_ratio"] == 1
        model = _sentence(
            row["power_basis"], row["power_factor_key"], _source(row["power_source_id"])
        )
        if row["quantity_arithmetic"] and row["quantity"] is not None and not metered:
            yield _step(
                f"quantity of {row['label']}",
                row["quantity_arithmetic"],
                row["quantity"],
                row["quantity_unit"],
                _sentence(row["hardware_origin"]),
            )
        is_computed = " " in (row["power_arithmetic"] or "")
        if row["power_w_per_unit"] is not None and is_computed and not metered:
            yield _step(
                f"power_w_per_unit of {row['label']}",
                row["power_arithmetic"],
                row["power_w_per_unit"],
                "W",
                model,
            )
        yield _step(
            f"it_energy_kwh of {row['label']}",
            row["arithmetic"],
            row["it_energy_kwh"],
            "kWh",
            _sentence(
                row["energy_method"],
                row["meter"] and f"{_teller(row)} {row['meter']}",
                row.get("calibration_id") and f"calibration {row['calibration_id']}",
                None if metered else model,
            ),
        )
    if run["it_energy_kwh"] is not None:
        yield _step(
            "it_energy_kwh",
            _sum(row["it_energy_kwh"] for row in known),
            run["it_energy_kwh"],
            "kWh",
            "the sum of the components",
        )


def _teller(row: Row) -> str:
    return "told by" if row["energy_method"] == "external_estimate" else "meter"


def _facility_steps(run: Row) -> Iterator[Step]:
    energy, pue, facility = (
        run[name] for name in ("it_energy_kwh", "pue_ratio", "facility_energy_kwh")
    )
    if facility is None:
        return
    yield _step(
        "facility_energy_kwh",
        f"{energy!r} * {pue!r}" if energy is not None and pue is not None else None,
        facility,
        "kWh",
        _sentence(
            "IT energy × PUE" if pue is not None else "no PUE applies",
            run.get("pue_resolution"),
            run.get("pue_year") and f"of {run['pue_year']}",
            run.get("pue_age_years") and f"{run['pue_age_years']:g} year(s) old",
            _source(run.get("pue_source_id")),
        ),
    )


def _emission_steps(run: Row, hours: Sequence[Row]) -> Iterator[Step]:
    emissions = run["emissions_location_g_co2e"]
    known = [
        row
        for row in hours
        if row["emissions_location_g_co2e"] is not None
        and row["facility_energy_kwh"] is not None
        and row["grid_intensity_g_per_kwh"] is not None
    ]
    parts: list[float] = []
    for name, energy, value, sample in _hour_groups(known):
        parts.append(value)
        yield _step(
            f"emissions_location_g_co2e {name}",
            f"{energy!r} * {sample['grid_intensity_g_per_kwh']!r}",
            value,
            "gCO2e",
            _sentence(
                "facility kWh × grid intensity",
                f"zone {sample.get('factor_zone') or run.get('grid_zone_id')}",
                sample["factor_resolution"],
                sample["factor_year"] and f"of {sample['factor_year']}",
                sample.get("factor_version") and f"version {sample['factor_version']}",
                _published_on(run, sample),
                _source(sample.get("factor_source_id")),
            ),
        )
    if emissions is not None:
        yield _step(
            "emissions_location_g_co2e", _sum(parts), emissions, "gCO2e", "the sum of the hours"
        )


def _published_on(run: Row, hour: Row) -> str | None:
    """The run names the publication of one factor: say it of the hours that have that one."""
    same = all(run[name] == hour[name] for name in ("factor_version", "factor_year"))
    known = run.get("factor_published_on")
    return f"published {known}" if same and known else None


def _hour_groups(hours: Sequence[Row]) -> Iterator[tuple[str, float, float, Row]]:
    """(name, kWh, gCO2e, a row of it) per hour, or per factor when there are many hours."""
    if len(hours) <= HOURS_SHOWN_ONE_BY_ONE:
        for row in hours:
            name = f"in the hour of {_instant(row['hour_start_utc'])}"
            yield name, row["facility_energy_kwh"], row["emissions_location_g_co2e"], row
        return
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in hours:
        # An hour of two attempts has the mean of their intensities: equal but for the last digits.
        factor = (
            float(f"{row['grid_intensity_g_per_kwh']:.12g}"),
            *(
                row.get(name)
                for name in (
                    "factor_resolution",
                    "factor_version",
                    "factor_source_id",
                    "factor_zone",
                    "factor_year",
                )
            ),
        )
        groups.setdefault(factor, []).append(row)
    for rows in groups.values():
        first, last = rows[0]["hour_start_utc"], rows[-1]["hour_start_utc"]
        yield (
            f"in {len(rows)} hours from {_instant(first)} to {_instant(last)} with one factor",
            math.fsum(row["facility_energy_kwh"] for row in rows),
            math.fsum(row["emissions_location_g_co2e"] for row in rows),
            rows[0],
        )


def _embodied_steps(run: Row, embodied: Sequence[Row]) -> Iterator[Step]:
    known = [row for row in embodied if row["emissions_embodied_g_co2e"] is not None]
    for row in known:
        span = row["low_kg_co2e"] is not None and row["high_kg_co2e"] is not None
        factor = _sentence(
            row["embodied_method"],
            row["factor_key"],
            span and f"published from {row['low_kg_co2e']:g} to {row['high_kg_co2e']:g} kg",
            _source(row["source_id"]),
        )
        if " " in row["kg_arithmetic"]:
            yield _step(
                f"embodied_kg_co2e of {row['label']}",
                row["kg_arithmetic"],
                row["kg_co2e"],
                "kgCO2e",
                factor,
            )
        yield _step(
            f"embodied_quantity of {row['label']}",
            row["quantity_arithmetic"],
            row["quantity"],
            row["quantity_unit"],
            _sentence(
                "vCPUs held ÷ the server's × machines"
                if row["part"] == "server"
                else "accelerators × share × machines",
                row["hardware_origin"],
            ),
        )
        yield _step(
            f"emissions_embodied_g_co2e of {row['label']}",
            row["arithmetic"],
            row["emissions_embodied_g_co2e"],
            "gCO2e",
            _sentence("kg × 1000 × quantity × hours held ÷ hours of life", factor),
        )
    if run["emissions_embodied_g_co2e"] is not None:
        yield _step(
            "emissions_embodied_g_co2e",
            _sum(row["emissions_embodied_g_co2e"] for row in known),
            run["emissions_embodied_g_co2e"],
            "gCO2e",
            "the sum of the parts",
        )


def _water_steps(run: Row) -> Iterator[Step]:
    energy, wue, water = (run.get(name) for name in ("it_energy_kwh", "wue_l_per_kwh", "water_l"))
    if water is None:
        return
    yield _step(
        "water_l",
        f"{energy!r} * {wue!r}" if wue is not None else None,
        water,
        "L",
        _sentence(
            "IT energy × litres used on site",
            run.get("water_resolution"),
            run.get("wue_year") and f"of {run['wue_year']}",
            run.get("wue_age_years") and f"{run['wue_age_years']:g} year(s) old",
            _source(run.get("water_source_id")),
        ),
    )


def _intensity_steps(intensities: Sequence[Row]) -> Iterator[Step]:
    for row in intensities:
        if row["sci_g_co2e_per_unit"] is not None:
            yield _step(
                f"sci_g_co2e_per_unit of {row['kpi_name']}",
                row["arithmetic"],
                row["sci_g_co2e_per_unit"],
                f"gCO2e/{row['kpi_unit']}",
                f"operational and embodied emissions ÷ metric {row['metric_name']}",
            )


def _cost_steps(run: Row, parts: Sequence[Row]) -> Iterator[Step]:
    """Each part: its share of what it is part of, or hours × price, then its exchange rate."""
    for part in parts:
        name = f"cost by {part['cost_method']}" + (
            f" of {part['resource_id']}" if part["resource_id"] else ""
        )
        lines = part["charge_rows"]
        yield _step(
            name,
            _part_arithmetic(part),
            part["part_cost"],
            part["part_currency"],
            _sentence(
                part["cost_method"],
                part["share_text"] + _hours_shared(part),
                part["cost_origin"] + (f" and {lines - 1} more of the bill" if lines > 1 else ""),
                "imputed, not on a bill" if part["is_imputed"] else None,
            ),
        )
        if part["exchange_rate"] is not None and part["part_currency"] != part["cost_currency"]:
            yield _step(
                f"{name} in {part['cost_currency']}",
                f"{part['part_cost']!r} * {part['exchange_rate']!r}",
                part["effective_cost"],
                part["cost_currency"],
                _sentence("at the rate of each day", part["rate_origin"]),
            )
    if run["effective_cost"] is not None:
        known = [part["effective_cost"] for part in parts]
        yield _step(
            "effective_cost",
            _sum(known) if parts and None not in known else None,
            run["effective_cost"],
            str(run["cost_currency"]),
            _sentence(
                "the sum of the parts" if parts else None,
                run["cost_method"],
                run.get("cost_origin"),
                "imputed, not on a bill" if run.get("is_imputed") else None,
            ),
        )


def _part_arithmetic(part: Row) -> str | None:
    if part["price_per_hour"] is not None and part["part_hours"] is not None:
        return f"{part['part_hours']!r} * {part['price_per_hour']!r}"
    if part["whole_cost"]:
        return f"{part['part_cost'] / part['whole_cost']!r} * {part['whole_cost']!r}"
    return None


def _hours_shared(part: Row) -> str:
    if part["part_hours"] is None or part["whole_hours"] is None:
        return ""
    return f" × {part['part_hours']:.6g} h of {part['whole_hours']:.6g} h"


def _unknown(run: Row, inputs: Sequence[Row], embodied: Sequence[Row]) -> Iterator[str]:
    reason = run.get("missing_reason")
    for row in inputs:
        if row["it_energy_kwh"] is None:
            yield f"energy of {row['label']}: {row.get('missing_reason') or reason}"
    for row in embodied:
        if row["emissions_embodied_g_co2e"] is None:
            yield f"manufacture of {row['label']}: {row['missing_reason']}"
    for name, why in (
        ("facility_energy_kwh", reason),
        ("emissions_location_g_co2e", reason),
        ("emissions_embodied_g_co2e", run.get("missing_embodied_reason")),
        ("water_l", run.get("missing_water_reason")),
        ("effective_cost", run.get("missing_cost_reason") or reason),
    ):
        if run[name] is None:
            yield f"{name}: {why or 'no reason given'}"


def _step(name: str, expression: str | None, value: float, unit: str, origin: str) -> Step:
    """A step; an expression that does not give the published figure is not shown as if it did."""
    if expression is not None:
        try:
            given = evaluate(expression)
        except ValueError:
            given = math.nan
        if math.isclose(given, value, rel_tol=RELATIVE_TOLERANCE):
            return Step(name, expression, value, unit, origin)
        origin = f"{origin}; published arithmetic: {expression}"
    return Step(name, repr(float(value)), value, unit, origin)


def _sum(parts: Iterable[float]) -> str:
    """The parts with + between them; in brackets of 100, which no parser finds too deep."""
    terms = [repr(float(part)) for part in parts]
    while len(terms) > TERMS_PER_BRACKET:
        terms = [
            f"({' + '.join(terms[start : start + TERMS_PER_BRACKET])})"
            for start in range(0, len(terms), TERMS_PER_BRACKET)
        ]
    return " + ".join(terms) or "0"


def _sentence(*parts: Any) -> str:
    return ", ".join(str(part) for part in parts if part)


def _source(source_id: Any) -> str | None:
    return f"source {source_id}" if source_id else None


def _instant(value: Any) -> str:
    return f"{value:%Y-%m-%dT%H:%M}Z" if isinstance(value, datetime) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime):
        text = value.isoformat()
        return text if value.tzinfo is not None else f"{text}Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def as_text(derivation: Derivation) -> str:
    """The derivation as a person reads it."""
    facts, lines = derivation.facts, [f"Run {derivation.run_id}"]

    def fact(name: str, *parts: Any) -> None:
        text = " · ".join(str(part) for part in parts if part)
        if text:
            lines.append(f"  {name:<10}{text}")

    def times(count: Any, what: Any) -> str | None:
        return f"{count:g} × {what}" if count is not None and what else what

    get = facts.get
    fact("job", get("job_name"), get("pipeline"), get("step"), get("workload_kind"), get("status"))
    fact("who", get("owner"), get("team"), get("project"))
    fact("model", get("model_name"), get("model_version"), get("dataset_name"), get("git_commit"))
    if get("duration_s") is not None:
        start, end = _instant(get("started_at_utc")), _instant(get("ended_at_utc"))
        fact("when", f"{start} to {end}", f"{facts['duration_s'] / 3600:.6g} h")
    fact(
        "hardware",
        times(get("instance_count"), get("instance_type")),
        times(get("accelerator_count"), get("accelerator_model")),
        get("vcpu_hours") is not None and f"{get('vcpu_hours'):.6g} vCPU h",
        bool(get("accelerator_hours")) and f"{get('accelerator_hours'):.6g} accelerator h",
    )
    fact("where", get("provider"), get("region"), get("zone"), get("grid_zone_id"))
    fact(
        "read from",
        get("source"),
        get("source_file") and f"{get('source_file')} row {get('source_row')}",
        get("delivery_id") and f"delivery {get('delivery_id')}",
        get("received_at_utc") and f"received {_instant(get('received_at_utc'))}",
    )
    fact("snapshot", derivation.version)
    lines.append("")
    labelled = {f"it_energy_kwh of {row['label']}": row for row in derivation.inputs}
    said = about = ""
    for step in derivation.steps:
        if (about_now := _subject(step.name)) != about:
            lines += ["", about_now] if about else [about_now]
            about = about_now
        lines.append(f"{step.name} = {_rounded(step.value)} {step.unit}")
        lines.append(f"    {step.expression}")
        lines.append(f"    {step.origin if step.origin != said else '(the same)'}")
        said = step.origin
        lines += _indented(_input_lines(labelled.get(step.name)))
    if derivation.uncertainty:
        lines += ["", "HOW SURE", *_uncertainty_lines(derivation)]
    if derivation.unknown:
        lines += ["", "NOT KNOWN", *derivation.unknown]
        for row in derivation.inputs:
            if row["it_energy_kwh"] is None and row.get("rungs_considered"):
                lines += [f"of the energy of {row['label']}", *_indented(_rung_lines(row))]
    return "\n".join(lines)


def _uncertainty_lines(derivation: Derivation) -> Iterator[str]:
    """The intervals, then each source of error: its share of each variance, how sure it is."""
    for name, unit in (
        ("facility_energy_kwh", "kWh"),
        ("emissions_location_g_co2e", "gCO2e"),
        ("emissions_embodied_g_co2e", "gCO2e"),
    ):
        low, value, high = (derivation.totals.get(f"{name}{end}") for end in ("_p05", "", "_p95"))
        if low is not None and value is not None and high is not None:
            yield (
                f"{name} = {_rounded(value)} {unit}, 90 % interval {_rounded(low)} to "
                f"{_rounded(high)} {unit}"
            )
    yield "share of the variance of: emissions    energy  embodied"
    for source in derivation.uncertainty:
        emissions, energy, embodied = (_share(source[share]) for share in _SHARES)
        yield f"{emissions:>34}{energy:>10}{embodied:>10}   {source['source_key']}"
        origin = _sentence(source["log_sd_source"], source["log_sd_note"])
        yield f"{'':57}log-sd {source['log_sd']:.6g}: {origin}"


def _share(ratio: float | None) -> str:
    return "unknown" if ratio is None else f"{ratio:.1%}"


def _subject(name: str) -> str:
    subjects = {
        "facility": "FACILITY ENERGY",
        "emissions_location": "EMISSIONS",
        "emissions_embodied": "EMBODIED EMISSIONS",
        "embodied": "EMBODIED EMISSIONS",
        "water": "WATER ON SITE",
        "sci": "SOFTWARE CARBON INTENSITY",
        "cost": "COST",
        "effective": "COST",
    }
    found = (subject for start, subject in subjects.items() if name.startswith(start))
    return next(found, "IT ENERGY")


def _indented(texts: Iterable[str]) -> list[str]:
    return [f"    {text}" for text in texts]


def _input_lines(row: Row | None) -> Iterator[str]:
    if row is None:
        return
    if row.get("quantity") is not None:
        power = row.get("power_w_per_unit")
        yield (
            f"{row['quantity']:.6g} {row['quantity_unit']}"
            + (f" at {power:.6g} W each" if power is not None else "")
            + (f" for {row['hours']:.6g} h" if row.get("hours") is not None else "")
        )
    if row.get("utilization_ratio") is not None:
        yield f"utilisation {row['utilization_ratio']:.6g} ({row['utilization_origin']})"
    if row.get("measured_energy_kwh") is not None:
        covered = row.get("covered_ratio")
        share = f", {covered:.1%} of the time covered" if covered is not None else ""
        devices = row.get("devices_energy_kwh")
        shared = ""
        if devices is not None and not math.isclose(devices, row["measured_energy_kwh"]):
            shared = f", its part of {devices:.6g} kWh that the devices used"
        yield (
            f"measured {row['measured_energy_kwh']:.6g} kWh{shared}{share},"
            f" boundary {row['boundary']}"
        )
    yield from _rung_lines(row)


def _rung_lines(row: Row) -> Iterator[str]:
    """Each rung of the ladder on a line of its own."""
    if row.get("rungs_considered"):
        yield "rungs considered:"
        yield from (f"    {rung}" for rung in row["rungs_considered"].split("; "))


def _rounded(value: float) -> str:
    return f"{value:,.1f}" if abs(value) >= 1e6 else f"{value:.6g}"
