"""The analysts' queries run on what is published, and say something."""

import re
import runpy
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from promises import ROOT

from app import queries
from app.marts import Filters, open_marts

NOTEBOOK = runpy.run_path(str(ROOT / "notebooks" / "run.py"))
CELLS: dict[str, str] = NOTEBOOK["cells"](NOTEBOOK["NOTEBOOK"].read_text())
# An organisation may have none of these; the demo need not either.
MAY_BE_EMPTY = {
    "Big machines, little used",
    "Why a value is missing",
    "Months that changed after they were published",
}


@pytest.fixture(scope="module")
def marts(published_demo: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    connection = NOTEBOOK["connect"](published_demo)
    yield connection
    connection.close()


def test_the_notebook_has_its_cells() -> None:
    assert len(CELLS) >= 10
    for title, sql in CELLS.items():
        statement = re.sub(r"--[^\n]*", "", sql)
        assert statement.rstrip().endswith(";") and statement.count(";") == 1, title


@pytest.mark.parametrize("title", CELLS)
def test_a_cell_runs(marts: duckdb.DuckDBPyConnection, title: str) -> None:
    rows: list[tuple[Any, ...]] = marts.execute(CELLS[title]).fetchall()
    assert rows or title in MAY_BE_EMPTY


def test_shares_of_energy_add_up_to_one(marts: duckdb.DuckDBPyConnection) -> None:
    result = marts.execute(CELLS["Energy method mix"])
    names = [column[0] for column in result.description or ()]
    at = names.index("share_of_it_energy_ratio")
    shares = [row[at] for row in result.fetchall() if row[at] is not None]
    assert sum(shares) == pytest.approx(1)


def test_the_notebooks_interval_is_the_apps(published_demo: Path) -> None:
    with NOTEBOOK["connect"](published_demo) as marts:
        cursor = marts.execute(CELLS["How sure the months of a team are"])
        names = [column[0] for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    assert len(rows) > 3
    for row in rows:
        start = row["month_start_utc"]
        team = row["team"].replace("(unknown)", "")
        month = Filters(start, (start + timedelta(days=32)).replace(day=1), team=(team,))
        with open_marts(published_demo, month) as connection:
            app = queries.interval(connection).row(0, named=True)
        for bound in ("p05", "p95"):
            column = f"facility_energy_kwh_{bound}"
            assert row[column] == pytest.approx(app[column], rel=1e-9)
            in_kg = row[f"emissions_location_kg_co2e_{bound}"]
            assert in_kg * 1000 == pytest.approx(
                app[f"emissions_location_g_co2e_{bound}"], rel=1e-9
            )


def test_the_exported_database_answers_the_same(
    marts: duckdb.DuckDBPyConnection, published_demo: Path
) -> None:
    sql = CELLS["Coverage by source"]
    with duckdb.connect(str(published_demo / "observatory.duckdb"), read_only=True) as exported:
        assert exported.execute(sql).fetchall() == marts.execute(sql).fetchall()
