"""Control groups, version 1 and 2: CPU time, memory and limits of a job alone.

`root` is a folder in whose `proc` and `sys` the kernel's files lie: empty on a machine, `/host` in
a container that watches its node.
"""

from __future__ import annotations

import os
import re
from typing import Dict, Iterator, NamedTuple, Optional, Set

from carbon_hook.quiet import number_of, text_of

# A container, a pod or a step of a scheduler; the group of a login session is more than the job.
OF_A_JOB = re.compile(
    r"kubepods|/pod[0-9a-f]|slurm|docker|libpod|containerd|crio|/lxc|machine\.slice|nomad|garden"
    r"|/ecs/|pbs|/lsf|condor|run-[0-9a-zr-]+\.scope"
)
# What the initial namespaces are called on every Linux (PROC_PID_INIT_INO, PROC_CGROUP_INIT_INO).
FIRST_PID_NAMESPACE = 0xEFFFFFFC
FIRST_CGROUP_NAMESPACE = 0xEFFFFFFB
# Above it a limit of version 1 means that there is none.
NO_LIMIT = 1 << 60
GIB = 1 << 30


class _Mount(NamedTuple):
    folder: str
    inside: str
    """The group that is mounted there: not `/` in a container without a namespace of its own."""


def mounts_of(root: str, pid: int = 0) -> Dict[str, _Mount]:
    """Controller → where it is mounted, as a process sees it (0: this one); version 2 under the
    empty name."""
    found: Dict[str, _Mount] = {}
    for line in (text_of(f"{root}/proc/{pid or 'self'}/mountinfo") or "").splitlines():
        before, _, after = line.partition(" - ")
        words, kinds = before.split(), after.split()
        if len(words) < 5 or not kinds:
            continue
        if kinds[0] == "cgroup2":
            found.setdefault("", _Mount(root + words[4], words[3]))
        elif kinds[0] == "cgroup":
            for controller in kinds[-1].split(","):
                found.setdefault(controller, _Mount(root + words[4], words[3]))
    return found


def group_paths(text: str) -> Dict[str, str]:
    """/proc/PID/cgroup: controller → path; version 2 under the empty name."""
    found: Dict[str, str] = {}
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[controller] = path
    return found


class Cgroup:
    """One group. A figure that the kernel does not give is None."""

    def __init__(self, cpu: Optional[str], memory: Optional[str], version: int) -> None:
        self._cpu = cpu
        self._memory = memory
        self._version = version

    @classmethod
    def of_process(cls, pid: int, root: str = "") -> Optional[Cgroup]:
        """The group of a process where that is the job's alone; else None."""
        paths = group_paths(text_of(f"{root}/proc/{pid}/cgroup") or "")
        is_inside = _is_in_a_container(pid, root)
        mounts = mounts_of(root)
        # Of each controller by itself: with version 1 a scheduler may use some of them only.
        folders = {
            name: _folder(mounts[name], paths[name])
            for name in ("cpuacct", "memory", "")
            if name in mounts and name in paths and _is_of_a_job(paths[name], is_inside)
        }
        is_v1 = "cpuacct" in mounts and "cpuacct" in paths
        cpu = folders.get("cpuacct" if is_v1 else "")
        if cpu is None:
            return None
        return cls(cpu, folders.get("memory"), 1) if is_v1 else cls(cpu, cpu, 2)

    @property
    def folder(self) -> str:
        """Where it lies."""
        return self._cpu or ""

    def cpu_s(self) -> Optional[float]:
        """CPU time that the group has used, s."""
        if self._version == 1:
            used = number_of(f"{self._cpu}/cpuacct.usage")
            return None if used is None else used / 1e9
        microseconds = _words(f"{self._cpu}/cpu.stat").get("usage_usec")
        return None if microseconds is None else microseconds / 1e6

    def memory_bytes(self) -> Optional[int]:
        """Memory in use, without file pages that could be dropped."""
        if self._memory is None:
            return None
        is_v1 = self._version == 1
        used = number_of(f"{self._memory}/memory." + ("usage_in_bytes" if is_v1 else "current"))
        stat = _words(f"{self._memory}/memory.stat")
        droppable = stat.get("total_inactive_file" if is_v1 else "inactive_file", 0)
        return None if used is None else max(0, used - droppable)

    def cpu_limit(self) -> Optional[float]:
        """CPUs that the group may use at once, the tightest of it and those above it."""
        limits = [limit for limit in map(self._quota, _upwards(self._cpu)) if limit is not None]
        return min(limits) if limits else None

    def _quota(self, folder: str) -> Optional[float]:
        if self._version == 1:
            quota = number_of(f"{folder}/cpu.cfs_quota_us")
            period = number_of(f"{folder}/cpu.cfs_period_us")
        else:
            words = (text_of(f"{folder}/cpu.max") or "").split()
            is_set = len(words) == 2 and words[0] != "max"
            quota, period = (int(words[0]), int(words[1])) if is_set else (None, None)
        return quota / period if quota and period and quota > 0 else None

    def memory_limit_bytes(self) -> Optional[int]:
        """The tightest memory limit of the group and those above it."""
        name = "memory.limit_in_bytes" if self._version == 1 else "memory.max"
        found = [number_of(f"{folder}/{name}") for folder in _upwards(self._memory)]
        limits = [limit for limit in found if limit is not None and limit < NO_LIMIT]
        return min(limits) if limits else None

    def killed_for_memory(self) -> int:
        """How many processes of the group the kernel killed because memory ran out."""
        name = "memory.oom_control" if self._version == 1 else "memory.events"
        return _words(f"{self._memory}/{name}").get("oom_kill", 0)


def _words(path: str) -> Dict[str, int]:
    """`name number` lines."""
    pairs = (line.split() for line in (text_of(path) or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _folder(mount: _Mount, path: str) -> str:
    """Where a group lies; what is mounted may be a group, and then its own path is left out."""
    if mount.inside != "/" and (path == mount.inside or path.startswith(mount.inside + "/")):
        path = path[len(mount.inside) :]
    folder = os.path.normpath(mount.folder + "/" + path)
    # A path from another namespace (/../..) is nowhere to be found: the mount's own group it is.
    return folder if os.path.isdir(folder) else mount.folder


def _upwards(folder: Optional[str]) -> Iterator[str]:
    """A group and those above it, to the one that is mounted."""
    while folder and os.path.exists(f"{folder}/cgroup.procs"):
        yield folder
        folder = os.path.dirname(folder)


def _is_of_a_job(path: str, is_inside: bool) -> bool:
    """A scheduler's group for a job, or all that a container sees; not a daemon's own group, in
    which all jobs are that it did not move elsewhere."""
    if path.endswith(".service"):
        return False
    return OF_A_JOB.search(path) is not None or (is_inside and path == "/")


def _is_in_a_container(pid: int, root: str) -> bool:
    """With processes and groups of its own. One with processes alone may still be in the group of a
    login session."""
    namespaces = (("pid", FIRST_PID_NAMESPACE), ("cgroup", FIRST_CGROUP_NAMESPACE))
    try:
        return all(os.stat(f"{root}/proc/{pid}/ns/{name}").st_ino != n for name, n in namespaces)
    except OSError:
        return False


def pids_of(folder: str) -> Set[int]:
    """The processes of a group and of those below it."""
    found: Set[int] = set()
    for path, _, _ in os.walk(folder):
        found |= {int(pid) for pid in (text_of(f"{path}/cgroup.procs") or "").split()}
    return found
