"""A BigQuery on this machine: the emulator, a door that can misbehave, and rows of an export."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import requests
from environments import environment
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from grid_api import Api, Asked, Reply, serving

PROJECT, DATASET = "billing-admin", "billing"


@dataclass(frozen=True)
class Emulator:
    """Where the emulator is."""

    url: str
    storage: str  # host:port

    @property
    def client(self) -> bigquery.Client:
        return bigquery.Client(
            PROJECT,
            credentials=AnonymousCredentials(),
            client_options={"api_endpoint": self.url},
        )


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def emulator() -> Iterator[Emulator]:
    """The emulator, empty but for the data set."""
    program = environment("bqemulator") / "bqemulator"
    rest, grpc = _free_port(), _free_port()
    ports = ["--rest-port", str(rest), "--grpc-port", str(grpc)]
    process = subprocess.Popen(
        [program, "start", "--ephemeral", "--project", PROJECT, "--log-level", "error", *ports],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    started = Emulator(f"http://127.0.0.1:{rest}", f"127.0.0.1:{grpc}")
    try:
        _wait_for(started, process)
        started.client.create_dataset(DATASET)
        yield started
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_for(started: Emulator, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the emulator stopped with {process.returncode}"
        try:
            requests.get(f"{started.url}/bigquery/v2/projects/{PROJECT}/datasets", timeout=2)
            return
        except requests.RequestException:
            time.sleep(0.1)
    raise AssertionError("the emulator did not answer within a minute")


Forward = Callable[[], Reply]


@contextmanager
def door(behind: Emulator, answer: Callable[[Asked, Forward], Reply]) -> Iterator[Api]:
    """An address that passes requests on to the emulator, or answers in its place."""

    def forwarded(asked: Asked) -> Reply:
        def forward() -> Reply:
            query = f"?{urlencode(asked.query)}" if asked.query else ""
            told = requests.request(
                "POST" if asked.body else "GET",
                f"{behind.url}{asked.path}{query}",
                data=asked.body or None,
                headers={"Content-Type": "application/json"},
                timeout=30,
            )
            return Reply(told.content, told.status_code, {"Content-Type": "application/json"})

        return answer(asked, forward)

    with serving(forwarded) as api:
        yield api


def is_dry_run(asked: Asked) -> bool:
    """Whether a request only asks how many bytes a query would read."""
    if not asked.body:
        return False
    return bool(json.loads(asked.body).get("configuration", {}).get("dryRun"))


def refusal(status: int, reason: str, message: str) -> Reply:
    """An error as Google's APIs tell it."""
    error = {
        "code": status,
        "message": message,
        "errors": [{"message": message, "domain": "global", "reason": reason}],
    }
    return Reply({"error": error}, status, {"Content-Type": "application/json"})


def _record(name: str, *fields: Any, mode: str = "NULLABLE") -> bigquery.SchemaField:
    inner = [f if isinstance(f, bigquery.SchemaField) else _field(f) for f in fields]
    return bigquery.SchemaField(name, "RECORD", mode=mode, fields=inner)


def _field(text: str) -> bigquery.SchemaField:
    name, _, kind = text.partition(":")
    return bigquery.SchemaField(name, kind or "STRING")


LABEL = ("key", "value")
# The detailed export as Google documents it.
DETAILED: list[bigquery.SchemaField] = [
    _field("billing_account_id"),
    _record("service", "id", "description"),
    _record("sku", "id", "description"),
    _field("usage_start_time:TIMESTAMP"),
    _field("usage_end_time:TIMESTAMP"),
    _record(
        "project",
        "id",
        "number",
        "name",
        _record("labels", *LABEL, mode="REPEATED"),
        "ancestry_numbers",
        _record("ancestors", "resource_name", "display_name", mode="REPEATED"),
    ),
    _record("labels", *LABEL, mode="REPEATED"),
    _record("system_labels", *LABEL, mode="REPEATED"),
    _record("location", "location", "country", "region", "zone"),
    _record("resource", "name", "global_name"),
    _record("tags", *LABEL, "inherited:BOOLEAN", "namespace", mode="REPEATED"),
    _field("export_time:TIMESTAMP"),
    _field("cost:FLOAT"),
    _field("currency"),
    _field("currency_conversion_rate:FLOAT"),
    _record(
        "usage",
        "amount:FLOAT",
        "unit",
        "amount_in_pricing_units:FLOAT",
        "pricing_unit",
    ),
    _record("credits", "name", "amount:FLOAT", "full_name", "id", "type", mode="REPEATED"),
    _record("invoice", "month", "publisher_type"),
    _field("cost_type"),
    _record("adjustment_info", "id", "description", "mode", "type"),
    _record(
        "price",
        "effective_price:NUMERIC",
        "tier_start_amount:NUMERIC",
        "unit",
        "pricing_unit_quantity:NUMERIC",
    ),
    _field("cost_at_list:FLOAT"),
    _field("transaction_type"),
    _field("seller_name"),
    _record("subscription", "instance_id"),
]


def create(
    where: Emulator,
    name: str,
    rows: list[dict[str, Any]],
    schema: list[bigquery.SchemaField] = DETAILED,
) -> str:
    """A table of an export with these rows, partitioned by arrival; its full name."""
    full = f"{PROJECT}.{DATASET}.{name}"
    table = bigquery.Table(full, schema=schema)
    table.time_partitioning = bigquery.TimePartitioning(type_="DAY")
    where.client.create_table(table)
    insert(where, full, rows)
    return full


def insert(where: Emulator, table: str, rows: list[dict[str, Any]]) -> None:
    """More rows of a table."""
    assert not rows or not where.client.insert_rows_json(table, rows)


def line(exported: str, cost: float, **told: Any) -> dict[str, Any]:
    """A row of the detailed export: an hour of a core, exported at an instant."""
    return {
        "billing_account_id": "0A1B2C-3D4E5F-6A7B8C",
        "service": {"id": "6F81-5844-456A", "description": "Compute Engine"},
        "sku": {"id": "D2CF-9A5A-8B8A", "description": "N2 Instance Core running in Belgium"},
        "usage_start_time": "2026-10-01T00:00:00Z",
        "usage_end_time": "2026-10-01T01:00:00Z",
        "project": {
            "id": "nlp",
            "number": "1",
            "name": "NLP",
            "labels": [{"key": "cost-center", "value": "42"}],
        },
        "labels": [{"key": "team", "value": "nlp"}],
        "system_labels": [
            {"key": "compute.googleapis.com/machine_spec", "value": "n2-standard-4"},
            {"key": "compute.googleapis.com/cores", "value": "4"},
            {"key": "compute.googleapis.com/memory", "value": "16384"},
        ],
        "location": {
            "location": "europe-west1",
            "country": "BE",
            "region": "europe-west1",
            "zone": "europe-west1-b",
        },
        "resource": {
            "name": "trainer-1",
            "global_name": "//compute.googleapis.com/projects/1/zones/europe-west1-b/instances/7",
        },
        "tags": [{"key": "env", "value": "prod", "inherited": True, "namespace": "123"}],
        "export_time": exported,
        "cost": cost,
        "currency": "EUR",
        "currency_conversion_rate": 0.9,
        "usage": {
            "amount": 14400.0,
            "unit": "seconds",
            "amount_in_pricing_units": 4.0,
            "pricing_unit": "hour",
        },
        "credits": [],
        "invoice": {"month": "202610", "publisher_type": "GOOGLE"},
        "cost_type": "regular",
        "cost_at_list": cost,
        **told,
    }


def credit(kind: str, amount: float) -> dict[str, Any]:
    """A credit of a row."""
    return {"name": kind.title(), "full_name": kind, "id": kind, "type": kind, "amount": amount}
