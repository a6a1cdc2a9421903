"""The arithmetic of `compare`, on marts written by hand: every part named, nothing left over."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.contracts import empty_rejected
from ingest.landing import Landing
from ingest.sources import focus, run_events, slurm
from observatory.attribution import CAUSES, Attribution, Change, attribute
from observatory.knowledge import Code, State, Step

THEN, NOW = datetime(2026, 12, 1, tzinfo=UTC), datetime(2026, 12, 2, tzinfo=UTC)
OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
CODE = Code("models", "factors", "1.11", "2.0")

RUNS = {
    "run_id": pl.String,
    "started_at_utc": pl.Datetime("us"),
    "ended_at_utc": pl.Datetime("us"),
    "status": pl.String,
    "resource_id": pl.String,
    "cost_currency": pl.String,
    "facility_energy_kwh": pl.Float64,
    "emissions_location_g_co2e": pl.Float64,
    "effective_cost": pl.Float64,
}
BILL = {"usage_date": pl.Date, "cost_currency": pl.String, "effective_cost": pl.Float64}


def at(month: int) -> datetime:
    return datetime(2026, month, 5, tzinfo=UTC).replace(tzinfo=None)


def run(run_id: str, kwh: float | None = None, **more: Any) -> dict[str, Any]:
    ran = {"started_at_utc": at(10), "ended_at_utc": at(10), "status": "succeeded"}
    return ran | {"run_id": run_id, "facility_energy_kwh": kwh} | more


def marts(
    folder: Path, runs: Sequence[Mapping[str, Any]], bill: Sequence[Mapping[str, Any]] = ()
) -> Path:
    folder.mkdir(parents=True)
    pl.DataFrame(list(runs), schema=RUNS).write_parquet(folder / "fct_runs.parquet")
    pl.DataFrame(list(bill), schema=BILL).write_parquet(folder / "fct_billing_daily.parquet")
    return folder


class Site:
    """Folders of marts and a landing, and what changed from the first folder to the last."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.landing = Landing(root / "landing")
        self.landing.initialise([*focus.DATASETS, *run_events.DATASETS, *slurm.DATASETS])
        self.folders: list[Path] = []

    def state(self, *runs: Mapping[str, Any], bill: Sequence[Mapping[str, Any]] = ()) -> None:
        self.folders.append(marts(self.root / f"marts_{len(self.folders)}", runs, bill))

    def land(self, dataset: Any, at: datetime, *rows: Mapping[str, Any], scope: str = "s") -> None:
        frame = pl.DataFrame(
            [{"source_file": "f", "source_row": n} | dict(row) for n, row in enumerate(rows)],
            schema=dataset.schema,
        )
        with self.landing.deliver(
            dataset, scope, source="s", instance="i", received_at=at
        ) as delivery:
            delivery.write(frame, empty_rejected())
            delivery.commit()

    def attribute(self, *steps: str, **options: Any) -> Attribution:
        taken = [Step(what, folder) for what, folder in zip(steps, self.folders[1:], strict=True)]
        return self.walk(taken, **options)

    def walk(self, steps: Iterable[Step], **options: Any) -> Attribution:
        first, last = self.folders[0], self.folders[-1]
        with tempfile.TemporaryDirectory(dir=self.root) as scratch:
            return attribute(
                steps,
                State("A", first, THEN, "1", CODE, None),
                State("B", last, NOW, "1", CODE, None),
                landing=self.landing.root,
                scratch=Path(scratch),
                **options,
            )


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def parts(found: Attribution, metric: str = "facility_energy_kwh") -> dict[Any, Any]:
    """(month, cause) → (before, after, change) of a metric."""
    assert found.unattributed == 0
    return {
        (change.month, change.cause): (change.before, change.after, change.change)
        for change in found.changes
        if change.metric == metric
    }


def test_the_same_numbers_changed_nothing(site: Site) -> None:
    site.state(run("r1", 1.0), bill=[{"usage_date": OCTOBER, "cost_currency": "EUR"}])
    site.state(run("r1", 1.0))
    found = site.attribute("data")
    assert (found.changes, found.unattributed) == ([], 0)
    assert [metric["change"] for metric in found.metrics] == [0]


def test_causes_follow_each_other(site: Site) -> None:
    site.state(run("r1", 10.0))
    site.state(run("r1", 11.0))
    site.state(run("r1", 13.0))
    site.state(run("r1", 13.0), run("r2", 4.0))
    site.state(run("r1", 12.0), run("r2", 4.0))
    site.state(run("r1", 12.5), run("r2", 4.0))
    found = site.attribute("code", "settings", "data", "factors", "code", runs=1)
    assert parts(found) == {
        (OCTOBER, "code"): (10.0, 11.5, 1.5),
        (OCTOBER, "settings"): (11.5, 13.5, 2.0),
        (OCTOBER, "late_data"): (13.5, 17.5, 4.0),
        (OCTOBER, "factor_version"): (17.5, 16.5, -1.0),
    }
    assert [(row["cause"], row["run_id"], row["changes"]) for row in found.runs] == [
        ("code", "r1", {"facility_energy_kwh": 1.5}),
        ("settings", "r1", {"facility_energy_kwh": 2.0}),
        ("late_data", "r2", {"facility_energy_kwh": 4.0}),
        ("factor_version", "r1", {"facility_energy_kwh": -1.0}),
    ]


def test_told_backwards_it_is_the_same_with_the_other_sign(site: Site) -> None:
    site.state(run("r1", 10.0))
    site.state(run("r1", 11.0))
    site.state(run("r1", 11.0), run("r2", 4.0))
    found = site.attribute("settings", "data", is_reversed=True, runs=1)
    assert parts(found) == {
        (OCTOBER, "settings"): (15.0, 14.0, -1.0),
        (OCTOBER, "late_data"): (14.0, 10.0, -4.0),
    }
    assert found.metrics[0]["change"] == -5.0
    assert [row["changes"] for row in found.runs] == [
        {"facility_energy_kwh": -1.0},
        {"facility_energy_kwh": -4.0},
    ]


def test_what_becomes_known_was_unknown_and_not_zero(site: Site) -> None:
    site.state(run("r1", None))
    site.state(run("r1", 2.0))
    assert parts(site.attribute("factors")) == {(OCTOBER, "factor_version"): (None, 2.0, 2.0)}


def test_what_becomes_unknown_is_unknown(site: Site) -> None:
    site.state(run("r1", 2.0))
    site.state(run("r1", None))
    assert parts(site.attribute("factors")) == {(OCTOBER, "factor_version"): (2.0, None, -2.0)}


def test_a_run_that_moves_changes_both_months(site: Site) -> None:
    site.state(run("r1", 2.0), run("r2", 1.0))
    site.state(run("r1", 3.0, started_at_utc=at(11)), run("r2", 1.0))
    assert parts(site.attribute("settings")) == {
        (OCTOBER, "settings"): (3.0, 1.0, -2.0),
        (NOVEMBER, "settings"): (None, 3.0, 3.0),
    }


def test_a_run_whose_start_is_unknown_has_no_month(site: Site) -> None:
    site.state(run("r1", 2.0, started_at_utc=None))
    site.state(run("r1", 5.0, started_at_utc=None))
    assert parts(site.attribute("settings")) == {(None, "settings"): (2.0, 5.0, 3.0)}


def test_currencies_are_not_added(site: Site) -> None:
    site.state(run("r1", effective_cost=10.0, cost_currency="USD"))
    site.state(run("r1", effective_cost=9.0, cost_currency="EUR"))
    found = site.attribute("settings")
    assert [(c.metric, c.unit, c.before, c.after) for c in found.changes] == [
        ("effective_cost", "EUR", None, 9.0),
        ("effective_cost", "USD", 10.0, None),
    ]


def test_no_step_is_taken_where_nothing_changed(site: Site) -> None:
    site.state(run("r1", 10.0))
    site.state(run("r1", 10.0))

    def never() -> Iterator[Step]:
        raise AssertionError("a state would be built")
        yield

    assert site.walk(never()).changes == []


def test_no_step_is_taken_where_only_later_months_changed(site: Site) -> None:
    site.state(run("r1", 10.0))
    site.state(run("r1", 11.0))
    assert site.attribute("data", months_before=OCTOBER).changes == []
    assert len(site.attribute("data", months_before=NOVEMBER).changes) == 1


def test_what_is_only_rounded_otherwise_is_no_cause(site: Site) -> None:
    site.state(run("r1", 10.0))
    site.state(run("r1", 10.0 * (1 + 1e-15)))
    assert site.attribute("code").changes == []
    site.state(run("r1", 10.0 * (1 + 1e-15)), run("r2", 1.0))
    assert parts(site.attribute("code", "data")) == {
        (OCTOBER, "late_data"): (10.0, pytest.approx(11.0), pytest.approx(1.0))
    }


def test_an_older_version_may_lack_a_column_or_a_mart(site: Site) -> None:
    folder = site.root / "old"
    folder.mkdir()
    pl.DataFrame({"run_id": ["r1"], "started_at_utc": [at(10)]}).write_parquet(
        folder / "fct_runs.parquet"
    )
    site.folders.append(folder)
    site.state(run("r1", 2.0))
    assert parts(site.attribute("code")) == {(OCTOBER, "code"): (None, 2.0, 2.0)}


EVENTS = run_events.DATASETS[0]
SACCT = slurm.DATASETS[0]
CHARGES = focus.DATASETS[0]


def test_who_told_otherwise_and_who_told_late(site: Site) -> None:
    site.land(EVENTS, THEN, {"run_id": "same"}, {"run_id": "wrong", "duration_s": 1.0})
    site.land(
        EVENTS,
        NOW,
        {"run_id": "more", "event_id": "reading"},
        {"run_id": "same"},
        {"run_id": "wrong", "duration_s": 2.0},
    )
    ids = ("same", "wrong", "more", "gone", "running", "lost")
    going = (run("running", 1.0, ended_at_utc=None), run("lost", 1.0, status="lost"))
    site.state(*(run(run_id, 1.0) for run_id in ids[:-2]), *going)
    site.state(*(run(run_id, 2.0) for run_id in ids if run_id != "gone"), run("new", 1.0))
    found = site.attribute("data", runs=9)
    causes = {row["run_id"]: row["cause"] for row in found.runs}
    assert causes == {
        "new": "late_data",
        "more": "late_data",
        "running": "late_data",
        "lost": "late_data",
        "wrong": "provider_restatement",
        "gone": "provider_restatement",
        # Nothing new of itself: it changed with its neighbours, of which one was told otherwise.
        "same": "provider_restatement",
    }
    assert parts(found) == {
        (OCTOBER, "late_data"): (6.0, 10.0, 4.0),
        (OCTOBER, "provider_restatement"): (10.0, 11.0, 1.0),
    }


def test_neighbours_told_late_are_late(site: Site) -> None:
    site.land(EVENTS, THEN, {"run_id": "same"})
    site.land(EVENTS, NOW, {"run_id": "new"}, scope="another file")
    site.state(run("same", 2.0))
    site.state(run("same", 1.0), run("new", 1.5))
    assert parts(site.attribute("data")) == {(OCTOBER, "late_data"): (2.0, 2.5, 0.5)}


def test_a_slurm_export_of_the_same_name_that_grew(site: Site) -> None:
    done = {"Cluster": "lyra", "x_job_id": "1", "x_state": "COMPLETED"}
    again = {"Cluster": "lyra", "x_job_id": "2", "x_state": "COMPLETED"}
    site.land(SACCT, THEN, done, again | {"ConsumedEnergyRaw": 1})
    site.land(SACCT, NOW, {**done, "x_job_id": "0"}, done, again | {"ConsumedEnergyRaw": 2})
    site.state(run("slurm:lyra:1", 1.0), run("slurm:lyra:2@2", 1.0))
    site.state(run("slurm:lyra:1", 1.0), run("slurm:lyra:2@2", 3.0), run("slurm:lyra:0", 4.0))
    assert parts(site.attribute("data")) == {
        (OCTOBER, "late_data"): (2.0, 6.0, 4.0),
        (OCTOBER, "provider_restatement"): (6.0, 8.0, 2.0),
    }


def charge(resource_id: str, cost: str, hour: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "ResourceId": resource_id,
        "EffectiveCost": Decimal(cost),
        "ChargePeriodStart": datetime(2026, 10, 5, hour, tzinfo=UTC),
        "BillingCurrency": "EUR",
    } | more


def test_lines_of_the_bill(site: Site) -> None:
    site.land(CHARGES, THEN, charge("i-1", "10"), charge("i-2", "5"), charge("i-3", "1"))
    site.land(
        CHARGES,
        NOW,
        charge("i-2", "5"),
        charge("i-1", "12"),
        charge("i-2", "7", hour=1),
        charge("i-3", "1", ChargeDescription="in other words"),
    )
    site.land(CHARGES, NOW, charge("i-2", "-1", ChargeClass="Correction"), scope="next month")
    bill = {"usage_date": date(2026, 10, 5), "cost_currency": "EUR"}
    costs = {"cost_currency": "EUR"}
    site.state(
        run("of i-1", effective_cost=10.0, resource_id="i-1", **costs),
        run("shares", effective_cost=4.0, **costs),
        bill=[bill | {"effective_cost": 16.0}],
    )
    site.state(
        run("of i-1", effective_cost=12.0, resource_id="i-1", **costs),
        run("shares", effective_cost=5.0, **costs),
        bill=[bill | {"effective_cost": 24.0}],
    )
    found = site.attribute("data")
    assert parts(found, "bill_effective_cost_eur") == {
        (OCTOBER, "late_data"): (16.0, 23.0, 7.0),
        (OCTOBER, "provider_restatement"): (23.0, 24.0, 1.0),
    }
    assert parts(found, "effective_cost") == {(OCTOBER, "provider_restatement"): (14.0, 17.0, 3.0)}


values = st.one_of(st.none(), st.floats(-1e9, 1e9, allow_nan=False))
states = st.lists(
    st.dictionaries(
        st.sampled_from("abcd"),
        st.tuples(values, values, st.sampled_from([None, 9, 10, 11])),
        max_size=4,
    ),
    min_size=2,
    max_size=5,
)


@settings(max_examples=40, deadline=None)
@given(states=states, backwards=st.booleans())
def test_the_parts_add_up_whatever_changes(states: list[dict[str, Any]], backwards: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        site = Site(Path(folder))
        for state in states:
            site.state(
                *(
                    run(
                        run_id,
                        kwh,
                        emissions_location_g_co2e=grams,
                        started_at_utc=None if month is None else at(month),
                    )
                    for run_id, (kwh, grams, month) in state.items()
                )
            )
        steps = ["code", "settings", "data", "factors"][: len(states) - 1]
        found = site.attribute(*steps, is_reversed=backwards)
    assert found.unattributed == 0
    chains: dict[Any, list[Change]] = {}
    for change in found.changes:
        chains.setdefault((change.month, change.metric, change.unit), []).append(change)
    for chain in chains.values():
        order = [CAUSES.index(change.cause) for change in chain]
        assert order == sorted(set(order))
        for one, following in pairwise(chain):
            assert one.after == following.before
        whole = (chain[-1].after or 0) - (chain[0].before or 0)
        assert sum(change.change for change in chain) == pytest.approx(whole, rel=1e-9, abs=1e-6)
