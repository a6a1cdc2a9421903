"""Processes and the host, from /proc: the fallback where no control group is the job's alone."""

from __future__ import annotations

import os
import time
from typing import Dict, List, NamedTuple, Optional, Set

from carbon_hook.quiet import text_of

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class _Process(NamedTuple):
    parent: int
    ticks: int
    """CPU time of it and of the children it has waited for, in clock ticks."""
    started: int
    is_gone: bool
    """It has ended, and nobody has asked yet how."""


def _process(pid: int) -> Optional[_Process]:
    """What /proc/PID/stat says; the name may hold blanks and brackets."""
    words = (text_of(f"/proc/{pid}/stat") or "").rpartition(")")[2].split()
    if len(words) < 20:
        return None
    ticks = sum(map(int, words[11:15]))
    return _Process(int(words[1]), ticks, int(words[19]), words[0] in ("Z", "X"))


def started_ticks(pid: int) -> Optional[int]:
    """When a living process started: with its number, what it is known by."""
    process = _process(pid)
    return None if process is None or process.is_gone else process.started


def started_at(pid: int) -> Optional[float]:
    """When a living process started, by the wall clock, to the second."""
    ticks = started_ticks(pid)
    if ticks is None:
        return None
    booted_at = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return float(int(booted_at + ticks / TICKS_PER_S))


class ProcessTree:
    """A process and all below it."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._pids: Set[int] = {pid}
        self._most_s = 0.0

    def look(self) -> None:
        """Read /proc once: who is there, and what they have used."""
        known: Dict[int, _Process] = {}
        below: Dict[int, List[int]] = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                process = _process(int(name))
                if process is not None:
                    known[int(name)] = process
                    below.setdefault(process.parent, []).append(int(name))
        pids: Set[int] = set()
        waiting = [self._pid]
        while waiting:
            pid = waiting.pop()
            if pid in known and pid not in pids and pid != os.getpid():
                pids.add(pid)
                waiting += below.get(pid, ())
        if pids:
            self._pids = pids
        ticks = sum(known[pid].ticks for pid in pids)
        # Grandchildren that nobody waited for take their time with them.
        self._most_s = max(self._most_s, ticks / TICKS_PER_S)

    @property
    def pids(self) -> Set[int]:
        """The processes at the last look."""
        return self._pids

    def cpu_s(self) -> float:
        """CPU time at the last look, s."""
        return self._most_s

    def count_to(self, cpu_s: float) -> None:
        """What the kernel says at the end that the process and its children used."""
        self._most_s = max(self._most_s, cpu_s)

    def memory_bytes(self) -> Optional[int]:
        """Memory that is a process's own, and what the first one shares with its libraries."""
        total = 0
        for pid in self._pids:
            words = (text_of(f"/proc/{pid}/statm") or "").split()
            if len(words) > 2:
                pages = int(words[1]) - (0 if pid == self._pid else int(words[2]))
                total += max(0, pages) * PAGE_BYTES
        return total or None


def host_busy_s() -> Optional[float]:
    """CPU time that all of the host has used since it started, s."""
    line = (text_of("/proc/stat") or "").partition("\n")[0].split()
    if len(line) < 9 or line[0] != "cpu":
        return None
    user, nice, system, _, _, irq, softirq, steal = map(int, line[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS_PER_S


def host_memory() -> Dict[str, int]:
    """`total` and `used` bytes of the host."""
    found: Dict[str, int] = {}
    for line in (text_of("/proc/meminfo") or "").splitlines():
        words = line.split()
        if len(words) > 1 and words[0] in ("MemTotal:", "MemAvailable:"):
            found[words[0]] = int(words[1]) * 1024
    if "MemTotal:" not in found:
        return {}
    total = found["MemTotal:"]
    return {"total": total, "used": total - found.get("MemAvailable:", 0)}


def cpu_model() -> Optional[str]:
    """What the processor calls itself."""
    for line in (text_of("/proc/cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Model"):
            return value.strip() or None
    return None
