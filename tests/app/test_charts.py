# ruff: noqa: DTZ001  (the marts hold naive UTC)
"""Charts are pure: the data they draw, their units and their words."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from published_snapshot import SMALL

from app import charts, queries
from app.format import Formatter
from app.i18n import LANGUAGES
from app.marts import Filters, open_marts

EN, FR = Formatter("en"), Formatter("fr")
PERIOD = (datetime(2026, 10, 23), datetime(2026, 11, 22))


@pytest.fixture
def con(snapshots: dict[str, Path]) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_marts(snapshots["small"] / "current", Filters(*PERIOD)) as connection:
        yield connection


def drawn(chart: Any) -> list[dict[str, Any]]:
    """The rows of a chart's data sets."""
    return [row for rows in chart.to_dict()["datasets"].values() for row in rows]


def test_over_time_names_its_units_and_spans_the_period(con: duckdb.DuckDBPyConnection) -> None:
    spec = charts.over_time(queries.over_time(con, "day"), "day", PERIOD, "EUR", EN).to_dict()
    titles = [panel["title"]["text"] for panel in spec["vconcat"]]
    assert titles == ["Energy (kWh)", "Emissions (kg CO₂e)", "Cost (EUR)"]
    assert spec["resolve"]["scale"]["x"] == "shared"
    scale = spec["vconcat"][-1]["encoding"]["x"]["scale"]
    assert scale["type"] == "utc"
    days = [(day["year"], day["month"], day["date"], day["utc"]) for day in scale["domain"]]
    assert days == [(2026, 10, 23, True), (2026, 11, 22, True)]
    marks = spec["vconcat"][-1]["encoding"]["x"]["axis"]["values"]
    assert len(marks) <= 9


def test_tooltips_are_written_with_units(con: duckdb.DuckDBPyConnection) -> None:
    rows = drawn(charts.breakdown(queries.breakdown(con, "team", "energy"), "energy", "EUR", EN))
    assert rows[0]["shown"] == "60.0\u00a0kWh" and rows[0]["cost"] == "€400.00"
    assert rows[0]["label"] == "vision" and rows[0]["how_many"] == "3"
    assert rows[2]["shown"] == "unknown" and rows[2]["label"] == "unknown"


def test_every_sum_of_energy_and_emissions_is_drawn_with_its_interval(
    con: duckdb.DuckDBPyConnection,
) -> None:
    rows = drawn(charts.breakdown(queries.breakdown(con, "team", "energy"), "energy", "EUR", EN))
    assert rows[0]["energy_interval"] == "52.6\u00a0kWh to 68.4\u00a0kWh"
    assert rows[2]["energy_interval"] == "unknown"
    series = queries.over_time(con, "month")
    spec = charts.over_time(series, "month", PERIOD, "EUR", EN).to_dict()
    for panel, column in zip(spec["vconcat"][:2], charts.METRIC_COLUMN.values(), strict=False):
        rows = spec["datasets"][panel["data"]["name"]]
        bars, whiskers = rows[: series.height], rows[series.height :]
        (bar,), (whisker,) = bars, whiskers
        assert whisker["low"] < bar["high"] < whisker["high"], column
        assert bar["from"] < whisker["from"] < whisker["until"] < bar["until"], column
        assert bar["interval"] == whisker["interval"] != "unknown"
        # Streamlit fits single views into a column of them, and no layers.
        assert "layer" not in panel
    assert "interval" not in spec["datasets"][spec["vconcat"][2]["data"]["name"]][0]


def test_the_mix_is_whole_and_ends_with_what_is_missing(con: duckdb.DuckDBPyConnection) -> None:
    energy = queries.method_mix(con).filter(pl.col("ladder") == "energy")
    spec = charts.mix(energy, "energy", EN).to_dict()
    assert spec["encoding"]["color"]["scale"]["domain"] == [
        "measured", "model at the observed use", "missing",
    ]  # fmt: skip
    rows = drawn(charts.mix(energy, "energy", EN))
    for basis in ("of the energy", "of the runs"):
        assert sum(row["share"] for row in rows if row["basis"] == basis) == pytest.approx(1)


def test_a_rung_this_version_does_not_know_is_drawn_all_the_same() -> None:
    frame = pl.DataFrame({"rung": ["oracle"], "runs": [2], "facility_energy_kwh": [1.0]})
    assert {row["name"] for row in drawn(charts.mix(frame, "energy", EN))} == {"oracle"}


def test_the_parts_of_an_anomaly_multiply(con: duckdb.DuckDBPyConnection) -> None:
    rows = drawn(charts.anomaly_parts(SMALL["fct_anomalies"][0], EN))
    assert [row["shown"] for row in rows] == ["×\u00a02.50", "×\u00a01.00", "×\u00a01.60"]
    assert len(drawn(charts.anomaly_parts(SMALL["fct_anomalies"][1], FR))) == 3


def test_a_calibration_is_drawn_before_and_after(con: duckdb.DuckDBPyConnection) -> None:
    rows = drawn(charts.calibration(queries.calibration_points(con, "c1"), EN))
    points = [row for row in rows if "side" in row]
    assert [row["side"] for row in points] == ["Before: model"] * 4 + ["After: calibrated"] * 4
    assert points[0]["error_text"] == "25%" and points[4]["error_text"] == "5%"
    assert [row["note"] for row in points if row["run_id"] == "m4"] == [
        "left out as an outlier"
    ] * 2
    # Without a fit there is no after.
    alone = drawn(charts.calibration(queries.calibration_points(con, "c2"), FR))
    assert [row["side"] for row in alone if "side" in row] == ["Avant : modèle"]


def test_log_axes_always_have_labels() -> None:
    frame = pl.DataFrame(
        {
            "run_id": ["a", "b"], "job_name": ["j", None], "status": ["succeeded", None],
            "energy_method": ["measured", None], "facility_energy_kwh": [1.0, None],
            "emissions_location_g_co2e": [3000.0, 4000.0], "effective_cost": [20.0, 30.0],
            "facility_energy_kwh_p05": [0.8, None], "facility_energy_kwh_p95": [1.2, None],
            "emissions_location_g_co2e_p05": [2000.0, None],
            "emissions_location_g_co2e_p95": [4000.0, None],
        }
    )  # fmt: skip
    axis = charts.scatter(frame, "EUR", EN).to_dict()["encoding"]["x"]["axis"]
    assert len([value for value in axis["values"] if 20 <= value <= 30]) >= 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_chart_draws_nulls(snapshots: dict[str, Path], language: Any) -> None:
    fmt = Formatter(language)
    with open_marts(snapshots["nulls"] / "current", Filters(*PERIOD)) as con:
        series = queries.over_time(con, "month")
        charts.over_time(series, "month", PERIOD, None, fmt).to_dict()
        for metric in charts.METRIC_COLUMN:
            parts = queries.breakdown(con, "team", metric)
            charts.breakdown(parts, metric, None, fmt).to_dict()
        mix = queries.method_mix(con)
        for ladder in charts.LADDERS:
            charts.mix(mix.filter(pl.col("ladder") == ladder), ladder, fmt).to_dict()
        charts.run_hours(queries.run_hours(con, "n1"), fmt).to_dict()
        charts.job_history(queries.job_history(con, "n1"), fmt).to_dict()
        charts.rows_per_day(queries.quality_by_day(con), fmt).to_dict()


@pytest.mark.parametrize("fmt", [EN, FR])
def test_the_bars_of_the_bill_end_with_their_sum(
    con: duckdb.DuckDBPyConnection, fmt: Formatter
) -> None:
    split = queries.bill_split(con, "effective").filter(pl.col("cost_currency") == "EUR")
    rows = drawn(charts.bill_months(split, "EUR", fmt))
    assert {row["label"] for row in rows} == {
        f"aws · {fmt.month(datetime(2026, 10, 1))}", f"aws · {fmt.month(datetime(2026, 11, 1))}",
        f"gcp · {fmt.month(datetime(2026, 11, 1))}",
    }  # fmt: skip
    label = f"aws · {fmt.month(datetime(2026, 11, 1))}"
    november = [row for row in rows if row["label"] == label and "cost" in row]
    assert {row["sum"] for row in november} == {fmt.money(180.0, "EUR")}
    assert sum(row["cost"] for row in november) == pytest.approx(180.0)
    # A credit begins left of zero; the sum stands at the end of what was paid.
    assert {row["start"] for row in november} == {-20.0}
    assert {row["end"] for row in november} == {200.0}


def test_the_bars_of_a_dimension_say_how_their_energy_is_known(
    con: duckdb.DuckDBPyConnection,
) -> None:
    month = datetime(2026, 11, 1).date()
    rows = queries.bill_by(con, "effective", month, "EUR", "provider")
    bars = queries.bill_by_split(con, "effective", month, "EUR", "provider")
    found = drawn(charts.bill_names(bars, rows, "provider", "EUR", EN))
    mixes = {row["label"]: row["mix"] for row in found if "mix" in row}
    # Of 180 euros 30 of no class and 20 of credits have no energy.
    assert mixes == {"aws": "100% default use, no energy for 5.6% of the cost",
                     "gcp": "100% the cost"}  # fmt: skip
    allocations = queries.bill_by(con, "effective", month, "EUR", "allocation")
    of_runs = queries.bill_by_split(con, "effective", month, "EUR", "allocation")
    found = drawn(charts.bill_names(of_runs, allocations, "allocation", "EUR", FR))
    assert {"Sur des exécutions", "Machines au repos"} <= {row["label"] for row in found}
