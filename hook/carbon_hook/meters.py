"""What a run uses: CPU time, memory, and the energy of its devices, since the start and since the
last event."""

from __future__ import annotations

import os
from typing import Any, Dict, List, NamedTuple, Optional, Set

from carbon_hook.cgroup import GIB, Cgroup, pids_of
from carbon_hook.events import Fields, rfc3339
from carbon_hook.gpus import Gpu, sees_own_pids
from carbon_hook.processes import ProcessTree, host_busy_s, host_memory
from carbon_hook.rapl import EnergyCounter

# Power between two readings further apart than this is not known.
LONGEST_BETWEEN_POWER_S = 120.0


class _Span:
    """Energy of a device over an interval, and the run's part of it."""

    def __init__(self) -> None:
        self.from_at: Optional[float] = None
        self.to_at = 0.0
        self.energy_j = 0.0
        self.own_j = 0.0

    def add(self, from_at: float, to_at: float, energy_j: float, share: float) -> None:
        if self.from_at is None:
            self.from_at = from_at
        self.to_at = to_at
        self.energy_j += energy_j
        self.own_j += energy_j * share

    def reading(self, device: EnergyCounter, is_shared: bool) -> Optional[Dict[str, Any]]:
        """As an event says it. A device is shared in all readings of a run or in none, so that
        the same joules told twice are known to be the same."""
        if self.from_at is None or self.to_at - self.from_at < 1e-5:
            return None
        reading: Dict[str, Any] = {
            "component": device.component,
            "device_id": device.device_id,
            "method": device.method,
            "boundary": "component",
            "from": rfc3339(self.from_at),
            "to": rfc3339(self.to_at),
            "energy_j": round(self.energy_j, 6),
        }
        if is_shared:
            own = self.own_j / self.energy_j if self.energy_j > 0 else 1.0
            reading["share"] = min(1.0, round(own, 6))
        return reading


class Account:
    """The energy of one device."""

    def __init__(self, device: EnergyCounter) -> None:
        self.device = device
        self.since_start = _Span()
        self.since_event = _Span()
        self._is_shared = False
        self._last_at: Optional[float] = None
        self._last = 0.0

    def reading(self, span: _Span) -> Optional[Dict[str, Any]]:
        """As an event says it."""
        return span.reading(self.device, self._is_shared)

    def take(self, at: float, share: Optional[float]) -> None:
        """Read the device; `share` is the run's part since the last reading, None of a device that
        is the run's alone."""
        self._is_shared = self._is_shared or share is not None
        value = self.device.read()
        if value is None:
            return
        if self._last_at is not None and at > self._last_at:
            if self.device.signal == "counter":
                energy_j: Optional[float] = value - self._last
            elif at - self._last_at <= LONGEST_BETWEEN_POWER_S:
                energy_j = (value + self._last) / 2 * (at - self._last_at)
            else:
                energy_j = None
            # A counter that went back was reset: what it saw before is lost, nothing is made up.
            if energy_j is not None and energy_j >= 0:
                for span in (self.since_start, self.since_event):
                    span.add(self._last_at, at, energy_j, 1.0 if share is None else share)
        self._last_at, self._last = at, value


class Usage(NamedTuple):
    """What the run and the host had used at one moment."""

    cpu_s: Optional[float]
    host_cpu_s: Optional[float]


class Meters:
    """Everything that is read of one run."""

    def __init__(
        self,
        pid: int,
        devices: List[EnergyCounter],
        used_before_s: Optional[float] = None,
        cgroup: Optional[Cgroup] = None,
        has_named_gpus: bool = False,
    ) -> None:
        """`used_before_s`: CPU time that the process had used when the run began;
        `has_named_gpus`: the environment names the run's accelerators."""
        self._pid = pid
        self.cgroup = cgroup
        self.tree = ProcessTree(pid)
        self.accounts = [Account(device) for device in devices]
        self._is_exclusive = _holds_the_host()
        self._used_before_s = used_before_s
        self._first: Optional[Usage] = None
        self._last = Usage(None, None)
        self._event_cpu_s = 0.0
        self._event_at: Optional[float] = None
        self._memory: List[int] = []
        self._busy: List[float] = []
        self._knows_gpus = not sees_own_pids() or has_named_gpus
        self._used_gpus: Set[str] = set()
        self.vcpus = _vcpus(pid, cgroup)

    def limits(self) -> Fields:
        """What the run may use: vCPUs, and memory where that is less than the machine's."""
        limit = self.cgroup.memory_limit_bytes() if self.cgroup else None
        told_mib = os.environ.get("SLURM_MEM_PER_NODE", "")
        if told_mib.isdigit() and int(told_mib):
            limit = min(limit or int(told_mib) << 20, int(told_mib) << 20)
        total = host_memory().get("total")
        is_limited = limit is not None and total is not None and limit < total
        return {"vcpus": self.vcpus, "memory_gib": limit / GIB if limit and is_limited else None}

    def sample(self, at: float) -> None:
        """Read everything once."""
        usage = self._usage()
        if self._first is None:
            self._first = self._last = usage
            self._event_at = at
            if self._used_before_s is not None and self.cgroup is None:
                self._first = Usage(self._used_before_s, usage.host_cpu_s)
            self._event_cpu_s = self._first.cpu_s or 0.0
        share = self._cpu_share(usage)
        memory = self._memory_bytes()
        if memory is not None:
            self._memory.append(memory)
        for account in self.accounts:
            device = account.device
            if isinstance(device, Gpu):
                account.take(at, device.slice_share if device.slice_share < 1 else None)
                continue
            if share is not None and device.component == "memory":
                account.take(at, _memory_share(memory, share))
            else:
                account.take(at, share)
        self._look_at_gpus()
        self._last = usage

    def _look_at_gpus(self) -> None:
        """How busy the run's accelerators are, and which ones those are."""
        gpus = [acc.device for acc in self.accounts if isinstance(acc.device, Gpu)]
        if gpus and not self._knows_gpus:
            own = pids_of(self.cgroup.folder) if self.cgroup else self._tree_pids()
            for gpu in gpus:
                if gpu.pids() & own:
                    self._used_gpus.add(gpu.device_id)
        busy = [gpu.busy_ratio() for gpu in gpus if self._is_own(gpu)]
        told = [ratio for ratio in busy if ratio is not None]
        if told:
            self._busy.append(sum(told) / len(told))

    def _tree_pids(self) -> Set[int]:
        self.tree.look()
        return self.tree.pids

    def _is_own(self, device: EnergyCounter) -> bool:
        """Is a device the run's? On a shared machine a GPU is, once the run computes on it."""
        is_gpu = isinstance(device, Gpu)
        return not is_gpu or self._knows_gpus or device.device_id in self._used_gpus

    @property
    def has_gpus(self) -> bool:
        """Are there accelerators, whose load is read more often?"""
        return any(isinstance(account.device, Gpu) for account in self.accounts)

    def accelerators(self) -> Fields:
        """Model, number and share of the run's accelerators; whole devices are counted."""
        devices = (account.device for account in self.accounts)
        own = [gpu for gpu in devices if isinstance(gpu, Gpu) and self._is_own(gpu)]
        if not own:
            return {}
        shares = sum(gpu.slice_share for gpu in own)
        count = len({gpu.board_id for gpu in own})
        return {
            "accelerator_model": own[0].model,
            "accelerator_count": count,
            "accelerator_share": round(shares / count, 6) if shares < count else None,
        }

    def _usage(self) -> Usage:
        if self.cgroup is not None:
            return Usage(self.cgroup.cpu_s(), host_busy_s())
        self.tree.look()
        return Usage(self.tree.cpu_s(), host_busy_s())

    def _memory_bytes(self) -> Optional[int]:
        of_group = self.cgroup.memory_bytes() if self.cgroup else None
        return of_group if of_group is not None else self.tree.memory_bytes()

    def _cpu_share(self, now: Usage) -> Optional[float]:
        """The run's part of what was busy on the host since the last reading, 0–1; None where the
        host is the run's alone."""
        if self._is_exclusive:
            return None
        last = self._last
        if None in (now.cpu_s, now.host_cpu_s, last.cpu_s, last.host_cpu_s):
            return 1.0
        own = (now.cpu_s or 0.0) - (last.cpu_s or 0.0)
        busy = (now.host_cpu_s or 0.0) - (last.host_cpu_s or 0.0)
        if busy <= 0:  # nobody did anything: by what the run holds
            return min(1.0, self.vcpus / (os.cpu_count() or 1))
        return min(1.0, max(0.0, own / busy))

    def cpu_s(self) -> Optional[float]:
        """CPU time of the run so far, s."""
        if self._first is None or self._first.cpu_s is None or self._last.cpu_s is None:
            return None
        return max(0.0, self._last.cpu_s - self._first.cpu_s)

    def since_event(self, at: float) -> Fields:
        """Means since the last event, and then begin anew."""
        fields: Fields = {"vcpus": self.vcpus, **self.accelerators()}
        if self._busy:
            ratio = sum(self._busy) / len(self._busy)
            fields["accelerator_utilization_ratio"] = round(ratio, 6)
            self._busy = []
        used, began = self._last.cpu_s, self._event_at
        if used is not None and began is not None and at - began > 0.01 and self.vcpus:
            ratio = (used - self._event_cpu_s) / ((at - began) * self.vcpus)
            fields["cpu_utilization_ratio"] = round(min(1.0, max(0.0, ratio)), 6)
        if self._memory:
            fields["memory_used_gib"] = round(sum(self._memory) / len(self._memory) / GIB, 6)
        fields["energy"] = self._readings([account.since_event for account in self.accounts])
        self._event_cpu_s, self._event_at = used or 0.0, at
        self._memory = []
        for account in self.accounts:
            account.since_event = _Span()
        return fields

    def since_start(self) -> List[Dict[str, Any]]:
        """Energy of the whole run."""
        return self._readings([account.since_start for account in self.accounts])

    def _readings(self, spans: List[_Span]) -> List[Dict[str, Any]]:
        pairs = [pair for pair in zip(spans, self.accounts) if self._is_own(pair[1].device)]
        found = [account.reading(span) for span, account in pairs]
        return [reading for reading in found if reading is not None]


def _holds_the_host() -> bool:
    """Did a scheduler give the run all of the host? Then its idle power is the run's too."""
    return os.environ.get("SLURM_CPUS_ON_NODE") == str(os.cpu_count())


def _memory_share(own: Optional[int], otherwise: float) -> float:
    """The run's part of the memory in use."""
    used = host_memory().get("used")
    return min(1.0, own / used) if own is not None and used else otherwise


def _vcpus(pid: int, cgroup: Optional[Cgroup]) -> float:
    """CPUs that the run may use at once."""
    try:
        count = float(len(os.sched_getaffinity(pid)))
    except OSError:
        count = float(os.cpu_count() or 1)
    told = os.environ.get("SLURM_CPUS_ON_NODE", "")
    limits = [count, cgroup.cpu_limit() if cgroup else None, float(told) if told.isdigit() else 0]
    return min(limit for limit in limits if limit)
