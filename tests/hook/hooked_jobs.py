"""Jobs that run with the hook or without it, and the collector that hears them."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from ingest.run_event import RunEvent

HOOK = Path(__file__).parents[2] / "hook"
Event = dict[str, Any]

# A small training; and one of scikit-learn's, for a Python that has it.
TRAINING = """
import sys

def train():
    import random

    draw = random.Random(0)
    rows = [[draw.gauss(0, 1) for _ in range(4)] for _ in range(400)]
    labels = [1 if sum(row) > 0 else -1 for row in rows]
    weights = [0.0] * 4
    for _ in range(20):
        for row, label in zip(rows, labels):
            if label * sum(w * x for w, x in zip(weights, row)) <= 0:
                weights = [w + label * x for w, x in zip(weights, row)]
    right = [sum(w * x for w, x in zip(weights, r)) * y > 0 for r, y in zip(rows, labels)]
    return sum(right) / len(right)

def train_classifier():
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split

    data = train_test_split(*load_iris(return_X_y=True), random_state=0)
    model = LogisticRegression(max_iter=500).fit(data[0], data[2])
    return model.score(data[1], data[3])
"""


class Place:
    """A folder of its own, with the environment of a job in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inbox = folder / "inbox"
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "PYTHONPATH": str(HOOK),
            "CARBON_HOOK_INBOX": str(self.inbox),
            "CARBON_HOOK_CLOUD": "0",
        }
        for name in ("home", "tmp"):
            (folder / name).mkdir()

    def script(self, text: str, python: str = sys.executable) -> list[str]:
        """A command that runs a Python program."""
        path = self.folder / "job.py"
        path.write_text(TRAINING + text)
        return [python, str(path)]

    def start(self, command: list[str], is_hooked: bool, **more: Any) -> "subprocess.Popen[str]":
        """The command, or the command under the hook, in a process group of its own."""
        hooked = [sys.executable, "-m", "carbon_hook", "run", "--", *command]
        return subprocess.Popen(
            hooked if is_hooked else command,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **more,
        )

    def run(self, command: list[str], is_hooked: bool = True, **more: Any) -> tuple[int, str, str]:
        """(exit status as the shell's parent sees it, standard output, standard error)."""
        job = self.start(command, is_hooked, **more)
        out, err = job.communicate(timeout=25)
        return job.returncode, out, err

    def events(self) -> list[Event]:
        """What lies in the inbox; every event keeps the contract."""
        lines = [
            line
            for path in sorted(self.inbox.glob("*.jsonl"))
            for line in path.read_text().splitlines()
        ]
        return checked([json.loads(line) for line in lines])

    def event(self, kind: str = "finished") -> Event:
        """The only one of its kind."""
        (event,) = [event for event in self.events() if event["event_type"] == kind]
        return event


def checked(events: list[Event]) -> list[Event]:
    """The events, after the contract's own check; nothing in them is unknown to it."""
    for event in events:
        assert RunEvent.model_validate(event).unknown() == {}, event
    return sorted(events, key=lambda event: event["event_time"])


class Collector(ThreadingHTTPServer):
    """Hears events; `status` is its answer; with `is_held` there is none until the test ends."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Answer)
        self.status = 202
        self.is_held = False
        self.was_asked = threading.Event()
        self.released = threading.Event()
        self.heard: list[Event] = []
        self.tokens: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1/events"

    @property
    def events(self) -> list[Event]:
        """Each once, as a collector keeps them."""
        return checked(list({event["event_id"]: event for event in self.heard}.values()))


class _Answer(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.was_asked.set()
        if self.server.is_held:
            self.server.released.wait(30)
            return
        self.server.tokens.append(self.headers["Authorization"])
        if self.server.status == 202:
            self.server.heard += json.loads(body)
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", self.server.url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def listening(port: int = 0) -> Iterator[Collector]:
    """A collector, for as long as the block lasts."""
    server = Collector(port)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()


Until = Callable[[Callable[[], Any]], Any]
