"""MLflow's REST API as it may answer: pages, refusals, silence, nonsense. The real server is asked
in tests/models/test_mlflow_server.py."""

import base64
import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from grid_api import NOW, Api, Asked, Reply, serving
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ingest.landing import Landing
from ingest.mlflow_answers import RUNS, Told, run_batch
from ingest.runner import SourceReport, run_source
from ingest.sources import SourceContext
from ingest.sources import mlflow as source

DAY_MS = 86_400_000
REAL = Path(__file__).resolve().parents[3] / "shared" / "real" / "mlflow"
NOW_MS = int(NOW.timestamp() * 1000)
POWER = "system/gpu_0_power_usage_watts"


def run(run_id: str, days_ago: float = 1, status: str = "FINISHED", **more: Any) -> dict[str, Any]:
    started = NOW_MS - round(days_ago * DAY_MS)
    info = {"run_id": run_id, "experiment_id": "1", "user_id": "ana", "status": status}
    info |= {"run_name": run_id, "lifecycle_stage": "active", "start_time": started}
    info |= {} if status == "RUNNING" else {"end_time": started + 60_000}
    return {"info": info | more.pop("info", {}), "data": more, "inputs": {}, "outputs": {}}


class Server:
    """MLflow's answers; `failing` says what else a path answers, by the number of the question."""

    def __init__(self, *runs: dict[str, Any]) -> None:
        self.runs = list(runs)
        self.versions: list[dict[str, Any]] = []
        self.experiments = [{"experiment_id": "1", "name": "churn"}]
        self.histories: dict[str, list[dict[str, Any]]] = {}
        self.failing: dict[str, dict[int, Reply]] = {}
        self.counts: dict[str, int] = {}

    def __call__(self, asked: Asked) -> Reply:
        path = asked.path.removeprefix("/api/2.0/mlflow/")
        number = self.counts[path] = self.counts.get(path, 0) + 1
        if number in self.failing.get(path, {}):
            return self.failing[path][number]
        if path == "experiments/search":
            return Reply({"experiments": self.experiments} if self.experiments else {})
        if path == "model-versions/search":
            return Reply({"model_versions": self.versions} if self.versions else {})
        if path == "metrics/get-history":
            return Reply({"metrics": self.histories[asked.query["run_id"]]})
        assert path == "runs/search"
        return Reply(self._page(json.loads(asked.body)))

    def _page(self, body: dict[str, Any]) -> dict[str, Any]:
        words = body["filter"].split()
        first, end = int(words[2]), int(words[-1])
        found = [r for r in self.runs if first <= int(r["info"]["start_time"]) < end]
        found.sort(key=lambda r: int(r["info"]["start_time"]))
        at = int(body.get("page_token", 0))
        page = {"runs": found[at : at + body["max_results"]]}
        if at + body["max_results"] < len(found):
            page["next_page_token"] = str(at + body["max_results"])
        return page


class Night:
    def __init__(self, root: Path) -> None:
        self.landing = Landing(root / "landing")
        self.landing.initialise(source.DATASETS)

    def read(self, api: Api, at: datetime = NOW, **told: Any) -> SourceReport:
        told = {"url": api.url, "longest_wait_s": 0, "attempts": 2, "timeout_s": 10, **told}
        report = run_source(
            source, source.Settings.model_validate(told), SourceContext("i", at), self.landing
        )
        deliveries = self.landing.deliveries()
        assert (
            deliveries["rows_in"] == deliveries["rows_landed"] + deliveries["rows_rejected"]
        ).all()
        return report

    def rows(self, dataset: str = "runs") -> list[dict[str, Any]]:
        """Of the newest delivery of each scope."""
        newest = self.landing.deliveries().filter(pl.col("dataset") == f"mlflow__{dataset}")
        newest = newest.unique("scope", keep="last", maintain_order=True)
        folder = self.landing.root / f"mlflow__{dataset}"
        files = [folder / f"{name}.parquet" for name in newest["delivery_id"]]
        return [row for f in files if f.exists() for row in pl.read_parquet(f).rows(named=True)]

    def runs(self) -> list[str]:
        return sorted(row["run_id"] for row in self.rows())

    @property
    def rejected(self) -> list[dict[str, Any]]:
        return pl.read_parquet(self.landing.root / "_rejected" / "*.parquet").rows(named=True)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="the real answers are not beside this checkout")
def test_real_answers_land_whole(night: Night) -> None:
    real = {path.stem: json.loads(path.read_text()) for path in REAL.glob("*.json")}
    server = Server(*real["runs_search"]["runs"])
    server.versions = real["model_versions_search"]["model_versions"]
    server.experiments = real["experiments_search"]
    server.histories = defaultdict(list)
    with serving(server) as api:
        report = night.read(api, datetime(2026, 11, 24, 3, tzinfo=UTC))
    assert (report.status, report.rows_rejected) == ("ok", 0)
    assert night.runs() == sorted(told["info"]["run_id"] for told in server.runs)
    assert {row["experiment_name"] for row in night.rows()} <= {"resnet", "Default"}
    used = {
        (one["name"], one["digest"]) for row in night.rows() for one in row["dataset_inputs"] or []
    }
    assert used == {("imagenet-tiny", "2981c147")}
    (version,) = night.rows("model_versions")
    assert (version["name"], version["run_id"]) == ("resnet50", server.versions[0]["run_id"])
    assert {
        (row["run_id"], one["name"], one["value"])
        for row in night.rows()
        for one in row["metrics"] or []
    } == {
        (told["info"]["run_id"], one["key"], one["value"])
        for told in server.runs
        for one in told["data"].get("metrics", [])
    }


def test_pages_land_as_days(night: Night) -> None:
    server = Server(*(run(f"r{i}", days_ago=1 + i % 3) for i in range(7)))
    server.runs[0]["data"] = {
        "metrics": [
            {"key": "loss", "value": "NaN", "timestamp": NOW_MS - 5, "step": 3},
            {"key": "top", "value": 1.7976931348623157e308, "timestamp": 2**62, "step": 0},
            {"key": "acc", "value": "0.5", "timestamp": NOW_MS + DAY_MS, "step": 0},
        ],
        "params": [{"key": "lr"}],
        "novelty": {"deep": [1]},
    }
    server.runs[0]["info"]["colour"] = "blue"
    with serving(server) as api:
        report = night.read(api, page_size=2)
    assert (report.status, report.error) == ("ok", None)
    assert night.runs() == [f"r{i}" for i in range(7)]
    assert len(night.landing.deliveries()) == 3
    (row,) = [row for row in night.rows() if row["run_id"] == "r0"]
    assert [(m["name"], m["value"]) for m in row["metrics"]] == [
        ("loss", None),
        ("top", None),
        ("acc", 0.5),
    ]
    assert row["metrics"][1]["at"] is None
    assert row["last_metric_time"] == datetime.fromtimestamp((NOW_MS - 5) / 1000, UTC)
    assert row["params"] == [{"key": "lr", "value": ""}]
    assert row["experiment_name"] == "churn"
    extra = json.loads(row["extra"])
    assert (extra["info.colour"], extra["data.novelty"]) == ("blue", {"deep": [1]})


def test_the_same_again_is_unchanged(night: Night) -> None:
    server = Server(run("a"), run("b", 3))
    with serving(server) as api:
        night.read(api)
        again = night.read(api, at=NOW + timedelta(hours=1))
    assert {d.status for d in again.deliveries} == {"unchanged"}


def test_what_may_still_change_is_read_anew(night: Night) -> None:
    """Days in the window; of earlier ones, those with a run that still runs, for a while."""
    server = Server(
        run("new", 2), run("old", 20), run("runs", 30, "RUNNING"), run("zombie", 90, "RUNNING")
    )
    with serving(server) as api:
        night.read(api)
        for item in server.runs:
            item["data"] = {"tags": [{"key": "team", "value": "late"}]}
        night.read(api, at=NOW + timedelta(hours=1))
        assert {r["run_id"] for r in night.rows() if r["tags"]} == {"new", "runs"}
        server.runs[2]["info"]["status"] = "FINISHED"
        night.read(api, at=NOW + timedelta(hours=2))
        asked = len(api.asked)
        night.read(api, at=NOW + timedelta(hours=3))
    (row,) = [row for row in night.rows() if row["run_id"] == "runs"]
    assert row["status"] == "FINISHED"
    assert len([a for a in api.asked[asked:] if a.path.endswith("runs/search")]) == 1


def test_a_long_pause_leaves_no_hole(night: Night) -> None:
    server = Server(run("a", 1))
    with serving(server) as api:
        night.read(api)
        server.runs.append(run("b", -5))
        night.read(api, at=NOW + timedelta(days=40))
    assert night.runs() == ["a", "b"]


def test_experiments_are_chosen_by_name(night: Night) -> None:
    server = Server(run("a"), run("b", 2))
    server.experiments += [{"experiment_id": "2", "name": "vision-1"}]
    with serving(server) as api:
        night.read(api)
        chosen = night.read(api, at=NOW + timedelta(hours=1), experiments=["vision-*"])
        last = next(a for a in reversed(api.asked) if a.path.endswith("runs/search"))
        assert json.loads(last.body)["experiment_ids"] == ["2"]
        server.runs = []  # the other experiment has none
        emptied = night.read(api, at=NOW + timedelta(hours=2), experiments=["vision-?"])
        nobody = night.read(api, at=NOW + timedelta(hours=3), experiments=["x"])
    assert chosen.status == emptied.status == "ok"
    assert night.runs() == []
    assert "no experiment named" in str(nobody.error)


def test_no_experiment_is_nothing(night: Night) -> None:
    server = Server()
    server.experiments = []
    with serving(server) as api:
        report = night.read(api)
    assert (report.status, report.deliveries) == ("ok", [])


def test_histories_come_once(night: Night) -> None:
    metrics = [{"key": POWER, "value": 9.0, "timestamp": NOW_MS - 1000, "step": 1}]
    server = Server(run("a", metrics=metrics), run("b", 2))
    sample = {"key": POWER, "step": 0}
    server.histories["a"] = [
        {**sample, "value": 200.5, "timestamp": NOW_MS - 9000},
        {**sample, "value": "NaN", "timestamp": NOW_MS - 8000},
        {**sample, "value": -1, "timestamp": NOW_MS - 7000},
        {**sample, "value": 5, "timestamp": 0},
    ]
    with serving(server) as api:
        report = night.read(api)
        assert report.status == "partial"
        night.read(api, at=NOW + timedelta(hours=1))
        assert server.counts["metrics/get-history"] == 1
        metrics[0]["timestamp"] += 500
        night.read(api, at=NOW + timedelta(hours=2))
        assert server.counts["metrics/get-history"] == 2
        night.read(api, at=NOW + timedelta(hours=3), system_metrics=False)
    assert [row["value"] for row in night.rows("system_metrics")] == [200.5, None]
    assert {(r["field"], r["reason"]) for r in night.rejected} == {
        ("value", "out_of_range"),
        ("timestamp", "out_of_range"),
    }
    assert server.counts["metrics/get-history"] == 2


def test_a_history_that_fails_is_asked_for_again(night: Night) -> None:
    metrics = [{"key": POWER, "value": 9.0, "timestamp": NOW_MS - 1000, "step": 1}]
    server = Server(run("a", 30, metrics=metrics), run("b", 2))
    server.histories["a"] = [{"key": POWER, "value": 7.0, "timestamp": NOW_MS - 9000, "step": 0}]
    server.failing["metrics/get-history"] = {1: Reply({"message": "odd"}, 400)}
    with serving(server) as api:
        report = night.read(api)
        assert (report.status, night.runs()) == ("partial", ["a", "b"])
        assert "system metrics of runs started on 2026-10-24: HTTP 400" in str(report.error)
        assert night.rows("system_metrics") == []
        again = night.read(api, at=NOW + timedelta(hours=1))
    assert again.status == "ok"
    assert [row["value"] for row in night.rows("system_metrics")] == [7.0]


def test_a_wrong_token_ends_the_asking(night: Night) -> None:
    with serving(lambda _: Reply({"message": "who is secret-1?"}, 401)) as api:
        report = night.read(api, token="secret-1")  # noqa: S106
    assert len(api.asked) == 1
    assert report.status == "failed"
    assert "HTTP 401 Unauthorized" in str(report.error)
    assert "token_file" in str(report.error)
    assert "secret-1" not in str(report.error)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again(status: int, night: Night) -> None:
    server = Server(run("a"))
    server.failing["runs/search"] = {1: Reply({}, status, {"Retry-After": "0"})}
    with serving(server) as api:
        report = night.read(api)
    assert (report.status, night.runs()) == ("ok", ["a"])


def test_a_server_that_goes_while_pages_are_read(night: Night) -> None:
    """Days that were whole land; the next night goes on with the day it was at."""
    server = Server(*(run(f"r{i}", days_ago=30 - i) for i in range(4)))
    gone = Reply({"message": "gone"}, 503)
    server.failing["runs/search"] = {3: gone, 4: gone}
    with serving(server) as api:
        report = night.read(api, page_size=1)
        assert report.status == "partial"
        assert "mlflow runs: HTTP 503" in str(report.error)
        assert night.runs() == ["r0"]
        again = night.read(api, at=NOW + timedelta(hours=1), page_size=1)
    assert (again.status, night.runs()) == ("ok", ["r0", "r1", "r2", "r3"])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>welcome</html>", "no JSON"),
        ({"experiments": {"a": 1}}, "no list of experiments"),
        ({"experiments": [{"name": "x"}]}, "without an id"),
        ({"experiments": [], "next_page_token": "x"}, "goes on with the page"),
    ],
)
def test_an_answer_that_is_none(body: Any, said: str, night: Night) -> None:
    with serving(lambda _: Reply(body)) as api:
        report = night.read(api)
    assert report.status == "failed"
    assert said in str(report.error)


def test_a_run_that_is_not_as_documented_is_refused_alone(night: Night) -> None:
    odd = [
        run("status", info={"status": "EXPLODED"}),
        run("end", info={"end_time": NOW_MS * 1000}),
        run("years", 1, info={"end_time": NOW_MS + 6 * 366 * DAY_MS}),
        run("metric", metrics=[{"key": "x", "value": "a lot"}]),
        run("\ud800"),
    ]
    with serving(Server(run("sound"), *odd)) as api:
        report = night.read(api)
    assert (report.status, night.runs()) == ("partial", ["sound"])
    assert sorted((r["field"] or "", r["reason"]) for r in night.rejected) == [
        ("", "not_utf8"),
        ("data.metrics.0.value", "wrong_type"),
        ("info.end_time", "out_of_range"),
        ("info.end_time", "wrong_type"),
        ("info.status", "value_not_allowed"),
    ]


def test_model_versions_follow_the_registry(night: Night) -> None:
    server = Server()
    version = {"name": "churn", "version": "1", "run_id": "a", "creation_timestamp": NOW_MS}
    server.versions = [version, {"name": "odd"}]
    with serving(server) as api:
        night.read(api)
        assert [(r["name"], r["version"]) for r in night.rows("model_versions")] == [("churn", "1")]
        server.versions = []
        night.read(api, at=NOW + timedelta(hours=1))
    assert night.rows("model_versions") == []


def test_who_asks(night: Night) -> None:
    with serving(Server()) as api:
        night.read(api, token="t-1")  # noqa: S106
        night.read(api, username="ana", password="pä ss")  # noqa: S106
    heads = [asked.headers.get("Authorization") for asked in api.asked]
    basic = "Basic " + base64.b64encode("ana:pä ss".encode()).decode()
    assert set(heads) == {"Bearer t-1", basic}


@pytest.mark.parametrize(
    "told",
    [
        {"url": "http://mlflow.example.org", "token": "t"},
        {"url": "https://mlflow.example.org", "username": "ana"},
        {"url": "https://mlflow.example.org", "token": "t", "username": "a", "password": "b"},
        {"url": "ftp://mlflow.example.org"},
        {"url": "https://mlflow.example.org", "lookback_days": 0},
    ],
)
def test_settings_that_cannot_be(told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        source.Settings.model_validate(told)


def test_plain_http_is_for_servers_that_want_no_secret() -> None:
    assert source.Settings(url="http://mlflow:5000/").url == "http://mlflow:5000"


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_json | st.builds(lambda v: {**run("x"), "data": v}, _json), max_size=4))
def test_whatever_comes_lands_or_is_refused(items: list[Any]) -> None:
    batch = run_batch("s", "f", items, Told(NOW))
    assert batch.rows.height + batch.rejected.height == len(items)
    assert batch.rows.schema == RUNS.schema
