"""Run events: is each form of the JSON understood, and each bad event refused with its reason?"""

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import bounds, found_texts
from ingest.contracts import REJECTED_SCHEMA
from ingest.landing import Landing
from ingest.run_event import RunEvent, derived_event_id, unwrap
from ingest.runner import run_source
from ingest.sources import SourceContext, registry, run_events

PAYLOADS = Path(__file__).parent / "payloads" / "run_events"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
EVENT = {"run_id": "r", "job_name": "j"}


def parse(path: Path, instance: str = "run_events") -> tuple[pl.DataFrame, pl.DataFrame]:
    """All rows and rejected rows of a path; each batch has the dataset's schema."""
    batches = list(
        run_events.read(run_events.Settings(path=str(path)), SourceContext(instance, NOW))
    )
    for batch in batches:
        assert batch.rows.schema == run_events.EVENTS.schema
        assert batch.rejected.schema == REJECTED_SCHEMA
    return (
        pl.concat([pl.DataFrame(schema=run_events.EVENTS.schema), *(b.rows for b in batches)]),
        pl.concat([pl.DataFrame(schema=REJECTED_SCHEMA), *(b.rejected for b in batches)]),
    )


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


# ---- What is understood -----------------------------------------------------------------------


def test_every_field_of_the_contract_lands_with_its_type() -> None:
    rows, rejected = parse(PAYLOADS / "events.jsonl")
    assert rejected.is_empty()
    event = rows.row(0, named=True)
    assert None not in event.values()
    assert (event["source_file"], event["source_row"]) == ("events.jsonl", 1)
    assert event["event_time"] == utc(2026, 10, 5, 9, 0, 1)
    assert event["ended_at"] == utc(2026, 10, 5, 9, 0, 0, 250_000)
    assert (event["vcpus"], event["accelerator_count"]) == (96.0, 8.0)
    assert event["dataset_rows"] == 123_456_789_012
    gpu, node = event["energy"]
    assert (gpu["component"], gpu["method"], gpu["energy_j"]) == ("accelerator", "nvml", 1.44e6)
    assert gpu["from_at"] == utc(2026, 10, 5, 8) and gpu["to_at"] == utc(2026, 10, 5, 9)
    assert (node["component"], node["boundary"], node["device_id"]) == ("all", "node", None)
    assert event["metrics"][0] == {"name": "accuracy", "value": 0.91}
    assert event["tags"][1] == {"key": "ünï", "value": "код"}
    assert json.loads(event["flex"])["regions"] == ["eu-west-1"]
    assert json.loads(event["extra"]) == {
        "seed": 42,
        "notes": {"a": [1, None]},
        "energy[1].sensor": "bmc",
    }


def test_the_least_event_gets_an_id_and_is_finished() -> None:
    rows, _ = parse(PAYLOADS / "events.jsonl")
    least, again = (rows.row(i, named=True) for i in (1, 5))
    assert least["event_type"] == "finished"
    assert least["event_time"] is None and least["extra"] is None
    assert least["event_id"] == derived_event_id({"job_name": "least", "run_id": "r-2"})
    assert again["event_id"] == least["event_id"]  # the same event with its names in another order


def test_the_envelope_names_the_event() -> None:
    rows, _ = parse(PAYLOADS / "events.jsonl")
    started, heartbeat = (rows.row(i, named=True) for i in (2, 3))
    assert (started["event_id"], started["event_type"]) == ("ce-1", "started")
    assert started["event_time"] == utc(2026, 10, 5, 8)
    assert json.loads(started["extra"])["cloudevents"]["source"] == "//hook"
    assert (heartbeat["event_id"], heartbeat["event_type"]) == ("ce-2", "heartbeat")
    assert heartbeat["event_time"] == utc(2026, 10, 5, 8, 30)


def test_an_event_without_a_time_happened_when_it_ended() -> None:
    rows, _ = parse(PAYLOADS / "events.jsonl")
    assert rows.row(4, named=True)["event_time"] == utc(2026, 10, 5, 8, 10)
    assert rows["source_row"].to_list() == [1, 2, 3, 4, 6, 7]


@pytest.mark.parametrize("name", ["bom_crlf.ndjson", "array.json", "packed.jsonl.gz"])
def test_every_form_gives_the_same_events(name: str) -> None:
    expected, _ = parse(PAYLOADS / "events.jsonl")
    rows, rejected = parse(PAYLOADS / name)
    assert rejected.is_empty()
    assert rows.drop("source_file", "source_row").equals(expected.drop("source_file", "source_row"))
    if name == "array.json":
        assert rows["source_row"].to_list() == [2, 3, 4, 5, 6, 7]


def test_one_event_may_stand_on_several_lines_of_a_json_file() -> None:
    rows, rejected = parse(PAYLOADS / "single.json")
    assert rejected.is_empty()
    assert rows.select("run_id", "source_row").rows() == [("r-2", 1)]


def test_of_a_folder_only_files_of_events_are_read(tmp_path: Path) -> None:
    for name in ("a.jsonl", "sub/b.NDJSON", "c.json", "d.jsonl.part", "README.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(EVENT))
    (tmp_path / "e.jsonl.gz").write_bytes(gzip.compress(json.dumps(EVENT).encode()))
    rows, _ = parse(tmp_path)
    assert rows["source_file"].to_list() == ["a.jsonl", "c.json", "e.jsonl.gz", "sub/b.NDJSON"]
    assert parse(tmp_path / "README.txt")[0].height == 1  # but a file that is named is read


def test_the_inbox_may_hold_segments_that_nothing_was_written_to_yet(tmp_path: Path) -> None:
    (tmp_path / "segment-1.jsonl").touch()
    rows, rejected = parse(tmp_path, "inbox")
    assert rows.is_empty() and rejected.is_empty()
    assert parse(tmp_path)[1]["reason"].to_list() == ["empty_file"]


def test_a_nul_is_a_character_as_any_other(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps(EVENT | {"run_id": "a\0b", "notes": "\0"}))
    rows, rejected = parse(tmp_path)
    assert rejected.is_empty()
    rows.write_parquet(tmp_path / "a.parquet")
    query = f"select run_id, extra ->> 'notes' from '{tmp_path}/a.parquet'"
    assert duckdb.sql(query).fetchall() == [("a\0b", "\0")]


def test_a_large_file_comes_in_batches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(found_texts, "BATCH_EVENTS", 10)
    lines = [json.dumps(EVENT | {"run_id": str(i)}) for i in range(35)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    batches = list(
        run_events.read(run_events.Settings(path=str(tmp_path)), SourceContext("run_events", NOW))
    )
    assert [b.rows.height for b in batches] == [10, 10, 10, 5]
    assert {b.scope for b in batches} == {"run_events/a.jsonl"}
    monkeypatch.setattr(found_texts, "BATCH_CHARACTERS", 3 * len(lines[20]))
    read = run_events.read(run_events.Settings(path=str(tmp_path)), SourceContext("again", NOW))
    assert max(b.rows.height for b in read) == 4, "short ones; three of the longer lines"


def test_the_source_is_registered() -> None:
    assert registry()["run_events"] is run_events


# ---- What is refused --------------------------------------------------------------------------


def test_each_wrong_field_refuses_its_event_and_no_other() -> None:
    rows, rejected = parse(PAYLOADS / "failure_values.jsonl")
    lines = (PAYLOADS / "failure_values.jsonl").read_text().splitlines()
    assert rows["source_row"].to_list() == [1]
    assert rejected["source_row"].to_list() == list(range(2, len(lines) + 1))
    for finding in rejected.iter_rows(named=True):
        raw = lines[finding["source_row"] - 1]
        assert finding["raw"] == raw
        # The event itself says what is wrong with it.
        assert f"{finding['field']} {finding['reason']}" in raw, finding
        assert finding["detail"]


START = "2020-01-01T00:00:00Z"
LATER = "2025-01-02T00:00:00Z"  # more than five years


@pytest.mark.parametrize(
    ("wrong", "field", "bound"),
    [
        ({"duration_s": 157_788_001}, "duration_s", "157788000"),
        ({"started_at": START, "ended_at": LATER}, None, "5 years (157788000 s)"),
        ({"started_at": START, "event_time": LATER}, None, "5 years (157788000 s)"),
        ({"instance_count": 1_000_001}, "instance_count", "1000000"),
        ({"attempt": 1_000_001}, "attempt", "1000000"),
        ({"vcpus": 100_001}, "vcpus", "100000"),
        ({"memory_gib": 10_000_001}, "memory_gib", "10000000"),
        ({"memory_used_gib": 10_000_001}, "memory_used_gib", "10000000"),
        ({"accelerator_count": 10_001}, "accelerator_count", "10000"),
        ({"dataset_rows": 2**63}, "dataset_rows", str(2**63 - 1)),
        ({"metrics": {"loss": float("1e308") * 10}}, "metrics.loss", "finite"),
        ({"energy": [{"energy_j": 1.1e15}]}, "energy.0.energy_j", "1000000000000000"),
        ({"energy": [{"to": "2031-10-06T09:00:00Z"}]}, "energy.0", "5 years (157788000 s)"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_cannot_be_true_is_refused_with_its_bound(
    tmp_path: Path, wrong: dict[str, Any], field: str | None, bound: str
) -> None:
    reading = {
        "component": "cpu",
        "from": "2026-10-05T08:00:00Z",
        "to": "2026-10-05T09:00:00Z",
        "energy_j": 1,
    }
    if "energy" in wrong:
        wrong = {"energy": [reading | wrong["energy"][0]]}
    lines = [json.dumps(EVENT), json.dumps(EVENT | wrong).replace("Infinity", "1e999")]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    rows, rejected = parse(tmp_path)
    assert rows["source_row"].to_list() == [1]
    assert rejected.select("source_row", "field", "reason").rows() == [(2, field, "out_of_range")]
    assert bound in rejected["detail"][0]


def test_what_is_at_its_bound_lands_and_an_old_run_may_be_reported_late(tmp_path: Path) -> None:
    events = [
        EVENT | {"duration_s": 157_788_000, "vcpus": 100_000, "accelerator_count": 10_000},
        EVENT | {"attempt": 1_000_000, "instance_count": 1_000_000, "memory_gib": 10_000_000},
        EVENT | {"started_at": START, "duration_s": 60, "event_time": LATER},
        EVENT | {"started_at": START, "ended_at": "2020-01-02T00:00:00Z", "event_time": LATER},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, events)))
    rows, rejected = parse(tmp_path)
    assert rejected.is_empty()
    assert rows.height == len(events)


def test_a_line_that_is_not_utf8_is_refused_and_kept() -> None:
    rows, rejected = parse(PAYLOADS / "failure_latin1.jsonl")
    assert rows["source_row"].to_list() == [1, 3]
    assert rejected.select("source_row", "reason").rows() == [(2, "not_utf8")]
    assert r"caf\xe9" in rejected["raw"][0]


@pytest.mark.parametrize(
    ("name", "landed", "reasons"),
    [
        ("failure_empty.jsonl", 0, ["empty_file"]),
        ("failure_open_array.json", 2, ["not_json"]),
        ("failure_garbage_array.json", 1, ["not_json"]),
        ("failure_first_line.json", 2, ["not_json"]),
    ],
)
def test_a_broken_file_lands_what_can_be_read(name: str, landed: int, reasons: list[str]) -> None:
    rows, rejected = parse(PAYLOADS / name)
    assert rows.height == landed
    assert rejected["reason"].to_list() == reasons


def test_a_cut_gzip_is_named(tmp_path: Path) -> None:
    rows, rejected = parse(PAYLOADS / "failure_truncated.jsonl.gz")
    assert rejected["reason"].to_list()[-1] == "truncated_gzip"
    assert rejected["source_row"].to_list()[-1] is None
    assert rows["run_id"].to_list() == [f"r-{i}" for i in range(rows.height)]


def test_a_field_of_a_million_characters_is_refused(tmp_path: Path) -> None:
    long = "x" * 1_000_001
    events = [EVENT, EVENT | {"notes": ["a", {"b": long}]}, EVENT | {"step": long[:-1]}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, events)))
    rows, rejected = parse(tmp_path)
    assert rows["source_row"].to_list() == [1, 3]
    assert rejected.select("source_row", "reason").rows() == [(2, "field_too_long")]


def test_nesting_without_end_and_numbers_without_end_are_refused(tmp_path: Path) -> None:
    lines = [
        "[" * 100_000,
        '{"run_id":"r","job_name":"j","x":' + "[" * 900 + "]" * 900 + "}",
        '{"run_id":"r","job_name":"j","duration_s":' + "9" * 400 + "}",
        '{"run_id":"r","job_name":"j","duration_s":' + "9" * 5_000 + "}",
        '{"run_id":"r","job_name":"j","x":' + "9" * 400 + "}",
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    rows, rejected = parse(tmp_path)
    assert rows.height + rejected.height == len(lines)
    assert {1, 3, 4} <= set(rejected["source_row"])


def test_twice_is_once_and_bad_events_make_it_partial(tmp_path: Path) -> None:
    landing = Landing(tmp_path / "landing")
    landing.initialise(run_events.DATASETS)
    for expected in ("landed", "unchanged"):
        report = run_source(
            run_events,  # type: ignore[arg-type]
            run_events.Settings(path=str(PAYLOADS / "failure_values.jsonl")),
            SourceContext("run_events", NOW),
            landing,
        )
        assert report.status == "partial"
        assert [d.status for d in report.deliveries] == [expected]
    assert report.rows_in == 1 + report.rows_rejected


# ---- Properties -------------------------------------------------------------------------------

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
name = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
ratio = st.floats(0, 1)
instant = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
events = st.fixed_dictionaries(
    {"run_id": name, "job_name": name},
    optional={
        "event_id": name,
        "event_type": st.sampled_from(["started", "heartbeat", "finished"]),
        "attempt": st.integers(1, bounds.MAX_ATTEMPT),
        "team": st.none() | text,
        "duration_s": st.floats(0, bounds.MAX_RUN_S),
        "cpu_utilization_ratio": ratio | st.sampled_from([0, 1]),
        "metrics": st.dictionaries(text, st.floats(allow_nan=False, allow_infinity=False)),
        "tags": st.dictionaries(text, text),
        "event_time": instant.map(datetime.isoformat),
        "energy": st.lists(
            st.tuples(instant, st.integers(1, 10**6), st.floats(0, bounds.MAX_ENERGY_J)).map(
                lambda reading: {
                    "component": "cpu",
                    "from": reading[0].isoformat(),
                    "to": (reading[0] + timedelta(seconds=reading[1])).isoformat(),
                    "energy_j": reading[2],
                }
            ),
            max_size=3,
        ),
    },
)


@settings(max_examples=80, deadline=None)
@given(st.lists(events, min_size=1, max_size=5), st.booleans())
def test_events_come_back(
    tmp_path_factory: pytest.TempPathFactory, sent: list[dict[str, Any]], is_ascii: bool
) -> None:
    folder = tmp_path_factory.mktemp("events")
    lines = [json.dumps(e, ensure_ascii=is_ascii) for e in sent]
    (folder / "a.jsonl").write_bytes("\n".join(lines).encode())
    rows, rejected = parse(folder)
    assert rejected.is_empty()
    for event, row in zip(sent, rows.iter_rows(named=True), strict=True):
        for field in ("run_id", "job_name", "attempt", "team", "cpu_utilization_ratio"):
            assert row[field] == event.get(field)
        assert row["duration_s"] == event.get("duration_s")
        assert row["event_id"] == event.get("event_id", derived_event_id(event))
        pairs = None if row["metrics"] is None else {m["name"]: m["value"] for m in row["metrics"]}
        assert pairs == event.get("metrics")
        pairs = None if row["tags"] is None else {t["key"]: t["value"] for t in row["tags"]}
        assert pairs == event.get("tags")
        if "event_time" in event:
            assert row["event_time"] == datetime.fromisoformat(event["event_time"])
        readings = row["energy"] or []
        assert [(r["from_at"], r["energy_j"]) for r in readings] == [
            (datetime.fromisoformat(e["from"]), e["energy_j"]) for e in event.get("energy", [])
        ]


@given(events)
def test_the_model_serves_a_receiver_of_single_events(event: dict[str, Any]) -> None:
    wrapped = {"specversion": "1.0", "id": "i", "type": "t", "source": "s", "data": event}
    assert RunEvent.model_validate(unwrap(wrapped)).run_id == event["run_id"]
    assert RunEvent.model_validate(unwrap(event)).unknown() == {}
