"""A local Vertex AI: jobs as its REST API documents them, in pages, with what can go wrong."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PROJECT, LOCATION = "ml-research", "europe-west4"
PAGE = 2


def machine(kind: str, replicas: int, accelerator: str = "", each: int = 0) -> dict[str, Any]:
    """A worker pool. Numbers of 64 bits are texts."""
    spec: dict[str, Any] = {"machineType": kind}
    if accelerator:
        spec |= {"acceleratorType": accelerator, "acceleratorCount": each}
    return {"machineSpec": spec, "replicaCount": str(replicas)}


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


class Vertex:
    """What a test does with the server."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.jobs: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []
        self.faults: list[Callable[[str], int | None]] = []

    def job(
        self,
        number: int,
        created: datetime,
        minutes: float | None,
        pools: list[dict[str, Any]] | None = None,
        collection: str = "customJobs",
        state: str = "JOB_STATE_SUCCEEDED",
        **more: Any,
    ) -> str:
        """A job that began five minutes after it was created; without minutes it runs."""
        name = f"projects/{PROJECT}/locations/{LOCATION}/{collection}/{number}"
        start = created + timedelta(minutes=5)
        told = {
            "name": name,
            "displayName": f"job-{number}",
            "state": "JOB_STATE_RUNNING" if minutes is None else state,
            "createTime": created.isoformat(),
            "startTime": start.isoformat(),
            "updateTime": start.isoformat(),
        }
        if minutes is not None:
            told["endTime"] = told["updateTime"] = (start + timedelta(minutes=minutes)).isoformat()
        spec = {"workerPoolSpecs": pools or [machine("n1-standard-8", 1)]}
        key = "trialJobSpec" if collection.startswith("hyper") else "jobSpec"
        self.jobs[name] = {**told, key: spec, **more}
        return name

    def answer(self, path: str) -> tuple[int, Any]:
        """(status, body)."""
        for fault in self.faults:
            if status := fault(path):
                return status, {"error": {"code": status, "message": f"told {status}"}}
        parts = urlsplit(path)
        name = parts.path.removeprefix("/v1/")
        if name in self.jobs:
            return 200, self.jobs[name]
        if not name.endswith("Jobs"):
            return 404, {"error": {"code": 404, "message": "not found"}}
        asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
        after = re.findall('"(.*)"', asked.get("filter", ""))
        found = [
            job
            for key, job in self.jobs.items()
            if key.startswith(f"{name}/")
            and (not after or _instant(job["createTime"]) > _instant(after[0]))
        ]
        start = int(asked.get("pageToken", 0))
        page = found[start : start + PAGE]
        body: dict[str, Any] = {name.rpartition("/")[2]: page} if page else {}
        if start + PAGE < len(found):
            body["nextPageToken"] = str(start + PAGE)
        return 200, body


@contextmanager
def vertex_server() -> Iterator[Vertex]:
    """A local Vertex AI, stopped at the end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            service.requests.append(self.path)
            status, body = service.answer(self.path)
            content = json.dumps(body).encode()
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    service = Vertex(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
