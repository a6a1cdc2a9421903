"""Tries of Airflow's tasks land once, whatever its API does meanwhile."""

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from airflow_server import PASSWORD, TOKEN, USER, Airflow, airflow_server
from grid_api import Api, Asked, Reply

from ingest.landing import Landing
from ingest.runner import SourceReport, run_source
from ingest.sources import SourceContext, airflow
from observatory.cli import run
from observatory.settings import load_settings

NOW = datetime(2026, 11, 24, 3, tzinfo=UTC)
LIST = "/api/v2/dags/~/dagRuns/~/taskInstances"
REAL = Path(__file__).resolve().parents[3] / "shared" / "real" / "airflow" / "taskinstances.json"


def night(root: Path, server: Api, at: datetime = NOW, **told: Any) -> SourceReport:
    landing = Landing(root)
    landing.initialise(airflow.DATASETS)
    given = {"username": USER, "password": PASSWORD, "longest_wait_s": 1, "attempts": 2} | told
    settings = airflow.Settings(url=server.url, **given)
    return run_source(airflow, settings, SourceContext("prod", at), landing)  # type: ignore[arg-type]


def landed(root: Path) -> pl.DataFrame:
    return pl.read_parquet(root / "airflow__task_tries")


def keys(root: Path) -> list[tuple[Any, ...]]:
    rows = landed(root).select("task_id", "map_index", "try_number", "state")
    return sorted(rows.rows())


ALL = [
    ("bad", -1, 1, "failed"),
    ("fit", 0, 1, "success"),
    ("fit", 1, 1, "success"),
    ("prep", -1, 1, "failed"),
    ("prep", -1, 2, "success"),
]


@pytest.mark.skipif(not REAL.is_file(), reason="the real answers are not beside this checkout")
def test_of_real_answers_no_try_is_lost(tmp_path: Path) -> None:
    server = Airflow()
    server.instances = json.loads(REAL.read_text())["task_instances"]
    server.tries = {
        told["task_id"]: [one for one in server.instances if one["task_id"] == told["task_id"]]
        for told in server.instances
    }
    with airflow_server(server) as api:
        report = night(tmp_path, api, page=2)
    known = {(i["task_id"], i["map_index"], i["try_number"], i["state"]) for i in server.instances}
    assert (report.status, report.rows_rejected) == ("ok", 0)
    assert set(keys(tmp_path)) == known
    durations = {i["id"]: i["duration"] for i in server.instances}
    rows = landed(tmp_path).select("duration").to_series()
    assert sorted(rows.unique()) == sorted(set(durations.values()))


@pytest.mark.parametrize("page", [100, 1, 3])
def test_every_try_lands_with_its_own_times(tmp_path: Path, page: int) -> None:
    with airflow_server(Airflow()) as api:
        report = night(tmp_path, api, page=page)
    assert (report.status, report.rows_landed) == ("ok", 5)
    assert keys(tmp_path) == ALL
    row = landed(tmp_path).filter(task_id="prep", try_number=1).row(0, named=True)
    assert row["start_date"] == datetime(2026, 11, 23, 22, 37, 45, 902152, tzinfo=UTC)
    assert row["end_date"] == datetime(2026, 11, 23, 22, 37, 48, 617482, tzinfo=UTC)
    assert (row["operator"], row["queue"], row["pool"], row["hostname"]) == (
        "_PythonDecoratedOperator", "default", "default_pool", "vm",
    )  # fmt: skip
    assert (row["owners"], row["dag_tags"]) == ("ada", '["growth", "ml"]')


def test_the_next_night_asks_for_what_was_updated_since(tmp_path: Path) -> None:
    server = Airflow()
    with airflow_server(server) as api:
        night(tmp_path, api, days=2)
        server.instances = []
        assert night(tmp_path, api, NOW + timedelta(days=1)).deliveries == []
        server.instances = [Airflow().instances[0] | {"state": "failed"}]
        night(tmp_path, api, NOW + timedelta(days=2))
        asked = [a.query for a in api.asked if a.path == LIST]
    assert [q["updated_at_gte"] for q in asked] == [
        "2026-11-22T03:00:00Z", "2026-11-24T02:55:00Z", "2026-11-24T02:55:00Z",
    ]  # fmt: skip
    assert asked[0]["updated_at_lte"] == "2026-11-24T02:55:00Z"
    assert len(keys(tmp_path)) == 6


def test_airflow_2_is_asked_with_a_password(tmp_path: Path) -> None:
    with airflow_server(Airflow("v1")) as api:
        assert night(tmp_path, api, api="v1").status == "ok"
        assert {asked.path.split("/")[2] for asked in api.asked} == {"v1"}
    assert keys(tmp_path) == ALL


def test_a_token_that_is_given_is_used(tmp_path: Path) -> None:
    with airflow_server(Airflow()) as api:
        assert night(tmp_path, api, token=TOKEN, username=None).status == "ok"
        assert "/auth/token" not in {asked.path for asked in api.asked}


def test_a_list_that_changes_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    server = Airflow()
    gone: list[Any] = []

    def updated_meanwhile(asked: Asked) -> Reply | None:
        if asked.path == LIST and asked.query["offset"] == "2" and not gone:
            gone.append(server.instances.pop(0))  # and those after it move up a page
        return None

    server.faults.append(updated_meanwhile)
    with airflow_server(server) as api:
        assert night(tmp_path, api, page=2).status == "ok"
    assert keys(tmp_path) == [key for key in ALL if key[:2] != ("fit", 0)]


@pytest.mark.parametrize("api", ["v1", "v2"])
def test_a_list_without_an_order_is_read_whole(tmp_path: Path, api: str) -> None:
    """As Airflow 2 lists: each page of another order, the number right."""
    server = Airflow(api)
    every = [
        server.instances[0] | {"map_index": n, "try_number": 1, "updated_at": updated(n)}
        for n in range(40)
    ]

    def without_order(asked: Asked) -> Reply | None:
        if not asked.path.endswith("/~/taskInstances"):
            return None
        since, until = asked.query["updated_at_gte"], asked.query["updated_at_lte"]
        found = [i for i in every if instant(since) <= instant(i["updated_at"]) <= instant(until)]
        shift = int(asked.query["offset"]) // 2
        turned = found[shift:] + found[:shift]
        first, limit = int(asked.query["offset"]), int(asked.query["limit"])
        page = turned[first : first + limit]
        return Reply({"task_instances": page, "total_entries": len(found)})

    server.faults.append(without_order)
    with airflow_server(server) as running:
        assert night(tmp_path, running, page=10, api=api).status == "ok"
    assert sorted(landed(tmp_path)["map_index"]) == list(range(40))


def updated(number: int) -> str:
    return (NOW - timedelta(days=9) + timedelta(minutes=number)).isoformat()


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_list_that_never_holds_still_is_told(tmp_path: Path) -> None:
    server = Airflow()

    def always(asked: Asked) -> Reply | None:
        if asked.path == LIST and asked.query["offset"] == "2":
            server.instances.append(server.instances[0])
        return None

    server.faults.append(always)
    with airflow_server(server) as api:
        report = night(tmp_path, api, page=2)
    assert report.status == "failed"
    assert "changed while" in str(report.error)
    assert landed(tmp_path).is_empty()


@pytest.mark.parametrize(
    ("status", "says"), [(401, "credentials"), (403, "Viewer"), (404, "`api`"), (500, "HTTP 500")]
)
def test_a_refusal_says_what_to_do_and_no_secret(tmp_path: Path, status: int, says: str) -> None:
    server = Airflow()
    server.faults.append(lambda asked: Reply({"message": f"{TOKEN} has no role"}, status)
                         if asked.path == LIST else None)  # fmt: skip
    with airflow_server(server) as api:
        report = night(tmp_path, api, longest_wait_s=0)
    assert report.status == "failed"
    assert says in str(report.error)
    assert TOKEN not in str(report.error)
    assert PASSWORD not in str(report.error)


def test_a_wrong_password_is_told(tmp_path: Path) -> None:
    with airflow_server(Airflow()) as api:
        report = night(tmp_path, api, password="another-one")  # noqa: S106
    assert report.status == "failed"
    assert "password_file" in str(report.error)
    assert "another-one" not in str(report.error)


def test_too_many_requests_are_waited_for(tmp_path: Path) -> None:
    server = Airflow()
    told: list[str] = []

    def busy(asked: Asked) -> Reply | None:
        if asked.path in told:
            return None
        told.append(asked.path)
        return Reply({}, 429, {"Retry-After": "0"})

    server.faults.append(busy)
    with airflow_server(server) as api:
        assert night(tmp_path, api).status == "ok"
    assert keys(tmp_path) == ALL


def test_tries_that_are_gone_leave_the_last_one(tmp_path: Path) -> None:
    server = Airflow()
    server.tries = {}
    with airflow_server(server) as api:
        report = night(tmp_path, api)
    assert (report.status, report.rows_landed) == ("partial", 4)
    assert "of 1 task(s)" in str(report.error)


def test_what_cannot_be_understood_is_rejected(tmp_path: Path) -> None:
    server = Airflow()
    first = server.instances[0]
    server.instances += [
        first | {"task_id": "waits", "state": None, "start_date": None},
        first | {"task_id": "new", "state": "teleported"},
        first | {"task_id": "late", "start_date": "yesterday"},
        first | {"task_id": 7},
        first | {"map_index": 10**30},
        first | {"task_id": "half", "queue": "\ud800"},
    ]
    with airflow_server(server) as api:
        report = night(tmp_path, api)
    assert (report.status, report.rows_landed, report.rows_rejected) == ("partial", 5, 5)
    rejected = pl.read_parquet(tmp_path / "_rejected").sort("source_row")
    assert rejected.select("field", "reason").rows() == [
        ("state", "value_not_allowed"), ("start_date", "wrong_type"), ("task_id", "wrong_type"),
        ("map_index", "out_of_range"), ("queue", "not_utf8"),
    ]  # fmt: skip


def test_an_answer_of_something_else_is_told(tmp_path: Path) -> None:
    server = Airflow()
    server.faults.append(lambda asked: Reply([1]) if asked.path == LIST else None)
    with airflow_server(server) as api:
        assert "no list `task_instances`" in str(night(tmp_path, api).error)
        report = night(tmp_path, api, username=None)
    assert "give `username`" in str(report.error)


def test_the_settings_of_the_page_hold(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "airflow.md").read_text()
    blocks = re.findall(r"```(sh|toml)\n(.*?)```", text, re.S)
    (make_password,) = [code for kind, code in blocks if kind == "sh" and "password" in code]
    subprocess.run(["bash", "-euc", make_password], cwd=tmp_path, check=True)
    with airflow_server(Airflow()) as api:
        config = "".join(code for kind, code in blocks if kind == "toml")
        config = config.replace("http://localhost:8080", api.url)
        (tmp_path / "observatory.toml").write_text(config)
        (tmp_path / "airflow-password").write_text(PASSWORD)
        assert run(["--config", str(tmp_path / "observatory.toml"), "ingest", "airflow"]) == 0
    assert load_settings(tmp_path / "observatory.toml").runs.jobs == ("train_*.fit", "scoring.*")
    assert keys(tmp_path / "data" / "landing") == ALL
