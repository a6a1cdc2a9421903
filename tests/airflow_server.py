"""An Airflow's REST API: what a real one answered, behind the ways in which it can go wrong."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from grid_api import Api, Asked, Reply, serving

PAYLOADS = Path(__file__).parent / "ingest" / "payloads" / "airflow"
USER, PASSWORD, TOKEN = "observatory", "pass-w0rd", "a-token"
Fault = Callable[[Asked], Reply | None]


def payload(name: str) -> Any:
    """What Airflow 3.3.2 answered."""
    return json.loads((PAYLOADS / f"{name}.json").read_text())


class Airflow:
    """The answers of one Airflow; `instances`, `tries` and `faults` may be changed by the test."""

    def __init__(self, api: str = "v2") -> None:
        self.prefix = f"/api/{api}/"
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        self.authorization = f"Bearer {TOKEN}" if api == "v2" else f"Basic {basic}"
        self.instances: list[dict[str, Any]] = payload("task_instances")["task_instances"]
        self.tries: dict[str, list[dict[str, Any]]] = {
            "prep": payload("tries_prep")["task_instances"]
        }
        self.dags: list[dict[str, Any]] = payload("dags")["dags"]
        self.faults: list[Fault] = []

    def answer(self, asked: Asked) -> Reply:
        for fault in self.faults:
            if (reply := fault(asked)) is not None:
                return reply
        if asked.path == "/auth/token":
            is_known = json.loads(asked.body) == {"username": USER, "password": PASSWORD}
            return Reply({"access_token": TOKEN}, 201) if is_known else Reply({"detail": "no"}, 401)
        if asked.headers.get("Authorization") != self.authorization:
            return Reply({"detail": "Invalid token"}, 401)
        path = asked.path.removeprefix(self.prefix)
        if path == "dags":
            return self._page("dags", self.dags, asked)
        if path == "dags/~/dagRuns/~/taskInstances":
            return self._page("task_instances", self.instances, asked)
        task = path.split("/taskInstances/")[-1].split("/")[0]
        if path.endswith("/tries") and task in self.tries:
            return Reply({"task_instances": self.tries[task], "total_entries": 2})
        return Reply({"detail": "not found"}, 404)

    @staticmethod
    def _page(name: str, items: list[dict[str, Any]], asked: Asked) -> Reply:
        first, limit = int(asked.query["offset"]), int(asked.query["limit"])
        return Reply({name: items[first : first + limit], "total_entries": len(items)})


@contextmanager
def airflow_server(airflow: Airflow) -> Iterator[Api]:
    """The server, on a free port of this machine."""
    with serving(airflow.answer) as api:
        yield api
