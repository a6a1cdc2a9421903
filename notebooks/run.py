"""Runs the cells of explore.sql on a published snapshot and prints their results."""

import argparse
import re
from pathlib import Path

import duckdb

NOTEBOOK = Path(__file__).with_name("explore.sql")


def cells(text: str) -> dict[str, str]:
    """Title → SQL of every cell, in order. A cell starts with `-- %% title`."""
    parts = re.split(r"^-- %% (.+)$", text, flags=re.M)[1:]
    return {title.strip(): sql.strip() for title, sql in zip(parts[::2], parts[1::2], strict=True)}


def connect(snapshot: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB with a view per mart of the snapshot folder."""
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    for file in sorted(snapshot.resolve().glob("*.parquet")):
        path = str(file).replace("'", "''")
        connection.execute(f"create view {file.stem} as select * from '{path}'")  # noqa: S608
    return connection


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("title", nargs="?", help="only the cell of this title")
    parser.add_argument("--snapshot", type=Path, default=Path("data/published/current"))
    options = parser.parse_args()
    found = cells(NOTEBOOK.read_text())
    if options.title is not None and options.title not in found:
        parser.error(f"no cell {options.title!r}; the cells are: {', '.join(found)}")
    if not any(options.snapshot.glob("*.parquet")):
        parser.error(f"nothing is published in {options.snapshot}; run `make demo` first")
    connection = connect(options.snapshot)
    for title, sql in found.items():
        if options.title in (None, title):
            print(f"\n{title}")  # noqa: T201 - a script for a terminal
            connection.sql(sql).show(max_rows=40, max_width=160)


if __name__ == "__main__":
    main()
