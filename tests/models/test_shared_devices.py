"""What attempts are charged of the devices they claim, for any readings and claims.

The models are the compiled ones, run over made-up readings. What holds for each device:

- the charges of all attempts add up to what the device used, and that does not depend on who
  claims it: one attempt with all the readings is charged the same;
- the device's power at any time lies between the least and the largest that its readings of that
  time tell, so it used no more than the largest and no less than the least over their union;
- an attempt is charged for the time of its own claims alone, and never more than the device used
  in it.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

ROOT = Path(__file__).parents[2]
MODELS = (
    "int_energy__claims",
    "int_energy__readings_apart",
    "int_energy__device_moments",
    "int_energy__readings_once",
)
MIDNIGHT = datetime(2026, 10, 5, tzinfo=UTC)

# The columns that the models read of those before them.
INPUTS = """
create table {schema}.int_energy__readings (
    run_id varchar, attempt bigint, device_key varchar, from_at_utc timestamp,
    to_at_utc timestamp, component varchar, boundary varchar, host_key varchar, meter varchar,
    is_meter boolean, is_exact boolean, energy_j double, devices integer, left_out_reason varchar);
create table {schema}.int_runs__hosts (run_id varchar, attempt bigint, host_key varchar);
create table {schema}.int_runs__intervals (
    run_id varchar, attempt bigint, started_at_utc timestamp, ended_at_utc timestamp);
create table {schema}.int_energy__modelled_power (
    run_id varchar, attempt bigint, machine_w double);
"""


class Reading(NamedTuple):
    """Joules of one device over [start, end), s."""

    run: str
    start: int
    end: int
    energy_j: int
    is_exact: bool


class Stay(NamedTuple):
    """An attempt on the host of a node meter, with the power that the model gives it."""

    run: str
    start: int
    end: int
    weight: int


@st.composite
def intervals(draw: Any) -> tuple[int, int]:
    start = draw(st.integers(0, 40))
    return start, start + draw(st.integers(1, 20))


@st.composite
def readings(draw: Any) -> Reading:
    start, end = draw(intervals())
    run = draw(st.sampled_from("abc"))
    return Reading(run, start, end, draw(st.integers(0, 5000)), draw(st.booleans()))


@st.composite
def stays(draw: Any) -> list[Stay]:
    """One unbroken stay of some of the runs."""
    runs = draw(st.lists(st.sampled_from("abcd"), unique=True))
    return [Stay(run, *draw(intervals()), draw(st.integers(1, 900))) for run in runs]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    from dbt.cli.main import dbtRunner

    from ingest.landing import Landing
    from observatory.refresh import datasets

    folder: Path = tmp_path_factory.mktemp("shared_devices")
    Landing(folder / "landing").initialise(datasets())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OBSERVATORY_LANDING", str(folder / "landing"))
        patch.setenv("OBSERVATORY_WAREHOUSE", str(folder / "w.duckdb"))
        patch.setenv("DBT_SEND_ANONYMOUS_USAGE_STATS", "false")
        result = dbtRunner().invoke(
            [
                *("--quiet", "compile", "--select", *MODELS),
                *("--project-dir", str(ROOT), "--profiles-dir", str(ROOT)),
                *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs")),
            ]
        )
    assert result.success, result.exception
    nodes = json.loads((folder / "target" / "manifest.json").read_text())["nodes"]
    return {model: nodes[f"model.observatory.{model}"]["compiled_code"] for model in MODELS}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("attach ':memory:' as w; create schema w.intermediate")
        connection.execute(INPUTS.format(schema="w.intermediate"))
        yield connection


def at(second: int) -> datetime:
    return (MIDNIGHT + timedelta(seconds=second)).replace(tzinfo=None)


def charged(
    connection: duckdb.DuckDBPyConnection,
    compiled: dict[str, str],
    told: list[Reading],
    on_host: list[Stay],
) -> dict[str, tuple[float, float, float]]:
    """By attempt: seconds, joules, and joules of the device in its claims."""
    schema = "w.intermediate"
    boundary, component, host = ("node", "all", "h") if on_host else ("component", "cpu", None)
    for table in ("int_energy__readings", "int_runs__hosts", "int_runs__intervals"):
        connection.execute(f"delete from {schema}.{table}")
    connection.execute(f"delete from {schema}.int_energy__modelled_power")
    connection.executemany(
        f"insert into {schema}.int_energy__readings"
        " values (?, 1, 'd', ?, ?, ?, ?, ?, 'm', true, ?, ?, 1, null)",
        [
            (r.run, at(r.start), at(r.end), component, boundary, host, r.is_exact, r.energy_j)
            for r in told
        ],
    )
    for stay in on_host:
        connection.execute(f"insert into {schema}.int_runs__hosts values (?, 1, 'h')", [stay.run])
        connection.execute(
            f"insert into {schema}.int_runs__intervals values (?, 1, ?, ?)",
            [stay.run, at(stay.start), at(stay.end)],
        )
        connection.execute(
            f"insert into {schema}.int_energy__modelled_power values (?, 1, ?)",
            [stay.run, stay.weight],
        )
    for model in MODELS:
        connection.execute(f"create or replace table {schema}.{model} as {compiled[model]}")
    rows = connection.execute(
        f"select run_id, metered_s, energy_kwh, device_energy_kwh"
        f" from {schema}.int_energy__readings_once"
    ).fetchall()
    return {run: (s, kwh * 3.6e6, device * 3.6e6) for run, s, kwh, device in rows}


def power_at(told: list[Reading], second: int) -> Fraction | None:
    """W of the device in the second that begins here, by the definition."""
    for is_exact in (True, False):
        kind = [r for r in told if r.is_exact is is_exact]
        means = {
            (r.start, r.end): [o.energy_j for o in kind if (o.start, o.end) == (r.start, r.end)]
            for r in kind
        }
        apart = {
            (start, end): Fraction(sum(joules), len(joules) * (end - start))
            for (start, end), joules in means.items()
            if not any(s <= start and end <= e and (s, e) != (start, end) for s, e in means)
        }
        covering = [power for (start, end), power in apart.items() if start <= second < end]
        if covering:
            return sum(covering, Fraction(0)) / len(covering)
    return None


def close(value: Fraction | float) -> Any:
    return pytest.approx(float(value), rel=1e-9, abs=1e-6)


@settings(max_examples=150, deadline=None)
@given(told=st.lists(readings(), min_size=1, max_size=12), on_host=st.one_of(st.just([]), stays()))
def test_each_joule_is_charged_once(
    connection: duckdb.DuckDBPyConnection,
    compiled: dict[str, str],
    told: list[Reading],
    on_host: list[Stay],
) -> None:
    runs = charged(connection, compiled, told, on_host)
    powers = {second: power_at(told, second) for second in range(61)}
    known = {second: power for second, power in powers.items() if power is not None}
    claims = {
        run: {s for r in (*told, *on_host) if r.run == run for s in range(r.start, r.end)}
        for run in {r.run for r in (*told, *on_host)}
    }
    weights = {stay.run: stay.weight for stay in on_host}
    if set(weights) != set(claims):
        weights = dict.fromkeys(claims, 1)

    expected = {run: Fraction(0) for run in claims}
    for second, power in known.items():
        claimants = [run for run, seconds in claims.items() if second in seconds]
        for run in claimants:
            total = sum(weights[other] for other in claimants)
            expected[run] += power * weights[run] / total
    metered = {run: seconds & set(known) for run, seconds in claims.items()}
    assert {run: energy_j for run, (_, energy_j, _) in runs.items()} == {
        run: close(energy_j) for run, energy_j in expected.items() if metered[run]
    }
    assert {run: s for run, (s, _, _) in runs.items()} == {
        run: close(len(seconds)) for run, seconds in metered.items() if seconds
    }

    used_j = sum(energy_j for _, energy_j, _ in runs.values())
    assert used_j == close(sum(known.values(), Fraction(0)))
    alone = charged(connection, compiled, [r._replace(run="a") for r in told], [])
    assert used_j == close(alone["a"][1])
    least, largest = (
        sum(
            pick(Fraction(r.energy_j, r.end - r.start) for r in told if r.start <= s < r.end)
            for s in known
        )
        for pick in (min, max)
    )
    assert least - Fraction(1, 1000) <= used_j <= largest + Fraction(1, 1000)
    for _, energy_j, device_j in runs.values():
        assert energy_j <= device_j + 1e-6
