"""A collector of its own for a test: the command as a process on a free port."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import requests

from observatory.cli import run

TOKEN = "t0ken-of-the-tests"  # noqa: S105 - of nobody
CONFIG = '[paths]\ninbox = "inbox"\n[collector]\ntokens_file = "tokens"\n'


@dataclass
class Collector:
    """A collector that runs; `folder` holds its config, inbox and landing."""

    folder: Path
    url: str
    process: subprocess.Popen[str]

    def post(
        self, body: object, token: str | None = TOKEN, path: str = "v1/events", **headers: str
    ) -> requests.Response:
        """The answer to a body: bytes as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return requests.post(f"{self.url}/{path}", data=data, headers=headers, timeout=30)

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.url}/{path}", timeout=30)

    def stop(self) -> int:
        """The exit code after SIGTERM."""
        self.process.terminate()
        return self.process.wait(30)


def write_config(folder: Path, more: str = "") -> Path:
    """A config with one token, of the team `nlp`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokens").write_text(f"{TOKEN} nlp\n")
    config = folder / "observatory.toml"
    config.write_text(CONFIG + more)
    return config


def start(folder: Path, port: int = 0) -> Collector:
    """A collector on the config of the folder."""
    with (folder / "collector.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "observatory.cli", "--config", folder / "observatory.toml",
             "--json", "collector", "--port", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    assert process.stdout is not None
    told = ""
    while not told.rstrip().endswith("}"):
        line = process.stdout.readline()
        assert line, (folder / "collector.log").read_text()
        told += line
    return Collector(folder, json.loads(told)["url"], process)


@contextmanager
def running(folder: Path, port: int = 0) -> Iterator[Collector]:
    """A collector that is ended with the block, if the test did not end it."""
    collector = start(folder, port)
    try:
        yield collector
    finally:
        if collector.process.poll() is None:
            collector.process.kill()
        collector.process.wait(30)
        assert collector.process.stdout is not None
        collector.process.stdout.close()


def landed(folder: Path) -> pl.DataFrame:
    """What a night's ingest has landed of the inbox, after one more. Nothing may be rejected."""
    assert run(["--config", str(folder / "observatory.toml"), "--json", "ingest"]) == 0
    landing = folder / "data" / "landing"
    assert pl.read_parquet(landing / "_rejected").is_empty()
    return pl.read_parquet(landing / "run_events__events")


def event(number: int = 0, **fields: Any) -> dict[str, Any]:
    """A heartbeat that keeps the contract."""
    return {
        "event_id": f"e-{number}",
        "event_type": "heartbeat",
        "event_time": "2026-10-05T08:00:00Z",
        "run_id": f"r-{number % 7}",
        "job_name": "train",
        **fields,
    }
