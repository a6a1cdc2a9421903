"""Kafka: events from a topic, one message per event, drained to its end as of the start.

A topic holds run events, or OpenLineage events where its `format` says so.

A delivery is what a night read of one partition: the offsets `[from, to)` are its marks, and the
next night goes on at the newest `to` that landed. Our manifest decides, so a crash at any point
neither loses nor doubles an event; the group's offsets are committed after landing, for those who
watch the lag. `source_file` is the topic and partition, `source_row` the offset, also of rejected
messages. A new instance name reads a topic from its beginning again.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from ingest.contracts import Batch, Complete, Failure, Told
from ingest.errors import SourceConfigError, SourceUnavailable
from ingest.found_texts import FoundTexts
from ingest.lineage_rows import LINEAGE, FoundLineage
from ingest.run_event_rows import Found
from ingest.sources import SourceContext, SourceSettings
from ingest.sources.run_events import EVENTS

if TYPE_CHECKING:
    from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

logger = logging.getLogger(__name__)

NAME = "kafka"
DATASETS = (EVENTS, LINEAGE)

POLLED_MESSAGES = 1_000


class Settings(SourceSettings):
    """`[sources.kafka]`: one topic; several are instances of their own."""

    brokers: str = Field(
        min_length=1, examples=["kafka-1:9093,kafka-2:9093"], description="host:port, of some."
    )
    topic: str = Field(min_length=1, examples=["ml-run-events"], description="The topic.")
    format: Literal["run_events", "openlineage"] = Field(
        "run_events", description="What its messages are: run_events or openlineage."
    )
    group: str = Field(
        "ml-carbon-observatory",
        min_length=1,
        description="The group whose offsets say how far landing is.",
    )
    security_protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        "plaintext", description="plaintext, ssl, sasl_plaintext or sasl_ssl."
    )
    ca_file: Path | None = Field(
        None,
        examples=["/etc/ssl/kafka-ca.pem"],
        description="Certificates (PEM) that the brokers' are checked with; else the machine's.",
    )
    certificate_file: Path | None = Field(
        None, examples=["/etc/ssl/observatory.pem"], description="Our own certificate (PEM)."
    )
    key_file: Path | None = Field(None, description="Its private key (PEM).")
    key_password: SecretStr | None = Field(None, description="The key's password.")
    key_password_file: Path | None = Field(None, description="A file that holds it instead.")
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."
    )
    sasl_username: str | None = Field(
        None, examples=["observatory"], description="The user, with SASL."
    )
    sasl_password: SecretStr | None = Field(None, description="The user's password.")
    sasl_password_file: Path | None = Field(None, description="A file that holds it instead.")
    timeout_s: float = Field(
        30.0, gt=0, le=600, description="How long to wait for a broker, in seconds."
    )

    @field_validator("ca_file", "certificate_file", "key_file")
    @classmethod
    def _resolve(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        base = (info.context or {}).get("base")
        return value if value is None or base is None else Path(base) / value.expanduser()


@dataclass(frozen=True)
class _Span:
    """What is to be read of a partition: `[first, end)`."""

    partition: int
    first: int
    end: int


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Told]:
    """One delivery per partition with something new; each is complete by itself."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them
    topic = _Topic(settings)
    try:
        partitions = topic.partitions()
        landed = _landed(context.delivered, topic)
        for partition in partitions:
            low, high = topic.watermarks(partition)
            first = landed.get(partition, low)
            if first > high:
                yield Failure(
                    f"{settings.topic}/{partition}: ends at offset {high}, but everything before "
                    f"{first} landed: was the topic made anew? Read it as an instance of another "
                    "name, [sources.kafka.NAME]"
                )
                continue
            if first < low:
                yield Failure(
                    f"{settings.topic}/{partition}: the offsets {first} to {low - 1} were deleted "
                    "before they landed; have the topic keep its messages longer"
                )
            span = _Span(partition, max(first, low), high)
            if span.first < span.end:
                found = _found(settings, f"{topic.name}/{partition}")
                yield from _delivery(topic, span, found, context.instance)
            elif partition in landed:
                topic.commit(partition, span.first)  # a crash may have come before it
    finally:
        topic.close()


def _found(settings: Settings, name: str) -> FoundTexts:
    """What takes the messages of a partition in."""
    if settings.format == "openlineage":
        return FoundLineage(LINEAGE, name)
    return Found(EVENTS, name)


def _delivery(topic: "_Topic", span: _Span, found: FoundTexts, instance: str) -> Iterator[Told]:
    """The messages of a span, then its marks, then the group's offset."""
    dataset = found.dataset
    scope = f"{NAME}/{instance}/{found.source_file}/{span.first}"
    end = span.first
    problem = None
    try:
        for message in topic.messages(span):
            offset, value = message.offset(), message.value()
            assert offset is not None  # noqa: S101 - it came from a broker
            end = offset + 1
            if value is None:
                found.refuse(offset, None, "missing_value", "the message is empty", "")
            else:
                found.add(offset, _text(value))
            if found.is_full:
                yield Batch(dataset, scope, *found.take())
        end = span.end
    except SourceUnavailable as error:
        problem = f"{error}; what came before offset {end} lands, the rest with the next night"
    if end > span.first:
        yield Batch(dataset, scope, *found.take())
        marks = {
            "cluster": topic.cluster,
            "topic": topic.name,
            "partition": str(span.partition),
            "from": str(span.first),
            "to": str(end),
        }
        yield Complete(dataset, scope, marks)
        topic.commit(span.partition, end)
    if problem is not None:
        yield Failure(problem)


def _landed(
    delivered: Mapping[tuple[str, str], Mapping[str, str]], topic: "_Topic"
) -> dict[int, int]:
    """Partition → the first offset that has not landed, of this cluster's topic."""
    landed: dict[int, int] = {}
    for marks in delivered.values():
        if (marks.get("cluster"), marks.get("topic")) == (topic.cluster, topic.name):
            partition = int(marks["partition"])
            landed[partition] = max(landed.get(partition, 0), int(marks["to"]))
    return landed


def _text(value: str | bytes) -> str | bytes:
    if isinstance(value, str):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


class _Topic:
    """A consumer of one topic. Raises SourceUnavailable, SourceConfigError."""

    def __init__(self, settings: Settings) -> None:
        try:
            import confluent_kafka
        except ImportError:
            raise SourceConfigError(
                "kafka: the client is not installed; install confluent-kafka, or this package "
                "with its extra `kafka`"
            ) from None
        self.kafka = confluent_kafka
        self.name = settings.topic
        self.brokers = settings.brokers
        self.timeout_s = settings.timeout_s
        self.cluster = ""
        self.trouble: str | None = None
        try:
            self.consumer: Consumer = confluent_kafka.Consumer(
                {**_configuration(settings), "error_cb": self._hear}, logger=logger
            )
        except confluent_kafka.KafkaException as error:
            raise SourceConfigError(f"kafka: {_said(error)}") from None

    def _hear(self, error: "KafkaError") -> None:
        self.trouble = error.str()

    def partitions(self) -> list[int]:
        """The topic's partitions."""
        try:
            cluster = self.consumer.list_topics(self.name, timeout=self.timeout_s)
        except self.kafka.KafkaException as error:
            raise self._unavailable(_said(error)) from None
        self.cluster = cluster.cluster_id or ""
        found = cluster.topics[self.name]
        if found.error is not None:
            raise self._unavailable(f"topic {self.name}: {found.error.str()}")
        return sorted(found.partitions)

    def watermarks(self, partition: int) -> tuple[int, int]:
        """(first offset there is, end of what is committed) now."""
        try:
            low, high = self.consumer.get_watermark_offsets(
                self._at(partition), timeout=self.timeout_s
            )
        except self.kafka.KafkaException as error:
            raise self._unavailable(_said(error)) from None
        return low, high

    def messages(self, span: _Span) -> Iterator["Message"]:
        """The messages of a span in order; offsets may be missing (compaction, transactions)."""
        self.consumer.assign([self._at(span.partition, span.first)])
        while True:
            first = self.consumer.poll(self.timeout_s)
            if first is None:
                raise self._unavailable(
                    f"{self.name}/{span.partition}: nothing came for {self.timeout_s:g} s"
                )
            # `consume` waits until it has as many as it may have: only for what is there.
            for message in (first, *self.consumer.consume(POLLED_MESSAGES, timeout=0)):
                error, offset = message.error(), message.offset()
                if error is not None and error.code() != self.kafka.KafkaError._PARTITION_EOF:
                    raise self._unavailable(f"{self.name}/{span.partition}: {error.str()}")
                if offset is not None and offset >= span.end:
                    return
                if error is None:
                    yield message
                    if message.offset() == span.end - 1:
                        return
                elif offset is None or offset < span.end:
                    raise self._unavailable(
                        f"{self.name}/{span.partition}: ends at offset {offset}, but said "
                        f"{span.end}"
                    )

    def commit(self, partition: int, offset: int) -> None:
        """Tell the group how far landing is. If it cannot be told, nothing depends on it."""
        try:
            self.consumer.commit(offsets=[self._at(partition, offset)], asynchronous=False)
        except self.kafka.KafkaException as error:
            logger.warning(
                "%s/%d: landed up to offset %d, but the group was not told: %s",
                self.name,
                partition,
                offset,
                _said(error),
            )

    def close(self) -> None:
        self.consumer.close()

    def _at(self, partition: int, offset: int = 0) -> "TopicPartition":
        return self.kafka.TopicPartition(self.name, partition, offset)

    def _unavailable(self, what: str) -> SourceUnavailable:
        heard = f" ({self.trouble})" if self.trouble else ""
        return SourceUnavailable(f"kafka {self.brokers}: {what}{heard}")


def _said(error: BaseException) -> str:
    """What a KafkaException says."""
    first = error.args[0] if error.args else error
    told = getattr(first, "str", None)
    return str(told() if callable(told) else first)


def _configuration(settings: Settings) -> dict[str, object]:
    """What librdkafka is told. Raises SourceConfigError."""
    given: dict[str, object] = {
        "bootstrap.servers": settings.brokers,
        "group.id": settings.group,
        "client.id": "ml-carbon-observatory",
        "security.protocol": settings.security_protocol,
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
        "isolation.level": "read_committed",
        "allow.auto.create.topics": False,
        "socket.timeout.ms": max(1000, round(settings.timeout_s * 1000)),
    }
    if settings.security_protocol.startswith("sasl"):
        if settings.sasl_username is None or settings.sasl_password is None:
            raise SourceConfigError(
                f"kafka: security_protocol {settings.security_protocol} needs sasl_username and "
                "sasl_password_file"
            )
        given["sasl.mechanism"] = settings.sasl_mechanism
        given["sasl.username"] = settings.sasl_username
        given["sasl.password"] = settings.sasl_password.get_secret_value()
    files = {
        "ssl.ca.location": settings.ca_file,
        "ssl.certificate.location": settings.certificate_file,
        "ssl.key.location": settings.key_file,
    }
    given |= {name: str(path) for name, path in files.items() if path is not None}
    if settings.key_password is not None:
        given["ssl.key.password"] = settings.key_password.get_secret_value()
    return given
