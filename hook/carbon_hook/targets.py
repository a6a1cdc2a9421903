"""Where events go: a folder, a webhook, a Kafka topic; any number of them at once."""

from __future__ import annotations

import os
import time
from typing import Any, Dict, List, Optional

from carbon_hook.events import new_id
from carbon_hook.quiet import told
from carbon_hook.settings import HookSettings

MOST_EVENTS, MOST_BYTES = 500, 512 * 1024
ATTEMPT_S = 10.0
# The receiver understood and will never take this event: asking again does not help.
REFUSED = (400, 413, 422)


class Target:
    """One place. `send` says how many of the first lines are settled; the rest is tried again."""

    name = ""

    def send(self, lines: List[bytes]) -> int:
        """Deliver; raises when it did not work out and should be tried again."""
        raise NotImplementedError


class FolderTarget(Target):
    """A folder that the observatory reads (its inbox): one file of JSON lines per process."""

    def __init__(self, folder: str) -> None:
        self.name = "folder " + os.path.abspath(folder)
        day = time.strftime("%Y-%m-%d", time.gmtime())
        self._folder = folder
        self._path = os.path.join(folder, f"carbon-hook-{day}-{new_id()}.jsonl")

    def send(self, lines: List[bytes]) -> int:
        os.makedirs(self._folder, exist_ok=True)
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            size = os.fstat(handle).st_size
            content = b"".join(line + b"\n" for line in lines)
            try:
                if os.write(handle, content) != len(content):
                    raise OSError("the disk is full")
            except OSError:
                os.ftruncate(handle, size)  # no half line stays
                raise
        finally:
            os.close(handle)
        return len(lines)


class Webhook(Target):
    """POST of a JSON array; 2xx means that the events are safe there."""

    def __init__(self, url: str, token: Optional[str], token_file: Optional[str]) -> None:
        scheme, _, place = url.partition("://")
        host, _, path = place.partition("/")
        # The address of a collector is enough.
        self._url = url if path or not host else f"{scheme}://{host}/v1/events"
        self.name = "webhook " + self._url
        self._token = token
        self._token_file = token_file
        self._opener: Any = None

    def send(self, lines: List[bytes]) -> int:
        status = self._post(b"[" + b",".join(lines) + b"]")
        if 200 <= status < 300:
            return len(lines)
        if status in REFUSED:
            if len(lines) == 1:
                told(f"{self.name} refused an event for good ({status})")
                return 1
            # One of them is wrong: each by itself, so that the others arrive.
            return sum(self.send([line]) for line in lines)
        raise OSError(f"the answer was {status}")

    def _post(self, body: bytes) -> int:
        from urllib.error import HTTPError
        from urllib.request import HTTPRedirectHandler, Request, build_opener

        if self._opener is None:

            class Stay(HTTPRedirectHandler):
                """A redirect is an answer like any other: the token goes nowhere else."""

                def redirect_request(self, *_: Any, **__: Any) -> None:
                    return None

            self._opener = build_opener(Stay)
        headers = {"Content-Type": "application/json", "User-Agent": "carbon-hook"}
        token = self._token
        if token is None and self._token_file:
            with open(self._token_file, encoding="utf-8") as file:  # it may be rotated meanwhile
                token = file.read().strip()
        if token:
            headers["Authorization"] = "Bearer " + token
        request = Request(self._url, data=body, headers=headers, method="POST")
        try:
            with self._opener.open(request, timeout=ATTEMPT_S) as answer:
                return int(answer.status)
        except HTTPError as error:
            error.close()
            return int(error.code)


class KafkaTopic(Target):
    """`host:port,host:port/topic`, with confluent-kafka or kafka-python, whichever is installed."""

    def __init__(self, address: str) -> None:
        self.name = "kafka " + address
        self._brokers, _, self._topic = address.rpartition("/")
        self._producer: Any = None

    def send(self, lines: List[bytes]) -> int:
        try:
            from confluent_kafka import Producer
        except ImportError:
            return self._send_with_kafka_python(lines)
        if self._producer is None:
            self._producer = Producer(
                {
                    "bootstrap.servers": self._brokers,
                    "enable.idempotence": True,
                    "message.timeout.ms": int(ATTEMPT_S * 1000),
                }
            )
        failed: List[object] = []

        def heard(error: object, _: object) -> None:
            if error is not None:
                failed.append(error)

        for line in lines:
            self._producer.produce(self._topic, line, on_delivery=heard)
        left = self._producer.flush(ATTEMPT_S)
        if failed or left:
            raise OSError(f"{len(failed) + left} events did not reach the topic")
        return len(lines)

    def _send_with_kafka_python(self, lines: List[bytes]) -> int:
        from kafka import KafkaProducer

        if self._producer is None:
            self._producer = KafkaProducer(
                bootstrap_servers=self._brokers.split(","),
                acks="all",
                max_block_ms=int(ATTEMPT_S * 1000),
            )
        for sent in [self._producer.send(self._topic, line) for line in lines]:
            sent.get(timeout=ATTEMPT_S)
        return len(lines)


def batch_size(lines: List[bytes]) -> int:
    """How many of the first lines go into one delivery."""
    total = 0
    for count, line in enumerate(lines):
        total += len(line) + 1
        if count and (total > MOST_BYTES or count >= MOST_EVENTS):
            return count
    return len(lines)


def targets_of(settings: HookSettings) -> List[Target]:
    """Every target that is set."""
    found: Dict[str, Target] = {}
    for target in (
        FolderTarget(settings.inbox) if settings.inbox else None,
        Webhook(settings.url, settings.token, settings.token_file) if settings.url else None,
        KafkaTopic(settings.kafka) if settings.kafka else None,
    ):
        if target is not None:
            found[target.name] = target
    return list(found.values())
