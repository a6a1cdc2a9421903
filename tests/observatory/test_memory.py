"""What a warehouse hands on to the next one."""

from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from observatory import memory
from observatory.version import Models

MADE_BY = Models(models_sha256="a1", factors_sha256="f1", factors_recorded_on=None)
MANIFEST = {
    "nodes": {
        name: {
            "resource_type": "model",
            "schema": "intermediate",
            "alias": name,
            "config": {"materialized": materialized},
        }
        for name, materialized in {"kept": "incremental", "made_anew": "table"}.items()
    }
}


@pytest.fixture
def yesterday(tmp_path: Path) -> Path:
    path = tmp_path / "it's yesterday.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("create schema intermediate")
        connection.execute("create table intermediate.kept as select 'd1' as delivery_id")
        connection.execute("create table intermediate.made_anew as select 1 as n")
    memory.note(path, MANIFEST, MADE_BY)
    return path


def tables(path: Path) -> list[str]:
    if not path.exists():
        return []
    with duckdb.connect(path) as connection:
        return [
            row[0]
            for row in connection.execute("select table_name from duckdb_tables()").fetchall()
        ]


def test_what_remembers_deliveries_is_handed_on(yesterday: Path, tmp_path: Path) -> None:
    memory.hand_on(yesterday, tmp_path / "today.duckdb", MADE_BY)
    assert tables(tmp_path / "today.duckdb") == ["kept"]
    with duckdb.connect(tmp_path / "today.duckdb") as connection:
        rows = connection.execute("select delivery_id from intermediate.kept").fetchall()
    assert rows == [("d1",)]


def test_new_factors_change_nothing_that_is_handed_on(yesterday: Path, tmp_path: Path) -> None:
    memory.hand_on(yesterday, tmp_path / "today.duckdb", replace(MADE_BY, factors_sha256="f2"))
    assert tables(tmp_path / "today.duckdb") == ["kept"]


def test_other_models_get_nothing(yesterday: Path, tmp_path: Path) -> None:
    memory.hand_on(yesterday, tmp_path / "today.duckdb", replace(MADE_BY, models_sha256="a2"))
    assert tables(tmp_path / "today.duckdb") == []


@pytest.mark.parametrize("content", [None, b"", b"no database", "unnoted"])
def test_an_unreadable_warehouse_hands_nothing_on(
    tmp_path: Path, content: bytes | str | None
) -> None:
    before = tmp_path / "before.duckdb"
    if isinstance(content, bytes):
        before.write_bytes(content)
    elif content:
        duckdb.connect(before).close()
    memory.hand_on(before, tmp_path / "today.duckdb", MADE_BY)
    assert tables(tmp_path / "today.duckdb") == []
