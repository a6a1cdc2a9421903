"""What a job calls: `track`, `log_metric`, `describe`. Nothing here raises into the job or waits
for more than two seconds, once, at the end."""

from __future__ import annotations

import atexit
import os
import re
import sys
import time
from functools import wraps
from typing import Any, Callable, Dict, List, TypeVar, cast, overload

from carbon_hook.channel import VARIABLE, Channel, ask, say
from carbon_hook.identity import Rank, job_name_of, rank_of
from carbon_hook.quiet import quietly, told
from carbon_hook.settings import HookSettings, with_whole_paths

F = TypeVar("F", bound=Callable[..., Any])

LONGEST_END_S = 2.0
# Between two messages about metrics, so that a loop of a million steps does not feel them.
BETWEEN_METRICS_S = 0.2
_IS_COROUTINE = 0x80
_MONITOR = "import sys; sys.path.append(sys.argv.pop(1)); from {module} import {name}; {name}()"
# A shell leaves at once, and the monitor is nobody's child: the job never meets it in a wait().
_SHELL, _DETACHED = "/bin/sh", '"$@" &'

_metrics: Dict[str, float] = {}
_sent_at = 0.0
_tracks = 0
_is_flushed_at_exit = False


class Track:
    """One run: as a context manager, a decorator, or by `start` and `finish`."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields
        self._pid = 0
        self._name = ""
        """Of the monitor's socket; empty when there is none to talk to."""
        self._is_own = False

    def start(self) -> Track:
        """Begin the run; inside a run that is already tracked, add to that one."""
        self._pid = os.getpid()
        quietly(self._begin)()
        return self

    def finish(self, status: str = "succeeded") -> None:
        """End the run: succeeded, failed, cancelled, timeout, out_of_memory or preempted."""
        quietly(self._end)(status)

    def describe(self, **fields: Any) -> None:
        """Say more about the run: model_version, dataset_rows, …; other names become tags."""
        quietly(self._say)({"fields": plain(fields)})

    def log_metric(self, name: str, value: Any) -> None:
        """A KPI of the run: accuracy, loss, rows scored."""
        log_metric(name, value)

    def __enter__(self) -> Track:
        return self.start()

    def __exit__(self, kind: Any, error: Any, _: Any) -> None:
        self.finish(_status_of(error) if kind is not None else "succeeded")

    def __call__(self, function: F) -> F:
        """As a decorator: every call is a run, named after the function unless it has a name."""
        fields = {"job_name": function.__name__, **self._fields}
        if function.__code__.co_flags & _IS_COROUTINE if hasattr(function, "__code__") else False:

            @wraps(function)
            async def tracked_later(*arguments: Any, **named: Any) -> Any:
                with Track(**fields):
                    return await function(*arguments, **named)

            return cast(F, tracked_later)

        @wraps(function)
        def tracked(*arguments: Any, **named: Any) -> Any:
            with Track(**fields):
                return function(*arguments, **named)

        return cast(F, tracked)

    def _begin(self) -> None:
        outer = os.environ.get(VARIABLE)
        if outer and say(outer, {"fields": plain(self._fields)}):
            self._name = outer
            return
        settings = HookSettings(os.environ)
        if not settings.is_on or not sys.platform.startswith("linux"):
            return
        rank = rank_of(os.environ)
        if rank.on_host:
            return  # the first process of the host reports for all
        channel = Channel()
        job = {
            "pid": self._pid,
            "started_at": time.time(),
            "fields": {"default_job_name": job_name_of(_command()), **plain(self._fields)},
            "folder": os.getcwd(),
            "used_before_s": sum(os.times()[:4]),
            "rank": _of_this_track(rank),
        }
        if say(channel.name, {"job": job}) and _start_monitor(channel):
            self._name, self._is_own = channel.name, True
            os.environ[VARIABLE] = channel.name
        channel.socket.close()

    def _end(self, status: str) -> None:
        if not self._name or os.getpid() != self._pid:
            return  # a forked child leaves by the same door, and has nothing to say
        if not self._is_own:
            _flush()
            return
        message = {"done": status, "metrics": dict(_metrics), "cpu_s": sum(os.times()[:4])}
        _metrics.clear()
        ask(self._name, message, LONGEST_END_S)
        if os.environ.get(VARIABLE) == self._name:
            del os.environ[VARIABLE]
        self._name = ""

    def _say(self, message: Dict[str, Any]) -> None:
        if self._name:
            say(self._name, message)


@overload
def track(function: F) -> F: ...


@overload
def track(function: None = None, **fields: Any) -> Track: ...


def track(function: Any = None, **fields: Any) -> Any:
    """`with track(job_name="churn"):`, `@track`, or `@track(model_name="churn")`."""
    return Track(**fields) if function is None else Track(**fields)(function)


@quietly
def log_metric(name: str, value: Any) -> None:
    """A KPI of the run that this process is part of; the last value of a name stands."""
    global _is_flushed_at_exit
    _metrics[str(name)] = float(value)
    if not _is_flushed_at_exit:
        _is_flushed_at_exit = True
        atexit.register(_flush)
    if time.monotonic() - _sent_at >= BETWEEN_METRICS_S:
        _flush()


@quietly
def describe(**fields: Any) -> None:
    """More about the run that this process is part of."""
    name = os.environ.get(VARIABLE)
    if name:
        say(name, {"fields": plain(fields)})


@quietly
def _flush() -> None:
    global _sent_at
    name = os.environ.get(VARIABLE)
    if name and _metrics and say(name, {"metrics": _metrics}):
        _sent_at = time.monotonic()
        _metrics.clear()


def _of_this_track(rank: Rank) -> Rank:
    """A process may track several runs, one after the other: those of all hosts that are the
    second are one run, and not the first one's."""
    global _tracks
    _tracks += 1
    is_first = rank.launch is None or _tracks == 1
    return rank if is_first else rank._replace(launch=f"{rank.launch}-{_tracks}")


def _start_monitor(channel: Channel) -> bool:
    """The monitor's process, which is nobody's child."""
    if getattr(sys, "frozen", False) or not sys.executable:
        told("no Python to run the monitor: put carbon-hook run before the command")
        return False  # `sys.executable` is the job's own program
    package = __name__.rpartition(".")[0]
    module = f"{package}.monitor" if package else __name__
    here = os.path.abspath(__file__)
    folder = os.path.dirname(os.path.dirname(here) if package else here)
    script = _MONITOR.format(module=module, name="monitor_main")
    handle = channel.socket.fileno()
    # The monitor works in another folder; and whatever tracks there is a part of this run.
    environ = {**with_whole_paths(os.environ), VARIABLE: channel.name}
    environ.pop("LD_PRELOAD", None)
    command = [sys.executable, "-I", "-S", "-c", script, folder, str(handle)]
    os.set_inheritable(handle, True)
    try:
        pid = os.posix_spawn(
            _SHELL,
            ["sh", "-c", _DETACHED, "sh", *command],
            environ,
            file_actions=_files(handle),
        )
    except (OSError, ValueError) as error:
        told("no monitor could be started", error)
        return False
    try:
        return os.waitpid(pid, 0)[1] == 0
    except ChildProcessError:  # the job reaps its children by itself
        return True


def _files(kept: int) -> List[Any]:
    """What the job has open stays its own: locks, and pipes whose end somebody waits for."""
    nothing = [0] if os.environ.get("CARBON_HOOK_DEBUG") else [0, 1, 2]
    handles = [int(name) for name in os.listdir("/proc/self/fd")]
    return [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in nothing] + [
        (os.POSIX_SPAWN_CLOSE, number)
        for number in handles
        if number > 2 and number != kept and quietly(os.get_inheritable)(number)
    ]


def _status_of(error: Any) -> str:
    """Of the exception that ends a run."""
    if isinstance(error, SystemExit):
        return "succeeded" if error.code in (None, 0) else "failed"
    if isinstance(error, KeyboardInterrupt):
        return "cancelled"
    return "out_of_memory" if isinstance(error, MemoryError) else "failed"


def _command() -> List[str]:
    """What was started, as a command line."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None and spec.name:
        return ["python", "-m", re.sub(r"\.__main__$", "", spec.name)]
    return ["python", *sys.argv[:1]]


def plain(fields: Dict[str, Any]) -> Dict[str, Any]:
    """Fields as JSON can say them."""
    return {name: _plain(value) for name, value in fields.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    return value if isinstance(value, (str, int, float, bool)) else str(value)
