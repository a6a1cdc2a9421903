"""`explain` on every run of the demo: its arithmetic, redone here, gives the published figures."""

import ast
import json
import math
import operator
from pathlib import Path
from typing import Any

import pytest
from demo_commands import demo_environment, observatory

from observatory import explain, snapshot

OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def redo(node: ast.AST) -> float:
    """A pocket calculator."""
    match node:
        case ast.Expression(body=body):
            return redo(body)
        case ast.BinOp(left=left, op=op, right=right):
            return OPERATIONS[type(op)](redo(left), redo(right))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -redo(operand)
        case ast.Constant(value=value) if type(value) in (int, float):
            return float(value)
    raise AssertionError(ast.dump(node))


@pytest.fixture(scope="module")
def derivations(demo_published: Path) -> list[explain.Derivation]:
    folder = snapshot.current(demo_published)
    with snapshot.connect(folder) as connection:
        ids = connection.execute("select run_id from fct_runs order by run_id").fetchall()
        return [explain.derive(connection, folder.name, run_id) for (run_id,) in ids]


def test_every_step_of_every_run_can_be_redone(derivations: list[explain.Derivation]) -> None:
    assert len(derivations) > 1000
    for derivation in derivations:
        for step in derivation.steps:
            value = redo(ast.parse(step.expression, mode="eval"))
            assert math.isclose(value, step.value, rel_tol=1e-9), (derivation.run_id, step)
            assert step.origin


def test_the_steps_lead_to_the_published_totals(derivations: list[explain.Derivation]) -> None:
    for derivation in derivations:
        steps = {step.name: step.value for step in derivation.steps}
        for name in (
            "it_energy_kwh",
            "facility_energy_kwh",
            "emissions_location_g_co2e",
            "emissions_embodied_g_co2e",
            "water_l",
            "effective_cost",
        ):
            assert steps.get(name) == derivation.totals[name]
        parts = [s.value for s in derivation.steps if s.name.startswith("it_energy_kwh of ")]
        if "it_energy_kwh" in steps:
            assert math.isclose(sum(parts), steps["it_energy_kwh"], rel_tol=1e-9)
        hours = [
            s.value for s in derivation.steps if s.name.startswith("emissions_location_g_co2e in")
        ]
        if "emissions_location_g_co2e" in steps:
            assert math.isclose(sum(hours), steps["emissions_location_g_co2e"], rel_tol=1e-9)
        made = [
            s.value for s in derivation.steps if s.name.startswith("emissions_embodied_g_co2e of ")
        ]
        if "emissions_embodied_g_co2e" in steps:
            assert math.isclose(sum(made), steps["emissions_embodied_g_co2e"], rel_tol=1e-9)


def test_what_is_not_known_is_said(derivations: list[explain.Derivation]) -> None:
    for derivation in derivations:
        for name in (
            "facility_energy_kwh",
            "emissions_location_g_co2e",
            "emissions_embodied_g_co2e",
            "water_l",
            "effective_cost",
        ):
            told = any(text.startswith(name) for text in derivation.unknown)
            assert told == (derivation.totals[name] is None)


def test_figures_are_shown_as_computed_not_only_as_given(
    derivations: list[explain.Derivation],
) -> None:
    for derivation in derivations:
        for step in derivation.steps:
            metered = "meter " in step.origin
            one_part = step.origin.startswith("the sum of")
            billed = step.name == "effective_cost" and step.origin.startswith("billed_")
            if not (metered or one_part or billed):
                assert " " in step.expression, (derivation.run_id, step)
            assert "published arithmetic" not in step.origin, (derivation.run_id, step)


def test_many_hours_with_one_factor_are_one_line(demo_published: Path) -> None:
    folder = snapshot.current(demo_published)
    with snapshot.connect(folder) as connection:
        run_id, hours = connection.execute(
            "select run_id, count(*) from fct_run_hours group by run_id order by 2 desc, 1 limit 1"
        ).fetchall()[0]
        explain_all = explain.HOURS_SHOWN_ONE_BY_ONE
        explain.HOURS_SHOWN_ONE_BY_ONE = hours - 1  # type: ignore[misc]
        try:
            derivation = explain.derive(connection, folder.name, run_id)
        finally:
            explain.HOURS_SHOWN_ONE_BY_ONE = explain_all  # type: ignore[misc]
    (step,) = [s for s in derivation.steps if s.name.startswith("emissions_location_g_co2e in ")]
    assert f"in {hours} hours from " in step.name
    assert math.isclose(redo(ast.parse(step.expression, mode="eval")), step.value, rel_tol=1e-9)


def test_the_command_prints_both_ways(
    demo_data: Path, derivations: list[explain.Derivation]
) -> None:
    derivation = max(derivations, key=lambda d: len(d.inputs))
    environment = demo_environment(demo_data)
    printed = observatory("explain", derivation.run_id, "--json", env=environment, cwd=demo_data)
    assert printed.returncode == 0, printed.stderr
    plain: dict[str, Any] = json.loads(printed.stdout)
    assert {"run_id", "facts", "inputs", "steps", "totals"} <= set(plain)
    assert plain["facts"]["source_file"]
    assert plain["facts"]["delivery_id"]
    assert plain["facts"]["received_at_utc"].endswith("Z")
    assert {"name", "expression", "value", "unit", "origin"} == set(plain["steps"][0])
    text = explain.as_text(derivation)
    for step in derivation.steps:
        assert step.expression in text
    for row in derivation.inputs:
        for rung in row["rungs_considered"].split("; "):
            assert f"        {rung}\n" in text
    assert "90 % interval" in text
    for source in derivation.uncertainty:
        assert source["source_key"] in text


def test_the_sources_of_error_come_with_their_shares_largest_first(
    derivations: list[explain.Derivation],
) -> None:
    for derivation in derivations:
        if not derivation.totals["emissions_location_g_co2e"]:
            continue
        shares = [source["emissions_variance_ratio"] for source in derivation.uncertainty]
        assert shares == sorted(shares, reverse=True)
        assert math.isclose(sum(shares), 1, rel_tol=1e-9)
        assert all(source["log_sd_source"] for source in derivation.uncertainty)


def test_an_unknown_run_names_the_nearest(demo_data: Path) -> None:
    printed = observatory(
        "--json", "explain", "slurm:lyra:4821", env=demo_environment(demo_data), cwd=demo_data
    )
    assert printed.returncode == 1
    assert "slurm:lyra:4821" in json.loads(printed.stdout)["message"].partition("nearest are")[2]


@pytest.mark.parametrize("text", ["__import__('os')", "2 ** 9", "a + 1", "1 +", "1 / 0", "'x'"])
def test_only_arithmetic_is_evaluated(text: str) -> None:
    with pytest.raises(ValueError, match=r"not arithmetic|only numbers"):
        explain.evaluate(text)


def test_long_sums_are_evaluated() -> None:
    assert explain.evaluate(explain._sum([0.5] * 20_000)) == 10_000.0
