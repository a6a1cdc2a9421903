"""Environments of their own, for what tests need beside our packages: `.ci/NAME.lock`."""

import os
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[1]


def environment(name: str) -> Path:
    """The `bin` folder of `.venv-NAME`, installed if need be. Where it cannot be, the test is left
    out, and with CI=true it fails."""
    programs = ROOT / f".venv-{name}" / "bin"
    with FileLock(ROOT / ".venv" / f".{name}.lock"):
        done = subprocess.run(
            [ROOT / ".ci" / "environment", name], capture_output=True, text=True, timeout=900
        )
    if done.returncode or not (programs / "python").exists():
        reason = f".venv-{name} is not installed: {done.stderr[-500:]}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return programs
