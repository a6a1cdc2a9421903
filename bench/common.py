"""What both benchmarks share: running the command, reading its report, printing a result."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

OUT = Path(__file__).parent / "out"
OBSERVATORY = Path(sys.executable).parent / "observatory"
# 3: published, and a source or a row was refused; a benchmark wants neither, but can say so.
ACCEPTED = (0, 3)


def write_config(folder: Path, sources: str) -> Path:
    """A config file whose landing, warehouse and snapshots are under `folder`."""
    config = folder / "observatory.toml"
    config.write_text(
        "[paths]\n"
        'landing = "data/landing"\n'
        'warehouse = "data/warehouse.duckdb"\n'
        'published = "data/published"\n'
        'inbox = "data/inbox"\n\n'
        f"{sources}\n"
    )
    return config


def observatory(config: Path, *arguments: str) -> tuple[dict[str, Any], float]:
    """The report of a command and how long it took, start-up included. Ends at a failure."""
    started = time.monotonic()
    done = subprocess.run(
        [OBSERVATORY, "--config", config, "--json", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    took_s = time.monotonic() - started
    if done.returncode not in ACCEPTED:
        sys.exit(f"{' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    report: dict[str, Any] = json.loads(done.stdout)
    return report, took_s


def model_seconds(folder: Path, wanted: Sequence[str]) -> dict[str, float]:
    """Execution time of the models whose name or path holds one of `wanted`, from run_results."""
    target = folder / "data" / "dbt"
    run = json.loads((target / "run_results.json").read_text())
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    seconds = {}
    for result in run["results"]:
        node = nodes.get(result["unique_id"], {})
        path = f"{node.get('path', '')}"
        if node.get("resource_type") == "model" and any(word in path for word in wanted):
            seconds[node["name"]] = float(result["execution_time"])
    return seconds


def peak_mib() -> float:
    """The largest resident memory of any child process so far, MiB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def show(rows: Sequence[tuple[str, str]], result: dict[str, Any], name: str) -> None:
    """Print the table and keep it as JSON."""
    width = max(len(label) for label, _ in rows)
    for label, value in rows:
        print(f"  {label:<{width}}  {value}")
    result["cores"] = os.cpu_count()
    (OUT / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
