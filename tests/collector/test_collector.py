"""What is answered with 202 is kept once; what is wrong is refused with its reason and leaves
nothing behind."""

import gzip
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import requests
import service
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service import TOKEN, Collector, event, landed, running, write_config

from ingest.collector import bodies
from ingest.collector.application import MOST_REQUESTS
from ingest.collector.limits import Limit
from ingest.collector.tokens import Tokens, hashed
from ingest.errors import ConfigError
from ingest.run_event import RunEvent
from observatory.cli import run


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """A collector for tests whose requests are all refused, or that look at answers alone."""
    folder = tmp_path_factory.mktemp("shared")
    write_config(folder)
    with running(folder) as collector:
        yield collector


def kept(collector: Collector) -> list[dict[str, Any]]:
    """The events in the open segment."""
    path = collector.folder / "inbox" / ".collector" / "open.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


# ---- Who is heard -----------------------------------------------------------------------------


def connected(collector: Collector, head: bytes = b"") -> socket.socket:
    """A client that says this much and no more."""
    host, port = collector.url.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)), timeout=20)
    client.sendall(head)
    return client


def test_silent_clients_are_in_nobody_s_way_and_end(tmp_path: Path) -> None:
    write_config(tmp_path)
    with running(tmp_path) as collector, ExitStack() as clients:
        begun = b"POST /v1/events HTTP/1.1\r\nHost:"
        silent = [clients.enter_context(connected(collector, said)) for said in [b"", begun] * 300]
        assert collector.post(event(1)).status_code == 202
        for client in silent[:2]:
            assert client.recv(100) == b"", "the collector hung up"


def test_more_requests_at_once_than_can_be_held_are_put_off(tmp_path: Path) -> None:
    write_config(tmp_path)
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Content-Length: 9\r\n\r\n"
    )
    with running(tmp_path) as collector:
        with ExitStack() as clients:
            for _ in range(MOST_REQUESTS):
                clients.enter_context(connected(collector, head.encode()))
            refused = collector.post(event(1))
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            assert collector.get("healthz").status_code == 200
        assert collector.post(event(1)).status_code == 202


# ---- What is kept -----------------------------------------------------------------------------


LINEAGE: dict[str, Any] = {
    "eventType": "COMPLETE",
    "eventTime": "2026-10-05T08:00:00Z",
    "producer": "https://example.org/client",
    "run": {"runId": "0190c1d2-0000-7000-8000-000000000001"},
    "job": {"namespace": "prod", "name": "fit"},
    "specversion": "of nobody",
}


def test_openlineage_events_are_kept_beside_run_events(tmp_path: Path) -> None:
    write_config(tmp_path)
    started = LINEAGE | {"eventType": "START"}
    with running(tmp_path) as collector:
        sent = collector.post([started, LINEAGE, LINEAGE], path="api/v1/lineage")
        assert (sent.status_code, sent.json()) == (202, {"accepted": 2, "duplicates": 1})
        # A run event may have a field of that name, which is none of the contract's.
        assert collector.post(event(1, openlineage={"a": 1})).status_code == 202
        assert sorted(landed(tmp_path)["event_id"]) == ["e-1"]
        again = collector.post(LINEAGE, path="api/v1/lineage")
        assert again.json() == {"accepted": 0, "duplicates": 1}
        collector.process.kill()
        collector.process.wait(30)
    (tmp_path / "inbox/.collector/seen.sqlite").unlink()  # it is made anew from the segments
    with running(tmp_path) as collector:
        again = collector.post([LINEAGE, started], path="api/v1/lineage")
        assert again.json() == {"accepted": 0, "duplicates": 2}
    assert landed(tmp_path).height == 1
    rows = pl.read_parquet(tmp_path / "data/landing/openlineage__events").sort("event_type")
    assert rows.select("event_type", "team", "job_name").rows() == [
        ("COMPLETE", "nlp", "fit"), ("START", "nlp", "fit"),
    ]  # fmt: skip


def test_openlineage_s_own_client_is_understood(tmp_path: Path, airflow: Path) -> None:
    write_config(tmp_path)
    with running(tmp_path) as collector:
        done = subprocess.run(
            [airflow / "python", "-c", CLIENT, collector.url, TOKEN],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert "401" in done.stdout, "a wrong token is an error for the client"
        landed(tmp_path)
    rows = pl.read_parquet(tmp_path / "data/landing/openlineage__events").sort("event_time")
    assert rows.select("event_type", "job_namespace", "job_name").rows() == [
        ("START", "prod", "fit"), ("COMPLETE", "prod", "fit"),
    ]  # fmt: skip
    assert rows["run_id"].n_unique() == 1


CLIENT = """
import sys
from datetime import datetime, timezone
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpConfig, HttpTransport
from openlineage.client.uuid import generate_new_uuid

def client(token):
    key = ApiKeyTokenProvider({"apiKey": token})
    return OpenLineageClient(transport=HttpTransport(HttpConfig(url=sys.argv[1], auth=key)))

run = Run(runId=str(generate_new_uuid()))
def event(state):
    now = datetime.now(timezone.utc).isoformat()
    return RunEvent(eventType=state, eventTime=now, run=run, job=Job("prod", "fit"), producer="https://a.b")

for state in (RunState.START, RunState.COMPLETE):
    client(sys.argv[2]).emit(event(state))
try:
    client("another").emit(event(RunState.START))
except Exception as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"eventTime": "yesterday"}, "eventTime"),
        ({"eventTime": "2099-01-01T00:00:00Z"}, "eventTime"),
        ({"run": {}}, "run.runId"),
        ({"job": None}, None),
    ],
)
def test_what_is_no_openlineage_event_is_refused(
    shared: Collector, change: dict[str, Any], field: str | None
) -> None:
    answer = shared.post(LINEAGE | change, path="api/v1/lineage")
    assert answer.status_code == 422, "OpenLineage's client sends only 5xx again"
    assert answer.json()["problems"][0]["field"] == field
    assert shared.post(LINEAGE, token=hashed("x"), path="api/v1/lineage").status_code == 401
    assert shared.post(event(1), path="api/v1/lineage").status_code == 422
    assert shared.get("api/v1/lineage").status_code == 405
    assert kept(shared) == []


def test_events_are_durable_when_answered_and_land_once(tmp_path: Path) -> None:
    write_config(tmp_path)
    with running(tmp_path) as collector:
        first = collector.post([event(1), event(2), event(2)])
        assert (first.status_code, first.json()) == (202, {"accepted": 2, "duplicates": 1})
        assert [e["event_id"] for e in kept(collector)] == ["e-1", "e-2"]
        again = collector.post(event(1), **{"Content-Type": "application/json"})
        assert (again.status_code, again.json()) == (202, {"accepted": 0, "duplicates": 1})

        # The night takes what there is, while the collector runs on.
        assert sorted(landed(tmp_path)["event_id"]) == ["e-1", "e-2"]
        assert collector.post([event(2), event(3)]).json() == {"accepted": 1, "duplicates": 1}
        assert collector.stop() == 0

    assert "Traceback" not in (tmp_path / "collector.log").read_text()
    assert kept(collector) == []  # handed over
    with running(tmp_path) as collector:
        assert collector.post([event(3), event(1)]).json() == {"accepted": 0, "duplicates": 2}
    rows = landed(tmp_path)
    assert sorted(rows["event_id"]) == ["e-1", "e-2", "e-3"]
    assert set(rows["team"]) == {"nlp"}, "an event that names no team is of its token's"


def test_events_come_bare_in_envelopes_packed_and_without_an_id(tmp_path: Path) -> None:
    write_config(tmp_path)
    envelope = {
        "specversion": "1.0",
        "id": "ce-1",
        "source": "//hook",
        "type": "org.example.run.started",
        "data": {"run_id": "r", "job_name": "j", "team": "vision", "specversion": "mine"},
    }
    bare = {"run_id": "r", "job_name": "ünï", "seed": 42}
    with running(tmp_path) as collector:
        packed = gzip.compress(json.dumps([envelope, bare]).encode())
        answer = collector.post(packed, **{"Content-Encoding": "gzip"})
        assert answer.json() == {"accepted": 2, "duplicates": 0}, answer.text
        assert collector.post(bare).json()["duplicates"] == 1
        assert collector.stop() == 0
    enveloped, plain = landed(tmp_path).sort("job_name").rows(named=True)
    assert (enveloped["event_id"], enveloped["event_type"]) == ("ce-1", "started")
    assert enveloped["team"] == "vision"
    assert json.loads(enveloped["extra"])["cloudevents"]["source"] == "//hook"
    assert json.loads(enveloped["extra"])["specversion"] == "mine"
    assert (plain["team"], json.loads(plain["extra"])) == ("nlp", {"seed": 42})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)

OPTIONAL = ["seed", "specversion", "data", *RunEvent.model_fields]
OPTIONAL = [name for name in OPTIONAL if name not in ("run_id", "job_name")]


@given(
    st.fixed_dictionaries(
        {"run_id": st.text(min_size=1), "job_name": st.text(min_size=1)},
        optional={name: JSON for name in OPTIONAL},
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_accepted_is_accepted_again_when_it_lands(given_event: dict[str, Any]) -> None:
    now = datetime(2026, 11, 23, tzinfo=UTC)
    body = json.dumps(given_event).encode()
    try:
        ((event_id, line),) = bodies.lines_of(body, "nlp", now, timedelta(days=1))
    except bodies.Refused as refused:
        assert refused.status in (400, 422)
        return
    ((again, same),) = bodies.lines_of(line, None, now, timedelta(days=1))
    assert again == event_id
    assert json.loads(same).get("run_id") == json.loads(line).get("run_id")


# ---- What is refused --------------------------------------------------------------------------

WRONG: dict[str, Any] = {
    name: {"oops": 1} if name not in ("metrics", "tags", "flex") else "text"
    for name in RunEvent.model_fields
}


@pytest.mark.parametrize("field", RunEvent.model_fields)
def test_a_field_of_the_wrong_type_is_named(shared: Collector, field: str) -> None:
    before = kept(shared)
    answer = shared.post([event(1), event(2, **{field: WRONG[field]})])
    assert answer.status_code == 422
    (problem,) = answer.json()["problems"]
    assert (problem["index"], problem["field"].split(".")[0]) == (1, field)
    assert problem["reason"] in ("wrong_type", "value_not_allowed", "missing_value")
    assert kept(shared) == before


READING = {
    "component": "cpu",
    "from": "2026-10-05T08:00:00Z",
    "to": "2026-10-05T09:00:00Z",
    "energy_j": 1.0,
}
AHEAD = (datetime.now(UTC) + timedelta(days=1)).isoformat()


@pytest.mark.parametrize(
    ("wrong", "field", "reason"),
    [
        ({"energy": [READING, {**READING, "energy_j": "1"}]}, "energy.1.energy_j", "wrong_type"),
        ({"energy": [{**READING, "to": AHEAD}]}, "energy.0.to", "out_of_range"),
        ({"metrics": {"loss": "low"}}, "metrics.loss", "wrong_type"),
        ({"duration_s": -1}, "duration_s", "out_of_range"),
        ({"run_id": ""}, "run_id", "missing_value"),
        ({"event_time": AHEAD}, "event_time", "out_of_range"),
        ({"started_at": AHEAD}, "started_at", "out_of_range"),
        ({"ended_at": AHEAD}, "ended_at", "out_of_range"),
        ({"event_time": "yesterday"}, "event_time", "wrong_type"),
        ({"note": "\ud800"}, None, "not_utf8"),
    ],
)
def test_a_wrong_value_is_named(
    shared: Collector, wrong: dict[str, Any], field: str | None, reason: str
) -> None:
    before = kept(shared)
    answer = shared.post(event(1, **wrong))
    assert answer.status_code == 422
    (problem,) = answer.json()["problems"]
    assert (problem["index"], problem["field"], problem["reason"]) == (None, field, reason)
    assert kept(shared) == before


def deep(levels: int) -> bytes:
    return b'{"run_id":"r","job_name":"j","x":' + b"[" * levels + b"]" * levels + b"}"


BOMB = gzip.compress(b'{"run_id":"' + b"a" * 200_000_000 + b'"}', 9)


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"run_id":"' + b"a" * 2**21 + b'"}', {}, 413),
        (json.dumps([event(n) for n in range(1001)]).encode(), {}, 413),
        (BOMB, {"Content-Encoding": "gzip"}, 413),
        (gzip.compress(b"{}")[:-4], {"Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"{}") + b"more", {"Content-Encoding": "gzip"}, 400),
        (b"{}", {"Content-Encoding": "gzip"}, 400),
        (b"{}", {"Content-Encoding": "br"}, 415),
        (deep(100_000), {}, 400),
        (deep(100), {}, 422),
        (b'{"run_id":"\xff","job_name":"j"}', {}, 400),
        (b'{"run_id":"r","job_name":"j","vcpus":NaN}', {}, 400),
        (b'{"run_id":"r","run_id":"s","job_name":"j"}', {}, 400),
        (b'{"run_id":"r","job_name":"j","x":1e999}', {}, 422),
        (b'{"run_id":"r","job_name":"j","x":' + b"9" * 5000 + b"}", {}, 400),
        (b'{"run_id":"r","job', {}, 400),
        (b"", {}, 400),
        (b"[]", {}, 422),
        (b"[[]]", {}, 422),
        (b"null", {}, 422),
        (b'{"specversion":"1.0","id":"i"}', {}, 422),
        (b"{}", {"Origin": "https://example.org"}, 403),
    ],
)
def test_a_body_that_is_no_event(
    shared: Collector, body: bytes, headers: dict[str, str], status: int
) -> None:
    before = kept(shared)
    answer = shared.post(body, **headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]
    assert "Traceback" not in answer.text and ".py" not in answer.text
    assert kept(shared) == before


def test_a_body_of_unknown_length_is_read_no_further_than_allowed(shared: Collector) -> None:
    def blocks() -> Iterator[bytes]:
        for _ in range(64):
            yield b"a" * 2**16

    headers = {"Authorization": f"Bearer {TOKEN}"}
    try:
        answer = requests.post(
            f"{shared.url}/v1/events", data=blocks(), headers=headers, timeout=30
        )
    except requests.ConnectionError:  # it hung up while we still sent
        return
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "authorization", [None, "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN}x"]
)
def test_without_a_token_nothing_is_read(shared: Collector, authorization: str | None) -> None:
    before = kept(shared)
    headers = {"Authorization": authorization} if authorization else {}
    answer = shared.post(event(1), token=None, **headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert kept(shared) == before


def test_what_is_not_there(shared: Collector) -> None:
    assert shared.get("v1/events").status_code == 405
    assert shared.get("nowhere").json() == {"error": "Not Found", "problems": []}


def test_counters_and_health(tmp_path: Path) -> None:
    write_config(tmp_path)
    with running(tmp_path) as collector:
        collector.post([event(1), event(1)])
        collector.post(event(2, vcpus="many"))
        assert collector.get("healthz").json() == {"status": "ok", "problem": None}
        text = collector.get("metrics").text
    for line in (
        'observatory_collector_events_total{outcome="accepted",sender="nlp"} 1.0',
        'observatory_collector_events_total{outcome="duplicate",sender="nlp"} 1.0',
        'observatory_collector_events_refused_total{reason="wrong_type",sender="nlp"} 1.0',
        'observatory_collector_requests_total{status="422"} 1.0',
        "observatory_collector_healthy 1.0",
    ):
        assert line in text


# ---- Who may send, and how much ----------------------------------------------------------------


SECOND = "an0ther-token"


def test_tokens_are_rotated_without_a_restart(tmp_path: Path) -> None:
    write_config(tmp_path)
    with running(tmp_path) as collector:
        assert collector.post(event(1)).status_code == 202
        (tmp_path / "tokens").write_text(f"# new\n{hashed(SECOND)} vision # till June\n")
        until = time.monotonic() + 15
        while collector.post(event(1)).status_code != 401 and time.monotonic() < until:
            time.sleep(0.2)
        assert collector.post(event(1)).status_code == 401
        assert collector.post(event(2), SECOND).status_code == 202
        assert kept(collector)[-1]["team"] == "vision"
        log = (tmp_path / "collector.log").read_text()
        assert TOKEN not in log and SECOND not in log


def test_a_broken_tokens_file_leaves_the_tokens_as_they_were(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("one nlp\n")
    tokens = Tokens([], file)
    file.write_text("one two three four\n")
    tokens.refresh()
    sender = tokens.sender("Bearer one")
    assert sender is not None and sender.team == "nlp"
    file.write_text("")
    tokens.refresh()
    assert tokens.sender("Bearer one") is None and tokens.are_asked


@pytest.mark.parametrize("line", ["a b c", "sha256:12", "tökén", "one /etc/passwd"])
def test_a_line_that_is_no_token(tmp_path: Path, line: str) -> None:
    (tmp_path / "tokens").write_text(line)
    with pytest.raises(ConfigError) as error:
        Tokens([], tmp_path / "tokens")
    assert line not in str(error.value)


def test_the_command_makes_a_token_and_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--json", "collector", "--new-token", "nlp"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["token"] not in made["line"]
    (tmp_path / "tokens").write_text(made["line"])
    sender = Tokens([], tmp_path / "tokens").sender(f"Bearer {made['token']}")
    assert sender is not None and sender.team == "nlp"


@pytest.mark.parametrize(
    "more",
    ['host = "0.0.0.0"', 'host = "::"', 'tls_certificate = "c"', 'tokens_file = "no"'],
)
def test_what_it_does_not_start_with(tmp_path: Path, more: str) -> None:
    config = tmp_path / "observatory.toml"
    config.write_text(f"[collector]\n{more}\n")
    done = subprocess.run(
        [sys.executable, "-m", "observatory.cli", "--config", config, "collector", "--port", "0"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2, done.stderr
    assert f"collector.{more.split(' ')[0]}" in done.stderr


def test_a_sender_is_limited_and_others_are_not() -> None:
    now = [0.0]
    limit = Limit(rate=10, burst=20, clock=lambda: now[0])
    assert limit.wait_s("a", 20) == 0
    assert limit.wait_s("a", 5) == pytest.approx(0.5)
    assert limit.wait_s("b", 5) == 0
    now[0] = 0.5
    assert limit.wait_s("a", 5) == 0
    now[0] = 100
    assert limit.wait_s("a", 1000) == 0, "what is larger than the burst waits for a full bucket"
    assert limit.wait_s("a", 1) > 0


def test_too_many_events_wait(tmp_path: Path) -> None:
    write_config(tmp_path, "events_per_s = 1\n")
    with running(tmp_path) as collector:
        assert collector.post([event(n) for n in range(30)]).status_code == 202
        refused = collector.post(event(31))
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        assert len(kept(collector)) == 30


def test_many_wrong_tokens_wait(tmp_path: Path) -> None:
    write_config(tmp_path)
    with running(tmp_path) as collector:
        statuses = [collector.post(event(1), "no").status_code for _ in range(60)]
        assert statuses[0] == 401 and statuses[-1] == 429
        assert collector.post(event(1)).status_code == 202, "who has a token is not kept out"


# ---- Segments ---------------------------------------------------------------------------------


def test_segments_are_handed_over_by_size_and_age(tmp_path: Path) -> None:
    write_config(tmp_path, "segment_mib = 1\nsegment_s = 1\n")
    inbox = tmp_path / "inbox"
    with running(tmp_path) as collector:
        for n in range(12):
            assert collector.post(event(n, note="x" * 200_000)).status_code == 202
        assert len(list(inbox.glob("collector/*/*.jsonl"))) >= 2
        until = time.monotonic() + 20
        while kept(collector) and time.monotonic() < until:
            time.sleep(0.2)
        assert not kept(collector)
    assert sorted(landed(tmp_path)["event_id"]) == sorted(f"e-{n}" for n in range(12))
    assert landed(tmp_path).height == 12


def test_one_collector_per_inbox(tmp_path: Path) -> None:
    write_config(tmp_path)
    with running(tmp_path):
        done = subprocess.run(
            [sys.executable, "-m", "observatory.cli", "--config", tmp_path / "observatory.toml",
             "collector", "--port", "0"],
            capture_output=True,
            text=True,
            timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert "another collector" in done.stderr


def test_a_stop_answers_what_waits(tmp_path: Path) -> None:
    write_config(tmp_path)
    body = json.dumps(event(1)).encode()
    with running(tmp_path) as collector:
        host, _, port = collector.url.rpartition("/")[2].partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as client:
            head = (
                f"POST /v1/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            client.sendall(head.encode() + body[:10])
            time.sleep(0.3)
            collector.process.terminate()
            time.sleep(0.3)
            client.sendall(body[10:])
            assert client.recv(4096).startswith(b"HTTP/1.1 202")
        assert collector.process.wait(30) == 0
    assert landed(tmp_path)["event_id"].to_list() == ["e-1"]


class Sender(threading.Thread):
    """Sends events, and again what was not answered, until all were answered."""

    def __init__(self, url: str, first: int, count: int) -> None:
        super().__init__()
        self.url = url
        self.events = [event(first + n) for n in range(count)]
        self.answered: set[str] = set()
        self.wrong: list[str] = []

    def run(self) -> None:
        session = requests.Session()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        for at in range(0, len(self.events), 5):
            batch = self.events[at : at + 5]
            for _ in range(2000):
                try:
                    answer = session.post(self.url, json=batch, headers=headers, timeout=10)
                except requests.RequestException:
                    time.sleep(0.02)
                    continue
                if answer.status_code == 202:
                    self.answered |= {e["event_id"] for e in batch}
                else:
                    self.wrong.append(answer.text)
                break


def test_killed_at_any_time_every_answered_event_lands_once(tmp_path: Path) -> None:
    write_config(tmp_path, "segment_mib = 1\nsegment_s = 1\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    senders = [Sender(f"http://127.0.0.1:{port}/v1/events", n * 10**6, 1500) for n in range(2)]
    collector = service.start(tmp_path, port)
    for sender in senders:
        sender.start()
    for kill in range(5):
        time.sleep(0.15 + 0.1 * kill)
        collector.process.kill()
        collector.process.wait(30)
        if kill == 2:  # a night while it is down
            landed(tmp_path)
        collector = service.start(tmp_path, port)
    for sender in senders:
        sender.join(120)
    collector.process.kill()
    collector.process.wait(30)
    with (tmp_path / "inbox" / ".collector" / "open.jsonl").open("a") as torn:
        torn.write('{"event_id": "torn", "run_id"')

    rows = landed(tmp_path)
    assert not any(sender.wrong for sender in senders)
    answered = set().union(*(sender.answered for sender in senders))
    assert len(answered) == 3000
    assert rows.height == rows["event_id"].n_unique()
    assert set(rows["event_id"]) == answered


def test_a_lost_index_is_made_anew(tmp_path: Path) -> None:
    write_config(tmp_path)
    with running(tmp_path) as collector:
        assert collector.post([event(1), event(2)]).status_code == 202
        assert collector.stop() == 0
    for path in (tmp_path / "inbox" / ".collector").glob("seen.sqlite*"):
        path.write_bytes(b"no database " * 1000)
    with running(tmp_path) as collector:
        assert collector.post([event(2), event(3)]).json() == {"accepted": 1, "duplicates": 1}
    assert sorted(landed(tmp_path)["event_id"]) == ["e-1", "e-2", "e-3"]
    assert pl.read_parquet(tmp_path / "data/landing/_deliveries").height >= 2
