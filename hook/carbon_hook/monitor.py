"""The monitor: reads what a run uses and reports it, beside the job and never inside it.

For `carbon-hook run` it is a thread of the command that wraps the job; for `track()` a process of
its own, which no fork, no lock and no crash of the job can touch, and which still reports when the
job was killed.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time
from typing import Any, Dict, List, NamedTuple, Optional

from carbon_hook.cgroup import FIRST_PID_NAMESPACE, Cgroup
from carbon_hook.channel import Channel
from carbon_hook.cloud import cloud_fields
from carbon_hook.events import (
    Clock,
    Fields,
    clean_fields,
    clean_metrics,
    encoded,
    merged,
    new_id,
    rfc3339,
)
from carbon_hook.gpus import NAMES_OF_VISIBLE, gpus_of_run
from carbon_hook.identity import ALONE, Rank, commit_of, identified
from carbon_hook.meters import Meters
from carbon_hook.outbox import Outbox
from carbon_hook.processes import cpu_model, started_ticks
from carbon_hook.quiet import quietly, told
from carbon_hook.rapl import EnergyCounter, rapl_zones
from carbon_hook.settings import HookSettings, told_fields
from carbon_hook.spool import Spool
from carbon_hook.targets import targets_of

# How long the end of a job may wait for its last event; what takes longer is sent by the next run.
LAST_WAIT_S = 1.8
# A job that was killed waits for nobody.
LAST_WAIT_AFTER_DEATH_S = 20.0
LOOK_S = 1.0
# Between two looks at accelerators.
SAMPLE_S = 5.0


class Job(NamedTuple):
    """What is watched."""

    pid: int
    started_at: float
    fields: Dict[str, Any]
    folder: str
    used_before_s: Optional[float] = None
    """CPU time that the process had used when the run began."""
    is_ours: bool = False
    """Our own child: whoever waits for it says when it has ended."""
    rank: Rank = ALONE


class Monitor:
    """One run."""

    def __init__(self, job: Job, channel: Channel, settings: HookSettings) -> None:
        self._job = job
        self._channel = channel
        self._settings = settings
        self._clock = Clock(job.started_at)
        told_here = quietly(told_fields)(os.environ) or {}
        self._rank = Rank(*job.rank)
        if not (self._rank.launch or job.fields.get("run_id") or told_here.get("run_id")):
            self._rank = ALONE  # nothing says which run of the other hosts this one is a part of
        self._started_ticks = started_ticks(job.pid)
        self._fields: Fields = {}
        self._told: Fields = {}
        self._metrics: Dict[str, float] = {}
        self._new_metrics: Dict[str, float] = {}
        self._meters: Optional[Meters] = None
        self._outboxes: List[Outbox] = []
        self._sampled_at = time.monotonic()

    def run(self) -> None:
        """Until the job has ended."""
        quietly(self._open)()
        quietly(self._start)()
        next_at = time.monotonic() + self._settings.heartbeat_s
        while True:
            wait_s = max(0.0, next_at - time.monotonic())
            if self._meters is not None and self._meters.has_gpus and wait_s > SAMPLE_S:
                wait_s = SAMPLE_S
            done, sender = self._listen(wait_s if self._job.is_ours else min(LOOK_S, wait_s))
            if done is not None:
                quietly(self._finish)(done)
                self._close(LAST_WAIT_S)
                self._channel.answer(sender)
                return
            if not self._job.is_ours and started_ticks(self._job.pid) != self._started_ticks:
                quietly(self._last_words)()
                self._close(LAST_WAIT_AFTER_DEATH_S)
                return
            if time.monotonic() >= next_at:
                next_at += self._settings.heartbeat_s
                quietly(self._beat)()
            elif self._meters is not None and self._meters.has_gpus:
                self._sample_now_and_then()

    def _sample_now_and_then(self) -> None:
        """Power and load are known of a moment only: some moments make a mean."""
        if self._meters is not None and time.monotonic() - self._sampled_at >= SAMPLE_S:
            self._sampled_at = time.monotonic()
            quietly(self._meters.sample)(self._clock.now())

    def _open(self) -> None:
        for target in targets_of(self._settings):
            self._outboxes.append(Outbox(target, Spool(self._settings.spools, target.name)))

    def _start(self) -> None:
        job = self._job
        group = quietly(Cgroup.of_process)(job.pid)
        gpus: List[EnergyCounter] = [*(quietly(gpus_of_run)(dict(os.environ)) or [])]
        devices = [*(quietly(rapl_zones)() or []), *gpus]
        is_named = any(name in os.environ for name in NAMES_OF_VISIBLE)
        meters = Meters(job.pid, devices, job.used_before_s, group, is_named)
        quietly(meters.sample)(self._clock.now())
        self._meters = meters
        cloud = quietly(cloud_fields)(self._settings) or {}
        self._fields = run_fields(job, meters, self._rank, cloud)
        if self._rank.number == 0:
            self._emit("started", self._clock.started_at, {"status": "running"})

    def _beat(self) -> None:
        now = self._clock.now()
        self._emit("heartbeat", now, {"status": "running", **self._used(now)}, self._new_metrics)
        self._new_metrics = {}

    def _last_words(self) -> None:
        """The job went without a word: what it used, and no claim on how it ended."""
        now = self._clock.now()
        used = {**self._used(now), "energy": self._whole_energy()}
        self._emit("heartbeat", now, {"status": "running", **used}, self._metrics)

    def _finish(self, done: Dict[str, Any]) -> None:
        now = self._clock.now()
        self._hear(done)
        if self._meters is not None and done.get("cpu_s") is not None:
            self._meters.tree.count_to(float(done["cpu_s"]))
        used = {**self._used(now), "energy": self._whole_energy()}
        if done.get("peak_gib") is not None:
            peak = round(float(done["peak_gib"]), 6)
            used["memory_used_gib"] = max(peak, used.get("memory_used_gib") or 0.0)
        status = str(done["done"])
        group = self._meters.cgroup if self._meters else None
        if status == "failed" and done.get("was_killed") and group and group.killed_for_memory():
            status = "out_of_memory"
        if self._rank.number == 0:
            ended = {"status": status, "ended_at": rfc3339(now)}
            self._emit("finished", now, {**used, **ended}, self._metrics)
        else:  # another host's part of the run
            self._emit("heartbeat", now, {"status": "running", **used}, self._metrics)

    def _used(self, now: float) -> Fields:
        if self._meters is None:
            return {}
        quietly(self._meters.sample)(now)
        return quietly(self._meters.since_event)(now) or {}

    def _whole_energy(self) -> List[Dict[str, Any]]:
        return (quietly(self._meters.since_start)() or []) if self._meters else []

    def _emit(
        self,
        kind: str,
        at: float,
        more: Fields,
        metrics: Optional[Dict[str, float]] = None,
    ) -> None:
        energy = more.pop("energy", None)
        times = {
            "event_id": new_id(),
            "event_type": kind,
            "event_time": rfc3339(at),
            "started_at": rfc3339(self._clock.started_at),
            "duration_s": round(at - self._clock.started_at, 6),
            "ended_at": more.pop("ended_at", None),
            "energy": energy or None,
            "metrics": metrics or None,
        }
        event = merged(self._fields, self._told, clean_fields(more))
        event.update({name: value for name, value in times.items() if value is not None})
        line = encoded(event)
        for outbox in self._outboxes:
            quietly(outbox.put)(event["event_id"], line)

    def _listen(self, wait_s: float) -> Any:
        """Messages of the job: (the last one, whom to answer), or (None, …) while it runs."""
        try:
            select.select([self._channel.socket], [], [], wait_s)
            while True:
                heard = self._channel.hear()
                if heard is None:
                    return None, b""
                message, sender = heard
                if "done" in message:
                    return message, sender
                quietly(self._hear)(message)
        except Exception as error:
            told("listening", error)
            time.sleep(0.05)
            return None, b""

    def _hear(self, message: Dict[str, Any]) -> None:
        told_now = clean_fields(message.get("fields") or {})
        told_now.pop("run_id", None)
        self._told = merged(self._told, told_now)
        metrics = clean_metrics(message.get("metrics") or {})
        self._metrics.update(metrics)
        self._new_metrics.update(metrics)

    def _close(self, wait_s: float) -> None:
        until = time.monotonic() + wait_s
        for outbox in self._outboxes:
            quietly(outbox.close)(until)


def run_fields(job: Job, meters: Meters, rank: Rank, cloud: Fields) -> Fields:
    """What every event of the run says: later sources know it better."""
    environ = os.environ
    identity = identified(environ)
    own = {
        "run_id": rank.launch or new_id(),
        "job_name": "unnamed",
        "attempt": 1,
        "git_commit": quietly(commit_of)(job.folder),
        "host_id": _host_name(),
        "instance_count": rank.hosts,
        "tags": {"hook": "carbon-hook", "cpu_model": quietly(cpu_model)()},
    }
    given = dict(job.fields)
    weak = {"job_name": given.pop("default_job_name", None)}
    return merged(
        clean_fields(own),
        clean_fields(weak),
        identity.weak,
        cloud,
        clean_fields({**meters.limits(), **meters.accelerators()}),
        identity.fields,
        told_fields(environ),
        clean_fields(given),
    )


def _host_name() -> Optional[str]:
    """The machine's name; a container's is not the machine's."""
    try:
        is_container = os.stat("/proc/self/ns/pid").st_ino != FIRST_PID_NAMESPACE
    except OSError:
        is_container = False
    return None if is_container else socket.gethostname()


def monitor_main() -> None:
    """The process that `track()` starts: `… HANDLE` is the socket, whose first message the job."""
    os.setsid()
    handle = int(sys.argv[1])
    os.chdir("/")
    try:  # where memory runs out, this goes first
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:
        pass
    channel = Channel(handle)
    select.select([channel.socket], [], [], 5.0)
    heard = channel.hear()
    if heard is None or "job" not in heard[0]:
        return
    Monitor(Job(**heard[0]["job"]), channel, HookSettings(os.environ)).run()
