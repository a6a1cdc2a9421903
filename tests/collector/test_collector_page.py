"""The pages on receiving events can be followed to the letter."""

import socket
import subprocess
from pathlib import Path

import polars as pl
from pages import reader, script_of


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
        env={**reader(tmp_path), "OBSERVATORY_COLLECTOR__PORT": port},
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
        env={**reader(tmp_path), "OBSERVATORY_COLLECTOR__PORT": port},
        capture_output=True,
        text=True,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '{"accepted":1,"duplicates":0}' in done.stdout
    assert 'outcome="accepted",sender="nlp"} 1.0' in done.stdout
    (row,) = pl.read_parquet(tmp_path / "data/landing/run_events__events").rows(named=True)
    assert (row["run_id"], row["team"]) == ("r-1", "nlp")
