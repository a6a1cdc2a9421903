"""The collector under load, and killed under load.

python bench/collector.py [--rate 2000] [--seconds 20] [--kills 50]

Events are sent at a fixed rate, whether or not earlier ones were answered, from this process; a
request's time counts from when it was due. Then the collector is killed at random again and again
while events are sent until each is answered, and one ingest has to land each of them once.
"""

import argparse
import asyncio
import gc
import json
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import polars as pl
import uvloop
from common import OBSERVATORY, OUT, observatory, show, write_config

FOLDER = OUT / "collector"
BATCHES = (1, 10, 100)
CONNECTIONS = 64
TOKEN = "of-the-benchmark"  # noqa: S105 - of nobody


def event(event_id: str) -> dict[str, Any]:
    """A heartbeat as the hook sends them."""
    return {
        "event_id": event_id,
        "event_type": "heartbeat",
        "event_time": "2026-10-05T08:00:00Z",
        "run_id": f"run-{event_id}",
        "job_name": "train",
        "team": "nlp",
        "started_at": "2026-10-05T07:00:00Z",
        "duration_s": 3600.5,
        "provider": "aws",
        "region": "eu-west-1",
        "instance_type": "p4d.24xlarge",
        "cpu_utilization_ratio": 0.5,
        "accelerator_utilization_ratio": 0.9,
        "energy": [
            {
                "component": "accelerator",
                "device_id": f"GPU-{n}",
                "method": "nvml",
                "from": "2026-10-05T07:59:00Z",
                "to": "2026-10-05T08:00:00Z",
                "energy_j": 18000.5,
            }
            for n in range(2)
        ],
        "metrics": {"loss": 0.25},
        "tags": {"cost_centre": "42"},
    }


class Service:
    """A collector on a port that stays the same when it is started again."""

    def __init__(self, config: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.config = config
        self.url = f"http://127.0.0.1:{self.port}/v1/events"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self.process = subprocess.Popen(
            [OBSERVATORY, "--config", self.config, "collector", "--port", str(self.port)],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                assert self.process.poll() is None
                time.sleep(0.01)

    def end(self, number: int) -> None:
        """Send a signal, and wait for the end."""
        self.process.send_signal(number)
        self.process.wait(60)

    def cpu_s(self) -> float:
        """CPU time it used so far, s."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100


def session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )


async def load(url: str, batch: int, rate: float, seconds: float) -> dict[str, float]:
    """Send for some seconds at a rate; the rate of answers and the quantiles of their times.

    Over bare connections: a client library would need more of the machine than the collector.
    """
    address = urlsplit(url)
    requests = int(rate * seconds / batch)
    head = f"POST {address.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    due: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
    took_s: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        while (waiting := await due.get()) is not None:
            at, request = waiting
            writer.write(request)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 202"), answer
            length = re.search(rb"content-length: (\d+)", answer)
            assert length is not None
            await reader.readexactly(int(length[1]))
            took_s.append(time.perf_counter() - at)
        writer.close()

    bodies = [
        json.dumps([event(f"{batch}-{n}-{m}") for m in range(batch)]).encode()
        for n in range(requests)
    ]
    gc.freeze()  # not to measure our own pauses
    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(connection())
        started = time.perf_counter()
        for number, body in enumerate(bodies):
            at = started + number * batch / rate
            if (early := at - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            due.put_nowait((at, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body))
        for _ in range(CONNECTIONS):
            due.put_nowait(None)
    duration_s = time.perf_counter() - started
    took_s.sort()
    return {
        "events_per_s": requests * batch / duration_s,
        "p50_ms": took_s[len(took_s) // 2] * 1000,
        "p99_ms": took_s[int(len(took_s) * 0.99)] * 1000,
    }


async def kill_under_load(service: Service, kills: int) -> set[str]:
    """The ids that were answered; each event is sent until it is."""
    answered: set[str] = set()
    ending = asyncio.Event()

    async def send(client: aiohttp.ClientSession, name: int) -> None:
        number = 0
        while not ending.is_set():
            ids = [f"kill-{name}-{number}-{n}" for n in range(10)]
            number += 1
            body = json.dumps([event(i) for i in ids]).encode()
            while True:
                try:
                    async with client.post(service.url, data=body) as answer:
                        assert answer.status == 202, await answer.text()
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.02)
            answered.update(ids)
            await asyncio.sleep(0.01)

    async with session() as client, asyncio.TaskGroup() as group:
        for name in range(8):
            group.create_task(send(client, name))
        for _ in range(kills):
            await asyncio.sleep(random.uniform(0.05, 1.0))
            await asyncio.to_thread(service.end, signal.SIGKILL)
            await asyncio.to_thread(service.start)
        ending.set()
    return answered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=float, default=2000, help="events per second")
    parser.add_argument("--seconds", type=float, default=20, help="of each load")
    parser.add_argument("--kills", type=int, default=50)
    options = parser.parse_args()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    config = write_config(FOLDER, f'[collector]\ntokens = ["{TOKEN}"]\nsegment_mib = 4\n')
    service = Service(config)
    rows, result = [], {"rate": options.rate, "kills": options.kills}
    for batch in BATCHES:
        cpu_s = service.cpu_s()
        found = uvloop.run(load(service.url, batch, options.rate, options.seconds))
        found["cpu_ratio"] = (service.cpu_s() - cpu_s) / options.seconds
        result[f"batch_{batch}"] = found
        rows.append(
            (
                f"{batch} event(s) a request",
                f"{found['events_per_s']:,.0f} events/s, p50 {found['p50_ms']:.1f} ms, "
                f"p99 {found['p99_ms']:.1f} ms, {found['cpu_ratio']:.0%} of a core",
            )
        )
    answered = asyncio.run(kill_under_load(service, options.kills))
    service.end(signal.SIGKILL)
    observatory(config, "ingest")
    landed = pl.read_parquet(FOLDER / "data/landing/run_events__events")["event_id"]
    of_kills = landed.filter(landed.str.starts_with("kill-"))
    assert landed.n_unique() == landed.len(), "an event landed twice"
    assert set(of_kills) == answered, "an answered event is not there, or one that never was"
    rows.append(
        (f"killed {options.kills} times", f"{len(answered):,} answered events, each landed once")
    )
    show(rows, result | {"answered": len(answered)}, "collector")
    shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main()
