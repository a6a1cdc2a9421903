"""OpenLineage events land whole, each file once; what is no event of the specification does not."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from s3_server import s3_server

from ingest.contracts import REJECTED_SCHEMA, Batch
from ingest.landing import Landing
from ingest.lineage_event import checked_lineage
from ingest.lineage_rows import LINEAGE
from ingest.run_event_checks import EventRefused
from ingest.runner import run_source
from ingest.sources import SourceContext, openlineage

PAYLOADS = Path(__file__).parent / "payloads" / "openlineage"
NOW = datetime(2026, 11, 23, 23, tzinfo=UTC)
EVENT: dict[str, Any] = {
    "eventType": "COMPLETE",
    "eventTime": "2026-10-05T08:00:00.123+02:00",
    "producer": "https://example.org/client",
    "schemaURL": "https://openlineage.io/spec/1-0-5/OpenLineage.json#/definitions/RunEvent",
    "run": {"runId": "0190c1d2-0000-7000-8000-000000000001", "facets": {"x": {"a": [1, None]}}},
    "job": {"namespace": "prod", "name": "features", "facets": None},
    "inputs": [{"namespace": "s3://lake", "name": "users", "facets": {}}],
    "outputs": None,
    "ours": {"kept": True},
}


def parse(path: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(rows, rejected) of what is under a path."""
    settings = openlineage.Settings(path=str(path))
    told = list(openlineage.read(settings, SourceContext("openlineage", NOW)))
    batches = [batch for batch in told if isinstance(batch, Batch)]
    return (
        pl.concat([pl.DataFrame(schema=LINEAGE.schema), *(batch.rows for batch in batches)]),
        pl.concat([pl.DataFrame(schema=REJECTED_SCHEMA), *(b.rejected for b in batches)]),
    )


def test_what_airflow_sends_lands() -> None:
    rows, rejected = parse(PAYLOADS / "airflow_3.3.2.jsonl")
    assert rejected.is_empty()
    assert rows["event_kind"].to_list() == ["run"] * 11
    assert rows["event_id"].n_unique() == 11
    row = rows.row(9, named=True)
    assert (row["event_type"], row["job_namespace"], row["job_name"], row["run_id"]) == (
        "COMPLETE", "prod", "train_churn.fit", "01a20a8e-de21-733e-9be2-a3bd163d6f82",
    )  # fmt: skip
    assert row["event_time"] == datetime(2026, 11, 23, 22, 37, 50, 202985, tzinfo=UTC)
    assert json.loads(row["run_facets"])["airflow"]["taskInstance"]["map_index"] == 0
    assert json.loads(row["job_facets"])["ownership"]["owners"] == [{"name": "ada"}]


def test_every_part_of_an_event_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.ndjson").write_text(json.dumps(EVENT))
    rows, rejected = parse(tmp_path)
    assert rejected.is_empty()
    (row,) = rows.rows(named=True)
    assert row["event_time"] == datetime(2026, 10, 5, 6, 0, 0, 123000, tzinfo=UTC)
    assert json.loads(row["run_facets"]) == {"x": {"a": [1, None]}}
    assert json.loads(row["inputs"]) == EVENT["inputs"]
    assert json.loads(row["extra"]) == {"ours": {"kept": True}}
    assert (row["job_facets"], row["outputs"]) == (None, None)


def test_events_of_jobs_and_data_sets_are_of_no_run(tmp_path: Path) -> None:
    static = [
        {k: v for k, v in EVENT.items() if k not in ("run", "eventType")},
        {"eventTime": EVENT["eventTime"], "dataset": {"namespace": "s3://lake", "name": "users"}},
    ]
    (tmp_path / "a.json").write_text(json.dumps([*static, EVENT], indent=1))
    rows, rejected = parse(tmp_path)
    assert rejected.is_empty()
    assert rows.select("event_kind", "run_id").rows() == [
        ("job", None), ("dataset", None), ("run", EVENT["run"]["runId"]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"eventTime": "2026-10-05T08:00:00"}, "eventTime", "wrong_type"),
        ({"eventTime": None}, "eventTime", "missing_value"),
        ({"eventType": "DONE"}, "eventType", "value_not_allowed"),
        ({"run": {"runId": ""}}, "run.runId", "missing_value"),
        ({"run": {"runId": 7}}, "run.runId", "wrong_type"),
        ({"job": None}, None, "missing_value"),
        ({"job": {"name": "a"}}, "job.namespace", "missing_value"),
        ({"job": {"namespace": "a", "name": "a", "facets": []}}, "job.facets", "wrong_type"),
        ({"inputs": {}}, "inputs", "wrong_type"),
        ({"inputs": [{"name": "a"}]}, "inputs.0.namespace", "missing_value"),
    ],
)
def test_what_breaks_the_specification_is_refused(
    change: dict[str, Any], field: str | None, reason: str
) -> None:
    event = EVENT | change
    with pytest.raises(EventRefused) as refused:
        checked_lineage(event, json.dumps(event))
    assert (refused.value.field, refused.value.reason) == (field, reason)


def test_a_run_event_is_no_openlineage_event(tmp_path: Path) -> None:
    lines = [
        '{"run_id": "r", "job_name": "j"}',
        "\xff",
        json.dumps({"openlineage": EVENT, "team": 7}),
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), "latin-1")
    rows, rejected = parse(tmp_path)
    assert rows.is_empty()
    assert rejected["reason"].to_list() == ["missing_value", "not_utf8", "missing_value"]


@given(st.lists(st.binary(max_size=60) | st.sampled_from([json.dumps(EVENT).encode()])))
def test_whatever_comes_lands_or_is_rejected(tmp_path_factory: Any, lines: list[bytes]) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "a.jsonl").write_bytes(b"\n".join(line.replace(b"\n", b"") for line in lines))
    rows, rejected = parse(folder)
    whole = sum(line == json.dumps(EVENT).encode() for line in lines)
    assert whole <= rows.height + rejected.height <= max(1, len(lines))


def test_an_object_that_did_not_change_is_not_fetched_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    landing = Landing(tmp_path)
    landing.initialise(openlineage.DATASETS)

    def night() -> tuple[str, list[str]]:
        s3.clear()
        settings = openlineage.Settings(path="s3://lake/lineage", endpoint_url=s3.url)
        context = SourceContext("lake", NOW)
        report = run_source(openlineage, settings, context, Landing(tmp_path))  # type: ignore[arg-type]
        return report.status, s3.gets()

    with s3_server() as s3:
        s3.put("lineage/a.ndjson", json.dumps(EVENT), "lake")
        s3.put("lineage/readme.txt", "no event", "lake")
        assert night() == ("ok", ["lineage/a.ndjson"])
        assert night() == ("ok", [])
        s3.put("lineage/b.ndjson", json.dumps(EVENT | {"eventType": "START"}), "lake")
        assert night() == ("ok", ["lineage/b.ndjson"])
    landed = pl.read_parquet(tmp_path / "openlineage__events")
    assert sorted(landed["event_type"]) == ["COMPLETE", "START"]
