"""`carbon-hook agent`: watches the control groups of a node and reports each pod, Slurm job or
other group as a run, with no change to any job.

It sees that a group is there, what it uses and that it has gone; not how it ended, nor what it was
for. Those come from the scheduler's own records, which name the same pod or job.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

from carbon_hook.cgroup import Cgroup, mounts_of, pids_of
from carbon_hook.cloud import cloud_fields
from carbon_hook.events import Clock, Fields, clean_fields, encoded, merged, new_id, rfc3339
from carbon_hook.gpus import gpus_of_run
from carbon_hook.meters import Meters
from carbon_hook.monitor import LAST_WAIT_S
from carbon_hook.outbox import Outbox
from carbon_hook.processes import started_at
from carbon_hook.quiet import quietly, text_of, told
from carbon_hook.rapl import EnergyCounter, rapl_zones
from carbon_hook.settings import HookSettings, told_fields
from carbon_hook.spool import Spool
from carbon_hook.targets import targets_of

BETWEEN_LOOKS_S = 5.0
POD = re.compile(r"/[^/]*pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})(?:\.slice)?$")
SLURM_JOB = re.compile(r"slurm[^/]*/(?:.*/)?job_(\d+)$")
TRANSIENT = re.compile(r"/(run-[0-9a-z-]+)\.scope$")
# Kubernetes adds random letters to the name that its owner gave.
RANDOM_ENDING = re.compile(r"(-[0-9a-f]{8,10})?-[0-9a-z]{5}$")


class Group(NamedTuple):
    """A control group that is a run."""

    run_id: str
    path: str
    cgroup: Cgroup
    fields: Fields
    started_at: float


class Agent:
    """One node; `root` is where its /proc, /sys and /var/log lie."""

    def __init__(self, settings: HookSettings, environ: Dict[str, str]) -> None:
        self._settings = settings
        self._root = environ.get("CARBON_HOOK_ROOT", "").rstrip("/")
        self._environ = environ
        self._clock = Clock()
        self._boot = text_of("/proc/sys/kernel/random/boot_id") or "unknown"
        self._runs: Dict[str, _Watched] = {}
        self._devices: List[EnergyCounter] = [
            *(quietly(rapl_zones)(self._root) or []),
            *(quietly(gpus_of_run)(environ) or []),
        ]
        self._outboxes = [
            Outbox(target, Spool(settings.spools, target.name)) for target in targets_of(settings)
        ]
        self._node = merged(
            clean_fields({"host_id": environ.get("NODE_NAME") or socket.gethostname()}),
            quietly(cloud_fields)(settings) or {},
            told_fields(environ),
            {"tags": {"hook": "carbon-hook agent"}},
        )

    def look(self) -> None:
        """Begin what is new, read what is there, end what has gone."""
        now = self._clock.now()
        groups = quietly(self._groups)()
        if groups is None:
            return  # what could not be looked at has not gone
        present = {group.run_id: group for group in groups}
        for run_id, group in present.items():
            if run_id not in self._runs:
                self._runs[run_id] = _Watched(group, self._devices, now)
                self._emit("started", group.started_at, self._runs[run_id], {"status": "running"})
        for run_id, run in list(self._runs.items()):
            if run_id not in present:
                del self._runs[run_id]
                quietly(self._end)(run)
                continue
            quietly(run.sample)(now)
            if now - run.told_at >= self._settings.heartbeat_s:
                self._beat(run, now)

    def stop(self) -> None:
        """What was read so far is told; a later agent goes on with the same runs."""
        for run in self._runs.values():
            quietly(self._beat)(run, run.seen_at)
        until = time.monotonic() + LAST_WAIT_S
        for outbox in self._outboxes:
            quietly(outbox.close)(until)

    def _beat(self, run: _Watched, now: float) -> None:
        run.told_at = now
        used = run.meters.since_event(now)
        self._emit("heartbeat", now, run, {"status": "running", **used})

    def _end(self, run: _Watched) -> None:
        used = run.meters.since_event(run.seen_at)
        ended = {"energy": run.meters.since_start(), "ended_at": rfc3339(run.seen_at)}
        status = {"status": "out_of_memory"} if run.was_killed_for_memory else {}
        self._emit("finished", run.seen_at, run, {**used, **ended, **status})

    def _emit(self, kind: str, at: float, run: _Watched, more: Fields) -> None:
        energy, ended_at = more.pop("energy", None), more.pop("ended_at", None)
        group = run.group
        event = merged(
            self._node, clean_fields(run.meters.limits()), group.fields, clean_fields(more)
        )
        event.update(
            run_id=group.run_id,
            event_id=new_id(),
            event_type=kind,
            event_time=rfc3339(at),
            started_at=rfc3339(group.started_at),
            duration_s=round(max(0.0, at - group.started_at), 6),
        )
        event.update({"energy": energy} if energy else {})
        event.update({"ended_at": ended_at} if ended_at else {})
        line = encoded(event)
        for outbox in self._outboxes:
            quietly(outbox.put)(event["event_id"], line)

    def _groups(self) -> List[Group]:
        names = self._pod_names()
        found = []
        for path, cgroup in _every_group(self._root):
            group = quietly(self._group)(path, cgroup, names)
            if group is not None:
                found.append(group)
        return found

    def _group(
        self, path: str, cgroup: Cgroup, names: Dict[str, Tuple[str, str]]
    ) -> Optional[Group]:
        """A group that is a run; raises OSError where it goes at this moment."""
        known = self._known(path, names)
        if known is None:
            return None
        run_id, fields = known
        return Group(run_id, path, cgroup, clean_fields(fields), self._began(cgroup))

    def _began(self, cgroup: Cgroup) -> float:
        """When its oldest process started; a folder of the kernel's may be younger than it is."""
        times = [started_at(pid) for pid in pids_of(cgroup.folder)]
        known = [at for at in times if at is not None]
        return min([self._clock.now(), *(known or [os.stat(cgroup.folder).st_ctime])])

    def _known(
        self, path: str, names: Dict[str, Tuple[str, str]]
    ) -> Optional[Tuple[str, Dict[str, Any]]]:
        """(run id, fields) of a group that is a run."""
        pod = POD.search(path)
        if pod:
            uid = pod[1].replace("_", "-")
            namespace, name = names.get(uid, ("", ""))
            if not self._is_wanted(namespace):
                return None
            tags = {
                "kubernetes.pod_uid": uid,
                "kubernetes.namespace": namespace,
                "kubernetes.pod_name": name,
            }
            job = RANDOM_ENDING.sub("", name) or "pod"
            return f"pod:{uid}", {"job_name": job, "project": namespace or None, "tags": tags}
        slurm_job = SLURM_JOB.search(path)
        if slurm_job:
            number = slurm_job[1]
            cluster = self._environ.get("CARBON_HOOK_SLURM_CLUSTER", "")
            tags = {"slurm.job_id": number, "slurm.cluster": cluster}
            host = self._node.get("host_id", "")
            return f"slurm-agent:{cluster}:{number}:{host}", {
                "job_name": f"slurm job {number}",
                "region": cluster or None,
                "tags": tags,
            }
        wanted = self._environ.get("CARBON_HOOK_GROUPS")
        unit = re.search(wanted, path) if wanted else TRANSIENT.search(path)
        if unit:
            name = unit[1] if unit.groups() else os.path.basename(path)
            return f"group:{self._boot}:{path}", {"job_name": name, "tags": {"cgroup": path}}
        return None

    def _is_wanted(self, namespace: str) -> bool:
        chosen = self._environ.get("CARBON_HOOK_NAMESPACES", "")
        if chosen:
            return namespace in [name.strip() for name in chosen.split(",")]
        return not namespace.startswith("kube-")

    def _pod_names(self) -> Dict[str, Tuple[str, str]]:
        """uid → (namespace, name), from the folders of the pods' logs."""
        top = f"{self._root}/var/log/pods"
        found: Dict[str, Tuple[str, str]] = {}
        for folder in os.listdir(top) if os.path.isdir(top) else []:
            words = folder.split("_")
            if len(words) == 3:
                found[words[2]] = (words[0], words[1])
        return found


class _Watched:
    """A run of the agent and what it has used."""

    def __init__(self, group: Group, devices: List[EnergyCounter], now: float) -> None:
        self.group = group
        self.told_at = self.seen_at = now
        self.was_killed_for_memory = False
        pids = sorted(pids_of(group.cgroup.folder))
        self.meters = Meters(pids[0] if pids else 0, devices, None, group.cgroup)
        quietly(self.meters.sample)(now)

    def sample(self, now: float) -> None:
        """Read it once more; what has gone meanwhile is as it was."""
        if self.group.cgroup.cpu_s() is not None:
            self.meters.sample(now)
            self.seen_at = now
            self.was_killed_for_memory = self.group.cgroup.killed_for_memory() > 0


def _every_group(root: str) -> Iterator[Tuple[str, Cgroup]]:
    """(path, group) of all that the node has. Raises OSError where some cannot be listed now."""
    mounts = mounts_of(root, 1 if root else 0)
    is_v1 = "cpuacct" in mounts
    top = mounts["cpuacct" if is_v1 else ""].folder
    memory = mounts["memory"].folder if is_v1 and "memory" in mounts else None

    def failed(error: OSError) -> None:
        if error.filename == top or not isinstance(error, (FileNotFoundError, PermissionError)):
            raise error

    for folder, _, _ in os.walk(top, onerror=failed):
        path = folder[len(top) :]
        if path and is_v1:
            yield path, Cgroup(folder, memory + path if memory else None, 1)
        elif path:
            yield path, Cgroup(folder, folder, 2)


def watch(settings: HookSettings) -> int:
    """Until SIGTERM or SIGINT; 2 where there is nowhere to report to."""
    if not settings.is_on:
        return 2
    ends = (signal.SIGTERM, signal.SIGINT)
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    agent = Agent(settings, dict(os.environ))
    between_s = min(BETWEEN_LOOKS_S, settings.heartbeat_s)
    told("the agent watches")
    while True:
        quietly(agent.look)()
        if signal.sigtimedwait(ends, between_s) is not None:
            agent.stop()
            return 0
