"""What the tests of grid sources share: an API on this machine, and a landing to read it into."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs, urlsplit

import polars as pl

from ingest.landing import Landing
from ingest.runner import SourceReport, run_source
from ingest.sources import SourceContext, Window

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Asked:
    """A request as the API got it."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    at_s: float  # on the monotonic clock
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """What the API answers. `hangs`: it keeps the line open and says nothing."""

    body: object = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Api:
    """A running API: where it is and what it was asked."""

    url: str
    asked: list[Asked]


@contextmanager
def serving(answer: Callable[[Asked], Reply]) -> Iterator[Api]:
    """An HTTP server on a free port of the loopback interface."""
    asked: list[Asked] = []
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            request = Asked(parts.path, query, dict(self.headers), time.monotonic(), body)
            asked.append(request)
            reply = answer(request)
            if reply.hangs:
                over.wait(20)
                self.close_connection = True
                return
            content = reply.content
            self.send_response(reply.status)
            headers = {"Content-Length": str(len(content)), **reply.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)
            self.close_connection = len(content) != int(headers["Content-Length"])

        do_POST = do_GET  # noqa: N815 - the name http.server looks for

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:  # a client that hangs up is what is tested
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Api(f"http://127.0.0.1:{server.server_address[1]}", asked)
    finally:
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()


def utc(text: str) -> datetime:
    """An instant from "2026-10-01" or "2026-10-01T05"."""
    return datetime.fromisoformat(text if "T" not in text else f"{text}:00").replace(tzinfo=UTC)


def window(zone: str, from_at: str, to_at: str) -> Window:
    """[from_at, to_at) of a zone."""
    return Window(zone, utc(from_at), utc(to_at))


def hours(from_at: datetime, to_at: datetime, step: timedelta = HOUR) -> list[datetime]:
    """The starts of the steps between two instants."""
    return [from_at + i * step for i in range((to_at - from_at) // step)]


class GridNight:
    """A landing, and what a night of one grid source leaves there."""

    def __init__(self, root: Path, source: ModuleType) -> None:
        self.source = source
        self.landing = Landing(root / "landing")
        self.landing.initialise(source.DATASETS)

    def run(self, api: Api, *wanted: Window, at: datetime = NOW, **told: Any) -> SourceReport:
        told = {"url": api.url, "longest_wait_s": 0, "attempts": 2, "timeout_s": 10, **told}
        settings = self.source.Settings.model_validate(told)
        report = run_source(
            self.source, settings, SourceContext("default", at, wanted), self.landing
        )
        deliveries = self.landing.deliveries()
        assert (
            deliveries["rows_in"] == deliveries["rows_landed"] + deliveries["rows_rejected"]
        ).all()
        return report

    @property
    def rows(self) -> pl.DataFrame:
        """All that landed, by zone, accounting and time."""
        frame = pl.read_parquet(self.landing.root / self.source.INTENSITY.name / "*.parquet")
        return frame.sort("grid_zone", "accounting", "from_at_utc")

    @property
    def rejected(self) -> pl.DataFrame:
        return pl.read_parquet(self.landing.root / "_rejected" / "*.parquet")

    @property
    def scopes(self) -> list[str]:
        return self.landing.deliveries()["scope"].to_list()
