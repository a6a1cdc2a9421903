"""The pages on receiving events can be followed to the letter."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import polars as pl

DOCS = Path(__file__).parents[2] / "docs"


def script_of(page: str, heading: str) -> str:
    """What a section says to type, its files written as it says."""
    text = (DOCS / page).read_text()
    section = text.partition(f"## {heading}\n")[2].split("\n## ")[0]
    blocks = re.findall(r"```(sh|toml)\n(.*?)```", section, re.S)
    assert blocks
    return "\n".join(
        code if kind == "sh" else f"cat > observatory.toml <<'END'\n{code}END"
        for kind, code in blocks
    )


def environment(folder: Path) -> dict[str, str]:
    """`observatory` is on PATH, and this checkout's."""
    command = folder / "bin" / "observatory"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m observatory.cli "$@"\n')
    command.chmod(0o755)
    return {**os.environ, "PATH": f"{command.parent}:{os.environ['PATH']}"}


def test_openlineage_in_five_minutes(tmp_path: Path) -> None:
    (tmp_path / "exports" / "lineage").mkdir(parents=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    script = script_of("openlineage.md", "In five minutes")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c",
         f"trap 'kill $(jobs -p)' EXIT\n{script.replace('8787', port)}\n"
         "observatory --json sources > sources.json"],
        cwd=tmp_path,
        env={**environment(tmp_path), "OBSERVATORY_COLLECTOR__PORT": port},
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '{"accepted":1,"duplicates":0}' in done.stdout
    (row,) = pl.read_parquet(tmp_path / "data/landing/openlineage__events").rows(named=True)
    assert (row["job_name"], row["event_type"]) == ("features.build", "COMPLETE")
    assert "openlineage" in (tmp_path / "sources.json").read_text(), "the settings shown load"


def test_the_collector_in_five_minutes(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    script = script_of("collector.md", "In five minutes")
    assert ":8787" in script
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c",
         f"trap 'kill $(jobs -p)' EXIT\n{script.replace('8787', port)}"],
        cwd=tmp_path,
        env={**environment(tmp_path), "OBSERVATORY_COLLECTOR__PORT": port},
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '{"accepted":1,"duplicates":0}' in done.stdout
    assert 'outcome="accepted",sender="nlp"} 1.0' in done.stdout
    (row,) = pl.read_parquet(tmp_path / "data/landing/run_events__events").rows(named=True)
    assert (row["run_id"], row["team"]) == ("r-1", "nlp")
