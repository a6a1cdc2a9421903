# ruff: noqa: DTZ001  (the marts hold naive UTC)
"""Each aggregate equals the sum done by hand on the small snapshot."""

import inspect
import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
import yaml
from published_snapshot import CONTRACT, SMALL, write_snapshot

from app import queries
from app.marts import MARTS, Filters, open_marts

NOVEMBER_BILL = date(2026, 11, 1)
NOVEMBER = Filters(datetime(2026, 10, 23), datetime(2026, 11, 22))


@pytest.fixture
def con(snapshots: dict[str, Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_marts(snapshots["small"] / "current", NOVEMBER) as connection:
        yield connection


def by(frame: pl.DataFrame, column: str, value: object) -> dict[str, object]:
    return frame.row(by_predicate=pl.col(column).eq_missing(pl.lit(value)), named=True)


def test_totals_of_the_period_and_of_the_one_before(con: duckdb.DuckDBPyConnection) -> None:
    totals = queries.totals(con)
    now = by(totals, "period", "current")
    # r1 12 + r2 36 + r3 6 + r5 12 kWh; r4 has none.
    assert now["runs"] == 5 and now["runs_with_energy"] == 4 and now["runs_with_cost"] == 4
    assert now["facility_energy_kwh"] == pytest.approx(66.0)
    assert now["it_energy_kwh"] == pytest.approx(55.0)
    # 12*50 + 36*50 + 6*400 + 12*50
    assert now["emissions_location_g_co2e"] == pytest.approx(5400.0)
    assert now["emissions_market_g_co2e"] == pytest.approx(2700.0)
    assert now["emissions_embodied_g_co2e"] == pytest.approx(100.0)
    assert now["water_l"] == pytest.approx(8.0)
    assert now["runs_with_embodied"] == now["runs_with_water"] == 4
    # Euros only: the 7 dollars of r5 are never added.
    assert now["effective_cost"] == pytest.approx(420.0) and now["cost_currency"] == "EUR"
    # r2 wasted one attempt of 4 kWh, r3 failed with 6 kWh.
    assert now["wasted_energy_kwh"] == pytest.approx(10.0) and now["wasted_runs"] == 1
    assert now["measured_energy_ratio"] == pytest.approx(12 / 66)
    before = by(totals, "period", "previous")
    assert before["runs"] == 1 and before["facility_energy_kwh"] == pytest.approx(24.0)
    assert before["has_full_history"] is True


def test_stale_factors_are_the_oldest_first_and_those_of_the_chosen_regions(
    con: duckdb.DuckDBPyConnection, snapshots: dict[str, Path]
) -> None:
    assert queries.stale_factors(con).select("kind", "region", "factor_age_years").rows() == [
        ("grid_intensity", "us-east-1", 3),
        ("pue", "europe-west1", 5),
        ("pue", "us-east-1", 4),
    ]
    chosen = replace(NOVEMBER, region=("europe-west1",))
    with open_marts(snapshots["small"] / "current", chosen) as filtered:
        assert queries.stale_factors(filtered)["region"].to_list() == ["europe-west1"]


def test_costs_stay_in_their_currency(con: duckdb.DuckDBPyConnection) -> None:
    assert queries.costs(con).rows() == [("EUR", 420.0, 3), ("USD", 7.0, 1)]


def test_the_interval_adds_sources_not_percentiles(con: duckdb.DuckDBPyConnection) -> None:
    spread = queries.interval(con).row(0, named=True)
    # One source moves r2, r3 and r5 together: (3.6 + 0.6 + 1.2)^2; the meter stands alone.
    variance = (3.6 + 0.6 + 1.2) ** 2 + 0.12**2
    s = math.sqrt(math.log(1 + variance / 66**2))
    assert spread["facility_energy_kwh_p05"] == pytest.approx(66 * math.exp(-1.645 * s))
    assert spread["facility_energy_kwh_p95"] == pytest.approx(66 * math.exp(1.645 * s))
    grams = (180 + 240 + 60) ** 2 + 6**2 + (30 + 90) ** 2
    s = math.sqrt(math.log(1 + grams / 5400**2))
    assert spread["emissions_location_g_co2e_p95"] == pytest.approx(5400 * math.exp(1.645 * s))


def test_no_interval_where_a_run_has_no_uncertainty(tmp_path: Path) -> None:
    partial = SMALL | {"fct_run_uncertainty": SMALL["fct_run_uncertainty"][:1]}
    folder = write_snapshot(tmp_path / "published", partial)
    with open_marts(folder / "current", NOVEMBER) as con:
        # r1 emitted in the making too, and nothing says how surely.
        assert queries.interval(con).row(0) == (None,) * 6


def test_each_group_has_its_own_interval(con: duckdb.DuckDBPyConnection) -> None:
    vision = by(queries.breakdown(con, "team", "energy"), "name", "vision")
    # r2 and r5 by one source, r1 by its meter.
    s = math.sqrt(math.log(1 + ((3.6 + 1.2) ** 2 + 0.12**2) / 60**2))
    assert vision["facility_energy_kwh_p05"] == pytest.approx(60 * math.exp(-1.645 * s))
    assert vision["facility_energy_kwh_p95"] == pytest.approx(60 * math.exp(1.645 * s))
    unknown = by(queries.breakdown(con, "team", "energy"), "name", None)
    assert unknown["facility_energy_kwh_p95"] is None
    # The tail is a group too.
    text = by(queries.breakdown(con, "team", "energy", 1), "is_other", True)
    s = math.sqrt(math.log(1 + (0.6 / 6) ** 2))
    assert text["facility_energy_kwh_p95"] == pytest.approx(6 * math.exp(1.645 * s))

    days = queries.over_time(con, "day")
    r2 = by(days, "facility_energy_kwh", 36.0)
    s = math.sqrt(math.log(1 + (180**2 + 90**2) / 1800**2))
    assert r2["emissions_location_g_co2e_p95"] == pytest.approx(1800 * math.exp(1.645 * s))
    # All days in one are the total again.
    (month,) = queries.breakdown(con, "team", "energy", 0).to_dicts()
    total = queries.interval(con).row(0, named=True)
    assert {name: month[name] for name in total} == pytest.approx(total)
    # Manufacture has sources of its own: r1, r2, r3, r5 with 25 g each, two machines of one kind.
    s = math.sqrt(math.log(1 + ((12.5 + 12.5) ** 2 + 10**2 + 10**2) / 100**2))
    assert total["emissions_embodied_g_co2e_p95"] == pytest.approx(100 * math.exp(1.645 * s))


def test_zero_is_certain(tmp_path: Path) -> None:
    (run,) = (run for run in SMALL["fct_runs"] if run["run_id"] == "r1")
    zero = run | {"facility_energy_kwh": 0.0, "emissions_location_g_co2e": 0.0,
                  "emissions_embodied_g_co2e": 0.0}  # fmt: skip
    folder = write_snapshot(tmp_path / "published", {"fct_runs": [zero]})
    with open_marts(folder / "current", NOVEMBER) as con:
        assert queries.interval(con).row(0) == (0.0,) * 6


def test_days_add_up_to_the_totals(con: duckdb.DuckDBPyConnection) -> None:
    days = queries.over_time(con, "day")
    assert days["at_utc"].dt.day().to_list() == [18, 19, 20, 21]
    assert days["facility_energy_kwh"].to_list() == [12.0, None, 18.0, 36.0]
    assert days["effective_cost"].to_list() == [None, None, 120.0, 300.0]
    assert queries.over_time(con, "week")["facility_energy_kwh"].sum() == pytest.approx(66.0)


def test_breakdown_keeps_the_unknown_and_folds_the_tail(con: duckdb.DuckDBPyConnection) -> None:
    teams = queries.breakdown(con, "team", "energy")
    assert teams.select("name", "facility_energy_kwh").rows() == [
        ("vision", 60.0), ("text", 6.0), (None, None),
    ]  # fmt: skip
    assert teams["is_other"].to_list() == [False, False, False]
    folded = queries.breakdown(con, "team", "energy", 1)
    assert folded.select("name", "is_other", "facility_energy_kwh").rows() == [
        ("vision", False, 60.0), (None, True, 6.0),
    ]  # fmt: skip
    emitters = queries.breakdown(con, "region", "emissions")
    assert emitters["name"].to_list() == ["eu-west-3", "us-east-1", None]


def test_the_mix_counts_what_is_missing(con: duckdb.DuckDBPyConnection) -> None:
    mix = queries.method_mix(con)
    energy = mix.filter(pl.col("ladder") == "energy").sort("rung")
    assert energy.select("rung", "runs", "facility_energy_kwh").rows() == [
        ("measured", 1, 12.0), ("missing", 1, None), ("utilization", 3, 54.0),
    ]  # fmt: skip
    assert mix.group_by("ladder").agg(pl.col("runs").sum())["runs"].to_list() == [5, 5, 5]


def test_missing_names_the_reasons(con: duckdb.DuckDBPyConnection) -> None:
    assert queries.missing(con).rows() == [
        ("energy", "unknown_instance_type", 1), ("cost", "no_price", 1),
        ("embodied", "unknown_instance_type", 1), ("water", "unknown_instance_type", 1),
    ]  # fmt: skip


def test_idle_hosts_follow_period_and_region(snapshots: dict[str, Path]) -> None:
    def asked(filters: Filters) -> tuple[object, ...]:
        with open_marts(snapshots["small"] / "current", filters) as con:
            return queries.idle_hosts(con).row(0)

    assert asked(NOVEMBER) == (2, 3.5, 175.0, 12.0)
    assert asked(replace(NOVEMBER, region=("lyra",))) == (1, 0.5, 25.0, None)
    assert asked(replace(NOVEMBER, region=("us-east-1",)))[0] == 0


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"team": ("vision",)}, ["r1", "r2", "r5"]),
        ({"team": ("",)}, ["r4"]),
        ({"team": ("text", "")}, ["r3", "r4"]),
        ({"project": ("chat",)}, ["r3"]),
        ({"model": ("tiny-llm",)}, ["r3"]),
        ({"region": ("us-east-1",)}, ["r3"]),
        ({"owner": ("ana",)}, ["r1", "r2", "r5"]),
        ({"status": ("failed",)}, ["r3"]),
        ({"method": ("measured",)}, ["r1"]),
        ({"text": "TUNE"}, ["r3"]),
        ({"text": "%"}, []),
        ({"text": "' or 1=1 --"}, []),
        ({"to_utc": datetime(2026, 11, 20)}, ["r4", "r5"]),
    ],
)
def test_filters_choose_runs(
    snapshots: dict[str, Path], change: dict[str, object], expected: list[str]
) -> None:
    with open_marts(snapshots["small"] / "current", replace(NOVEMBER, **change)) as con:
        assert sorted(queries.list_runs(con, "started", True, 50, 0)["run_id"]) == expected
        assert queries.count_runs(con) == len(expected)


@pytest.mark.parametrize(
    ("sort", "descending", "expected"),
    [
        ("started", True, ["r2", "r3", "r1", "r4", "r5"]),
        ("energy", True, ["r2", "r1", "r5", "r3", "r4"]),
        ("energy", False, ["r3", "r1", "r5", "r2", "r4"]),
        ("emissions", True, ["r3", "r2", "r1", "r5", "r4"]),
        ("cost", False, ["r5", "r3", "r1", "r2", "r4"]),
        ("duration", True, ["r2", "r1", "r3", "r4", "r5"]),
    ],
)
def test_runs_are_sorted_with_the_unknown_last(
    con: duckdb.DuckDBPyConnection, sort: str, descending: bool, expected: list[str]
) -> None:
    assert queries.list_runs(con, sort, descending, 50, 0)["run_id"].to_list() == expected
    assert queries.list_runs(con, sort, descending, 2, 2)["run_id"].to_list() == expected[2:4]


def test_the_scatter_has_only_what_a_log_axis_can_show(con: duckdb.DuckDBPyConnection) -> None:
    assert queries.scatter(con)["run_id"].to_list() == ["r3", "r2", "r1"]


def test_one_run(con: duckdb.DuckDBPyConnection) -> None:
    assert queries.run(con, "r1").height == 1 and queries.run(con, "nope").is_empty()
    assert queries.run_hours(con, "r1")["emissions_location_g_co2e"].sum() == pytest.approx(600)
    inputs = queries.run_inputs(con, "r1")
    assert inputs["component"].to_list() == ["accelerator", "cpu"]
    assert inputs["covered_ratio"].to_list() == [0.99, 0.0]
    assert queries.job_history(con, "r1")["run_id"].to_list() == ["r0", "p1", "r5", "r1", "r2"]
    assert queries.run_anomalies(con, "r2")["ratio"].to_list() == [4.0, pytest.approx(3.333, 1e-3)]
    assert queries.similar_run_ids(con, "tune")["run_id"].to_list() == ["r3"]


def test_anomalies_follow_the_filters(snapshots: dict[str, Path]) -> None:
    with open_marts(snapshots["small"] / "current", NOVEMBER) as con:
        assert queries.anomalies(con, [], [])["anomaly_id"].to_list() == ["a1", "a2"]
        assert queries.anomalies(con, ["effective_cost"], [])["anomaly_id"].to_list() == ["a2"]
        assert queries.anomalies(con, [], ["open"])["anomaly_id"].to_list() == ["a1"]
        assert queries.anomaly_counts(con).rows() == [
            ("anomaly", 2, 1), ("not_enough_history", 1, 1), ("ok", 1, 1),
        ]  # fmt: skip
    with open_marts(snapshots["small"] / "current", replace(NOVEMBER, team=("text",))) as con:
        assert queries.anomalies(con, [], []).is_empty()


def test_quality_adds_up(con: duckdb.DuckDBPyConnection) -> None:
    sources = queries.quality_by_source(con)
    assert sources.select("source", "rows_in", "rows_landed", "rows_rejected").rows() == [
        ("focus", 100, 100, 0), ("run_events", 35, 33, 2),
    ]  # fmt: skip
    coverage = queries.coverage_by_day(con).filter(pl.col("figure") == "energy")
    assert coverage["ratio"].to_list() == [0.0, 1.0, 1.0]
    assert queries.oldest_factor(con).row(0) == (1.0, "national-operator", "FR", 2025)
    factors = queries.factors_used(con)
    assert factors.select("factor_resolution", "runs", "facility_energy_kwh").rows() == [
        ("zone_yearly", 3, 60.0), ("hourly_measured", 1, 6.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("basis", "expected"),
    [
        ("effective", {"run": 100, "idle": 10, "unallocated": 80, "not_ml": 30, "shared": -20}),
        ("billed", {"run": 90, "idle": 10, "unallocated": 80, "not_ml": 30, "shared": 15}),
    ],
)
def test_the_parts_of_the_bill_are_the_bill(
    con: duckdb.DuckDBPyConnection, basis: queries.Basis, expected: dict[str, float]
) -> None:
    parts = queries.bill_by(con, basis, NOVEMBER_BILL, "EUR", "allocation")
    assert dict(parts.select("name", "cost").iter_rows()) == expected
    assert parts["cost_ratio"].sum() == pytest.approx(1.0)
    (whole,) = con.sql(
        f"select sum({basis}_cost) from fct_billing_daily where cost_currency = 'EUR' "
        "and billing_period_date = date '2026-11-01'"
    ).fetchall()
    for dimension in ("provider", "account", "service", "team", "project", "region"):
        rows = queries.bill_by(con, basis, NOVEMBER_BILL, "EUR", dimension)
        bars = queries.bill_by_split(con, basis, NOVEMBER_BILL, "EUR", dimension, 1)
        assert rows["cost"].sum() == bars["cost"].sum() == whole[0], dimension
        assert rows["lines"].sum() == 8


def test_months_and_currencies_of_the_bill_are_never_added(con: duckdb.DuckDBPyConnection) -> None:
    months = queries.bill_months(con)
    assert months.rows() == [
        (date(2026, 11, 1), date(2026, 11, 21), 9), (date(2026, 10, 1), date(2026, 10, 6), 2),
    ]  # fmt: skip
    assert queries.bill_currencies(con, None)["cost_currency"].to_list() == ["EUR", "USD"]
    assert queries.bill_currencies(con, date(2026, 10, 1))["cost_currency"].to_list() == ["EUR"]
    split = queries.bill_split(con, "effective")
    by_bar = split.group_by("cost_currency", "provider", "month").agg(pl.col("cost").sum())
    assert sorted(by_bar.rows()) == [
        ("EUR", "aws", date(2026, 10, 1), 50.0), ("EUR", "aws", date(2026, 11, 1), 180.0),
        ("EUR", "gcp", date(2026, 11, 1), 20.0), ("USD", "azure", date(2026, 11, 1), 7.0),
    ]  # fmt: skip
    assert queries.bill_split(con, "effective", 1)["month"].unique().to_list() == [
        date(2026, 11, 1)
    ]


def test_a_row_of_the_bill_knows_its_share_its_energy_and_how(
    con: duckdb.DuckDBPyConnection,
) -> None:
    services = queries.bill_by(con, "effective", NOVEMBER_BILL, "EUR", "service")
    assert services["name"].to_list() == ["Amazon EC2", "Amazon SQS", "Vertex AI", "Tax"]
    machines = by(services, "name", "Amazon EC2")
    assert machines["cost_ratio"] == pytest.approx(170 / 200)
    assert machines["unallocated_cost"] == 60 and machines["energy_kwh"] == 32.0
    assert machines["emissions_g_co2e"] == 1600.0
    assert by(services, "name", "Amazon SQS")["energy_kwh"] is None
    assert by(services, "name", "Vertex AI")["methods"] == [
        {"energy_method": "spend", "energy_kwh": 5.0, "cost": 20.0}
    ]
    teams = queries.bill_by(con, "effective", NOVEMBER_BILL, "EUR", "team")
    assert dict(teams.select("name", "cost").iter_rows()) == {
        "vision": 110.0, None: 70.0, "text": 20.0,
    }  # fmt: skip
    folded = queries.bill_by_split(con, "effective", NOVEMBER_BILL, "EUR", "service", 2)
    assert folded.filter(pl.col("is_other"))["cost"].sum() == 0.0  # 20 of Vertex AI, -20 of tax


def test_what_is_on_no_run_is_listed_with_its_fix(con: duckdb.DuckDBPyConnection) -> None:
    fixes = queries.bill_fixes(con, "effective", NOVEMBER_BILL, "EUR")
    assert fixes.rows() == [
        ("add_run_or_job_tag", 45.0, 1), ("no_run_at_the_time", 20.0, 1),
        ("run_tag_names_no_known_run", 15.0, 1),
    ]  # fmt: skip
    listed = queries.bill_unallocated(con, "effective", NOVEMBER_BILL, "EUR")
    parts = queries.bill_by(con, "effective", NOVEMBER_BILL, "EUR", "allocation")
    assert listed["cost"].sum() == fixes["cost"].sum() == by(parts, "name", "unallocated")["cost"]
    assert listed["resource_id"].to_list()[1:] == ["jobs/7", "i-0b"]
    one = queries.bill_unallocated(con, "billed", None, "EUR", "a_code_of_later")
    assert one.select("resource_id", "cost").rows() == [("i-0b", 10.0)]


def test_the_coverage_of_the_bill_names_its_gaps(con: duckdb.DuckDBPyConnection) -> None:
    known = queries.bill_coverage(con, "effective", NOVEMBER_BILL, "EUR").row(0, named=True)
    assert (known["cost"], known["energy_cost"], known["reason_cost"]) == (200, 190, 10)
    assert (known["lines"], known["energy_lines"], known["classless_lines"]) == (8, 6, 1)
    assert queries.bill_gaps(con, "effective", NOVEMBER_BILL, "EUR").select(
        "missing_reason", "service_name", "cost"
    ).rows() == [("no_rule", "Amazon SQS", 30.0)]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"provider": ("gcp",)}, 20.0),
        ({"account": ("111",)}, 180.0),
        ({"service": ("Tax", "Vertex AI")}, 0.0),
        ({"team": ("",)}, 70.0),
        ({"project": ("chat",)}, None),
        ({"region": ("",)}, 20.0),
        ({"model": ("tiny-llm",), "owner": ("ana",)}, 200.0),
    ],
)
def test_filters_choose_lines_of_the_bill(
    snapshots: dict[str, Path], change: dict[str, object], expected: float | None
) -> None:
    with open_marts(snapshots["small"] / "current", replace(NOVEMBER, **change)) as con:
        parts = queries.bill_by(con, "effective", NOVEMBER_BILL, "EUR", "allocation")
        assert (None if parts.is_empty() else parts["cost"].sum()) == expected


def test_the_bill_of_the_chosen_days(con: duckdb.DuckDBPyConnection) -> None:
    assert queries.bill_of_period(con).rows() == [("EUR", 200.0, 80.0), ("USD", 7.0, 7.0)]


def test_calibrations_per_hardware_come_first_and_advice_is_in_order(
    con: duckdb.DuckDBPyConnection,
) -> None:
    assert queries.calibrations(con)["calibration_id"].to_list() == ["c1", "c2", "c3"]
    points = queries.calibration_points(con, "c1")
    assert points["run_id"].to_list() == ["m1", "m2", "m3", "m4"]
    assert queries.metering_advice(con)["run_id"].to_list() == ["r2", "r3"]
    assert queries.metering_advice(con, 1)["run_id"].to_list() == ["r2"]


def test_every_question_has_an_answer_on_an_empty_snapshot(snapshots: dict[str, Path]) -> None:
    arguments: dict[str, tuple[object, ...]] = {
        "over_time": ("day",), "breakdown": ("team", "energy"), "anomalies": ([], []),
        "list_runs": ("energy", True, 10, 0), "bill_currencies": (None,),
        "bill_split": ("effective",), "bill_by": ("effective", None, "EUR", "team"),
        "bill_by_split": ("billed", NOVEMBER_BILL, "EUR", "team"),
        "bill_fixes": ("effective", None, "EUR"), "bill_gaps": ("effective", None, "EUR"),
        "bill_coverage": ("effective", None, "EUR"),
        "bill_unallocated": ("effective", None, "EUR"), "calibration_points": ("x",),
    }  # fmt: skip
    for folder in (snapshots["empty"] / "current", snapshots["missing"]):
        with open_marts(folder, NOVEMBER) as con:
            for name, question in inspect.getmembers(queries, inspect.isfunction):
                if name.startswith("_") or question.__module__ != "app.queries":
                    continue
                parameters = inspect.signature(question).parameters
                takes_id = "run_id" in parameters or "text" in parameters
                question(con, *(("x",) if takes_id else arguments.get(name, ())))


def test_a_mart_may_be_a_folder_and_lack_columns(tmp_path: Path) -> None:
    folder = tmp_path / "v1" / "fct_runs"
    folder.mkdir(parents=True)
    for number in (1, 2):
        duckdb.sql(
            f"copy (select 'r{number}' as run_id, timestamptz '2026-11-20 00:30:00+01' as "
            f"started_at_utc, {number}.5::decimal(38,18) as facility_energy_kwh) "
            f"to '{folder / f'part-{number}.parquet'}' (format parquet)"
        )
    with open_marts(tmp_path / "v1", NOVEMBER) as con:
        assert queries.totals(con)["facility_energy_kwh"].to_list() == [4.0, None]
        assert queries.run(con, "r1")["started_at_utc"].item() == datetime(2026, 11, 19, 23, 30)


def test_the_app_reads_only_contract_columns() -> None:
    for mart, columns in MARTS.items():
        written = {column.split()[0] for column in " ".join(CONTRACT[mart].split()).split(", ")}
        assert set(columns) <= written, mart


def test_the_app_reads_only_columns_the_models_promise() -> None:
    promised: dict[str, set[str]] = {}
    for path in (Path(__file__).resolve().parents[2] / "models" / "marts").rglob("*.yml"):
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", []):
            promised[model["name"]] = {column["name"] for column in model["columns"]}
    for mart, columns in MARTS.items():
        assert set(columns) <= promised[mart], (mart, set(columns) - promised[mart])
