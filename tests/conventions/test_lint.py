"""`make lint`, tool by tool, so that `make test` says everything at once."""

import subprocess
import sys
from pathlib import Path

import pytest
from promises import ROOT


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "check"),
        ("ruff", "format", "--check"),
        ("mypy",),
        ("mypy", "--config-file", "hook/pyproject.toml", "hook"),
        ("sqlfmt", "--quiet", "--check", "models", "macros", "tests/dbt"),
    ],
    ids=lambda command: "-".join(w for w in (command[0], command[-1]) if not w.startswith("--")),
)
def test_lint(command: tuple[str, ...]) -> None:
    tool = Path(sys.executable).parent / command[0]
    result = subprocess.run(
        [tool, *command[1:]], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-6000:]
