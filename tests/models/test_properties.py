"""What must hold for any run, tried on many at once: a batch of drawn cases is one build."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app import marts, queries
from observatory import build, settings_landing
from observatory.refresh import Silent, ingest_sources, open_landing, prepare_landing
from observatory.settings import load_settings

SCALE = 2.5
CONFIG = f"""
[sources.run_events]
path = "events.jsonl"

[sites.cellar]
grid_zone = "FR"
intensity_g_per_kwh = 120
pue = 1.3
wue_l_per_kwh = 0.5

[sites.scaled]
grid_zone = "FR"
intensity_g_per_kwh = {120 * SCALE}
pue = 1.3
wue_l_per_kwh = 0.5
"""
HARDWARE: list[dict[str, Any]] = [
    {"instance_type": "m5.xlarge"},
    {"instance_type": "c7g.4xlarge"},
    {"instance_type": "p4d.24xlarge"},
    {"instance_type": "g5.12xlarge"},
    {"instance_type": "p5.48xlarge"},
    {"vcpus": 12, "memory_gib": 100},
    {"vcpus": 8, "memory_gib": 64, "accelerator_model": "a100", "accelerator_count": 2},
]
REGIONS = ["eu-west-1", "us-east-1", "us-west-1", "eu-west-3"]
TOTALS = (
    "it_energy_kwh",
    "facility_energy_kwh",
    "emissions_location_g_co2e",
    "emissions_market_g_co2e",
    "emissions_embodied_g_co2e",
    "water_l",
)


@dataclass(frozen=True)
class Case:
    """A run, and by how much its siblings are longer, more and busier."""

    hardware: dict[str, Any]
    region: str
    start: datetime
    duration_s: int
    cut_s: int
    longer_s: int
    instances: int
    more: int
    kind: str
    utilization: float
    busier: float

    def events(self, number: int) -> Iterator[dict[str, Any]]:
        """The run and its siblings, by run id `<number>-<sibling>`."""
        base = self._event(f"{number}-base", self.duration_s)
        used = ("cpu_utilization_ratio", "accelerator_utilization_ratio")
        yield base
        yield self._event(f"{number}-longer", self.duration_s + self.longer_s)
        more = self._event(f"{number}-more", self.duration_s)
        yield more | {"instance_count": self.instances + self.more}
        yield self._event(f"{number}-first", self.cut_s)
        yield self._event(f"{number}-second", self.duration_s - self.cut_s, self.cut_s)
        idle = self._event(f"{number}-idle", self.duration_s)
        yield idle | dict.fromkeys(used, self.utilization)
        busy = self._event(f"{number}-busy", self.duration_s)
        yield busy | dict.fromkeys(used, self.utilization + (1 - self.utilization) * self.busier)
        for site in ("cellar", "scaled"):
            own = self._event(f"{number}-{site}", self.duration_s)
            yield own | {"region": site, "instance_type": None, "vcpus": 7, "memory_gib": 1}

    def _event(self, run_id: str, duration_s: int, after_s: int = 0) -> dict[str, Any]:
        start = self.start + timedelta(seconds=after_s)
        stop = start + timedelta(seconds=duration_s)
        return {
            "event_id": run_id,
            "event_type": "finished",
            "event_time": stop.isoformat(),
            "run_id": run_id,
            "job_name": "property",
            "status": "succeeded",
            "workload_kind": self.kind,
            "started_at": start.isoformat(),
            "ended_at": stop.isoformat(),
            "duration_s": duration_s,
            "region": self.region,
            "instance_count": self.instances,
            **self.hardware,
        }


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any run of two seconds to four days, many of them over a new year."""
    duration_s = draw(st.integers(2, 4 * 86400))
    year = draw(st.sampled_from([2023, 2024, 2025, 2026]))
    within = timedelta(seconds=draw(st.integers(-duration_s, 86400 * 250)))
    return Case(
        hardware=draw(st.sampled_from(HARDWARE)),
        region=draw(st.sampled_from(REGIONS)),
        start=datetime(year, 1, 1, tzinfo=UTC) + within,
        duration_s=duration_s,
        cut_s=draw(st.integers(1, duration_s - 1)),
        longer_s=draw(st.integers(1, 86400)),
        instances=draw(st.integers(1, 6)),
        more=draw(st.integers(1, 10)),
        kind=draw(st.sampled_from(["training", "inference", "data", "other"])),
        utilization=draw(st.floats(0, 1)),
        busier=draw(st.floats(0, 1)),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("properties")


def models_of(batch: list[Case], folder: Path) -> duckdb.DuckDBPyConnection:
    """Land the cases and build what is asked of them, as of now."""
    folder.mkdir()
    (folder / "observatory.toml").write_text(CONFIG)
    events = [event for number, case in enumerate(batch) for event in case.events(number)]
    (folder / "events.jsonl").write_text("\n".join(map(json.dumps, events)))
    settings = load_settings(folder / "observatory.toml")
    now = datetime.now(UTC)
    landing = open_landing(settings, now)
    prepare_landing(settings, landing, now)
    (outcome,) = [
        outcome
        for outcome in ingest_sources(settings, landing, now, Silent())
        if outcome.report.instance != "inbox"
    ]
    assert (outcome.report.rows_landed, outcome.report.rows_rejected) == (len(events), 0)
    settings_landing.land_settings(landing, settings, now)
    warehouse = folder / "built" / "warehouse.duckdb"
    models = ["fct_runs", "fct_run_hours", "fct_run_uncertainty", "fct_run_energy_components"]
    build.build_part(settings, now, models, warehouse)
    con = duckdb.connect(warehouse)
    con.execute("set schema = 'marts'")
    for bound in marts.BOUNDS:
        con.execute(bound)
    return con


def close(a: float | None, b: float | None) -> bool:
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-15)


def at_least(a: float, b: float) -> bool:
    return a >= b * (1 - 1e-12)


@settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(batch=st.lists(cases(), min_size=60, max_size=60))
def test_what_holds_for_any_run(folder: Path, batch: list[Case]) -> None:
    con = models_of(batch, folder / str(len(list(folder.iterdir()))))
    cursor = con.execute("select * from fct_runs")
    names = [column[0] for column in cursor.description or []]
    runs = {
        row[names.index("run_id")]: dict(zip(names, row, strict=True)) for row in cursor.fetchall()
    }
    for number, case in enumerate(batch):
        base, longer, more, idle, busy, first, second, cellar, scaled = (
            runs[f"{number}-{name}"]
            for name in (
                "base", "longer", "more", "idle", "busy", "first", "second", "cellar", "scaled",
            )
        )  # fmt: skip
        assert base["missing_reason"] is None, case
        # Energy is monotone in duration, count and utilisation.
        for measure in ("it_energy_kwh", "facility_energy_kwh"):
            assert at_least(longer[measure], base[measure]), case
            assert at_least(more[measure], base[measure]), case
            assert at_least(busy[measure], idle[measure]), case
        # Cut in two at any instant, nothing changes.
        for measure in TOTALS:
            parts = [first[measure], second[measure]]
            whole = None if None in parts else sum(parts)
            assert close(whole, base[measure]), (measure, case)
        # Scaled factors scale emissions, and nothing else.
        assert close(
            scaled["emissions_location_g_co2e"], SCALE * cellar["emissions_location_g_co2e"]
        )
        assert close(scaled["facility_energy_kwh"], cellar["facility_energy_kwh"])
    for run in runs.values():
        for measure in ("facility_energy_kwh", "emissions_location_g_co2e"):
            assert run[f"{measure}_p05"] <= run[measure] <= run[f"{measure}_p95"], run["run_id"]
    hours_and_components_add_up(con)
    for region in (*REGIONS, "cellar"):
        interval_is_between_its_bounds(con, region)
    con.close()


def hours_and_components_add_up(con: duckdb.DuckDBPyConnection) -> None:
    """The parts of every run, by hours and by components, are the run."""
    off = con.execute(
        """
        with
            hours as (
                select
                    run_id,
                    sum(facility_energy_kwh) as kwh,
                    sum(emissions_location_g_co2e) as g,
                    sum(emissions_market_g_co2e) as market_g,
                    sum(fraction_of_run) as fractions
                from fct_run_hours group by run_id
            ),
            components as (
                select run_id, sum(it_energy_kwh) as it_kwh
                from fct_run_energy_components group by run_id
            )
        select run_id
        from fct_runs
        left join hours using (run_id)
        left join components using (run_id)
        where
            abs(kwh / facility_energy_kwh - 1) > 1e-9
            or abs(g / emissions_location_g_co2e - 1) > 1e-9
            or abs(market_g / emissions_market_g_co2e - 1) > 1e-9
            or abs(it_kwh / it_energy_kwh - 1) > 1e-9
            or abs(fractions - 1) > 1e-9
            or kwh is null or g is null or market_g is null or it_kwh is null
        """
    ).fetchall()
    assert off == []


def interval_is_between_its_bounds(con: duckdb.DuckDBPyConnection, region: str) -> None:
    """The interval that the app shows of a set of runs: as wide as if its runs erred independently
    of each other at least, as if they erred all together at most.
    """
    con.execute(
        "create or replace temp table runs as select * from fct_runs where region = ?", [region]
    )
    shown = queries.interval(con).row(0, named=True)
    for measure, sigma in (
        ("facility_energy_kwh", "sigma_kwh"),
        ("emissions_location_g_co2e", "sigma_g_co2e"),
    ):
        (total, independent, together) = con.execute(
            f"""
            with sds as (
                select run_id, sqrt(sum({sigma} * {sigma})) as sd
                from fct_run_uncertainty
                where run_id in (select run_id from runs)
                group by run_id
            )
            select
                (select sum({measure}) from runs), sqrt(sum(sd * sd)), sum(sd)
            from sds
            """
        ).fetchone()
        if not total:
            continue
        for sd, compare in ((independent, at_least), (together, lambda a, b: at_least(b, a))):
            spread = 1.645 * math.sqrt(math.log1p((sd / total) ** 2))
            assert compare(math.log(shown[f"{measure}_p95"] / total), spread)
            assert compare(math.log(total / shown[f"{measure}_p05"]), spread)
