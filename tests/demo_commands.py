"""The real command in a process of its own, and the demo with its data elsewhere."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]


def observatory(
    *arguments: str, env: dict[str, str] | None = None, **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Run the command; its output is captured as text."""
    return subprocess.run(
        [sys.executable, "-m", "observatory.cli", *arguments],
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=600,
        **options,
    )


def demo_environment(data: Path) -> dict[str, str]:
    """The demo, but with its data elsewhere than in the checkout."""
    return {
        "OBSERVATORY_PATHS__LANDING": str(data / "landing"),
        "OBSERVATORY_PATHS__WAREHOUSE": str(data / "warehouse.duckdb"),
        "OBSERVATORY_PATHS__PUBLISHED": str(data / "published"),
        "OBSERVATORY_PATHS__INBOX": str(data / "inbox"),
    }
