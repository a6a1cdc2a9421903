"""A night of one's own: write a configuration and inputs, refresh, read the marts."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from filelock import FileLock

Night = Callable[[str, str, Mapping[str, str | bytes]], "Marts"]


class Marts:
    """The published snapshot of a night."""

    def __init__(self, folder: Path, report: dict[str, Any], returncode: int) -> None:
        self.folder = folder
        self.report = report
        self.returncode = returncode

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Rows of a query in which a mart is a table."""
        with duckdb.connect(self.folder / "observatory.duckdb", read_only=True) as connection:
            connection.execute("set TimeZone = 'UTC'")
            cursor = connection.execute(sql, list(parameters))
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def run(self, run_id: str) -> dict[str, Any]:
        """The row of fct_runs."""
        (row,) = self.rows("select * from fct_runs where run_id = ?", run_id)
        return row

    def components(self, run_id: str) -> dict[str, dict[str, Any]]:
        """The rows of fct_run_energy_inputs by component, of a run with one attempt."""
        rows = self.rows("select * from fct_run_energy_inputs where run_id = ?", run_id)
        return {row["component"]: row for row in rows}


@pytest.fixture(scope="session")
def night(shared_tmp: Path, spare_parsing: Callable[[Path], None]) -> Night:
    """`night(name, config, files)`: one refresh per name in a test run, whoever asks first."""

    def refresh(name: str, config: str, files: Mapping[str, str | bytes]) -> Marts:
        folder = shared_tmp / f"night_{name}"
        answer = folder / "refresh.json"
        with FileLock(shared_tmp / f"night_{name}.lock"):
            if not answer.exists():
                spare_parsing(folder / "data" / "dbt")
                (folder / "observatory.toml").write_text(config)
                for path, content in files.items():
                    data = content.encode() if isinstance(content, str) else content
                    (folder / path).parent.mkdir(parents=True, exist_ok=True)
                    (folder / path).write_bytes(data)
                done = subprocess.run(
                    [sys.executable, "-m", "observatory.cli", "--json", "refresh"],
                    cwd=folder,
                    capture_output=True,
                    text=True,
                    timeout=600,
                )
                assert done.stdout.strip(), done.stderr
                answer.write_text(
                    json.dumps({"report": json.loads(done.stdout), "rc": done.returncode})
                )
        told = json.loads(answer.read_text())
        assert told["rc"] in (0, 3), told["report"]
        return Marts(Path(told["report"]["published_path"]), told["report"], told["rc"])

    return refresh
