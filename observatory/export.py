"""Hands out the published marts as files."""

import shutil
from pathlib import Path

from observatory import publish, snapshot

FORMATS = ("parquet", "csv", "duckdb")


def export(published: Path, out: Path, kind: str) -> list[Path]:
    """Write the current snapshot's marts and version.json into `out`; returns the files."""
    folder = snapshot.current(published)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    if kind == "duckdb":
        written.append(Path(shutil.copy2(folder / publish.DUCKDB_FILE, out)))
    elif kind == "parquet":
        written += [
            Path(shutil.copy2(folder / f"{mart}.parquet", out)) for mart in snapshot.marts(folder)
        ]
    else:
        with snapshot.connect(folder) as connection:
            for mart in snapshot.marts(folder):
                target = out / f"{mart}.csv"
                quoted = str(target).replace("'", "''")
                connection.execute(f"copy \"{mart}\" to '{quoted}' (format csv, header true)")
                written.append(target)
    written.append(Path(shutil.copy2(folder / snapshot.VERSION, out)))
    return written
