"""`carbon-hook run -- COMMAND`: the command as a child that sees no difference.

It gets the same input, output, environment (but for one variable), process group and signals; the
exit code, or the signal that ended it, is passed on. When this process is killed, so is the child.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import sys
import threading
import time
from typing import Any, Dict, List, NoReturn, Optional, Set, Tuple

from carbon_hook.cgroup import GIB
from carbon_hook.channel import VARIABLE, Channel, say
from carbon_hook.identity import ALONE, job_name_of, rank_of
from carbon_hook.monitor import LAST_WAIT_S, Job, Monitor
from carbon_hook.quiet import quietly, text_of, told
from carbon_hook.settings import HookSettings

# A fault of this process, not a message to the job.
OWN_SIGNALS: Tuple[str, ...] = (
    "SIGKILL",
    "SIGSTOP",
    "SIGSEGV",
    "SIGBUS",
    "SIGFPE",
    "SIGILL",
    "SIGTRAP",
    "SIGPIPE",
)
OWN_SIGNALS += ("SIGXFSZ", "SIGSYS")
# What Python ignores by itself, and a command would not.
IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ")
FROM_THE_KERNEL = 1  # siginfo: a positive code
# What the kernel tells one process alone: the leader of a session whose terminal has gone, and the
# one that was given an alarm before it became this command.
FROM_THE_KERNEL_TO_ONE = (signal.SIGHUP, signal.SIGALRM)
BOTH_HEARD_S = 0.05
PR_SET_PDEATHSIG = 1


def run_command(command: List[str], fields: Dict[str, Any]) -> NoReturn:
    """Run it to its end and end as it did."""
    settings = HookSettings(os.environ)
    has_signals = hasattr(signal, "sigtimedwait") and sys.platform.startswith("linux")
    channel = quietly(Channel)() if has_signals and settings.is_on else None
    rank = quietly(rank_of)(os.environ) or ALONE
    if channel is None or rank.on_host:
        _become(command)
    heard = _signals()
    environ = {**os.environ, VARIABLE: channel.name}
    prctl = quietly(_prctl)()
    started_at = time.time()
    before = signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    old_mask = signal.pthread_sigmask(signal.SIG_BLOCK, heard)
    listener = quietly(_Listener)(heard, prctl)
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        if prctl is not None:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
        signal.signal(signal.SIGCHLD, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, old_mask)
        _become(command, environ)
    if not os.environ.get("CARBON_HOOK_DEBUG"):
        quietly(_let_go)()
    told_fields = {"default_job_name": job_name_of(command), **fields}
    job = Job(child, started_at, told_fields, os.getcwd(), 0.0, is_ours=True, rank=rank)
    watch = threading.Thread(target=lambda: Monitor(job, channel, settings).run(), daemon=True)
    quietly(watch.start)()
    status, used = _wait(child, heard, listener)
    quietly(_report)(status, used, channel, watch)
    _end_like(status)


def _become(command: List[str], environ: Optional[Dict[str, str]] = None) -> NoReturn:
    """Turn into the command; 127 and 126 are what a shell says."""
    for name in IGNORED_BY_PYTHON:
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    try:
        os.execvpe(command[0], command, environ if environ is not None else dict(os.environ))
    except FileNotFoundError:
        sys.stderr.write(f"carbon-hook: {command[0]}: command not found\n")
        os._exit(127)
    except OSError as error:
        sys.stderr.write(f"carbon-hook: {command[0]}: {error.strerror}\n")
        os._exit(126)


def _prctl() -> Any:
    import ctypes

    return ctypes.CDLL(None).prctl


def _signals() -> Set[int]:
    """Everything that may be meant for the job."""
    own = {int(getattr(signal, name)) for name in OWN_SIGNALS}
    return {int(number) for number in signal.valid_signals()} - own


class _Listener:
    """A process that hears what the whole process group is told. A signal that it hears too has
    reached the job already, as Ctrl-C or `kill -- -GROUP`, and is not passed on a second time."""

    def __init__(self, heard: Set[int], prctl: Any) -> None:
        self._out, inside = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                if prctl is not None:
                    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                _let_go()
                while True:
                    number = signal.sigwaitinfo(heard).si_signo
                    if number != signal.SIGCHLD:
                        os.write(inside, bytes([number]))
            finally:
                os._exit(0)
        os.close(inside)

    def heard(self, number: int) -> bool:
        """Did the group hear this one just now?"""
        import select

        until = time.monotonic() + BOTH_HEARD_S
        while True:
            ready, _, _ = select.select([self._out], [], [], max(0.0, until - time.monotonic()))
            told_number = os.read(self._out, 1) if ready else b""
            if not told_number:
                return False
            if told_number[0] == number:
                return True

    def stop(self) -> None:
        """Its work is over."""
        os.kill(self.pid, signal.SIGKILL)


def _wait(child: int, heard: Set[int], listener: Optional[_Listener]) -> Tuple[int, Any]:
    """Pass signals on until the child has ended; its wait status and what it used."""
    while True:
        try:
            info = signal.sigtimedwait(heard, 1.0)
            number = info.si_signo if info is not None else signal.SIGCHLD
            if number == signal.SIGCHLD:
                ended = _reap(child)
                if ended is not None:
                    if listener is not None:
                        listener.stop()
                    return ended
            elif info is not None and _is_for_the_job(info):
                if listener is None or not listener.heard(number):
                    os.kill(child, number)
        except ProcessLookupError:
            continue
        except InterruptedError:
            continue


def _is_for_the_job(info: Any) -> bool:
    return info.si_code < FROM_THE_KERNEL or info.si_signo in FROM_THE_KERNEL_TO_ONE


def _reap(child: int) -> Optional[Tuple[int, Any]]:
    """Whoever has ended or stopped; the child's status once it has ended."""
    while True:
        try:
            pid, status, used = os.wait4(-1, os.WNOHANG | os.WUNTRACED)
        except ChildProcessError:
            return 0, None  # somebody else waited for it: nobody knows how it ended
        if pid == 0:
            return None
        if pid != child:
            continue
        if os.WIFSTOPPED(status):
            os.kill(os.getpid(), signal.SIGSTOP)
            os.kill(child, signal.SIGCONT)
            continue
        return status, used


def _let_go() -> None:
    """Whoever waits for the end of the job's input or output must not wait for this process."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.close(nothing)


def _report(status: int, used: Any, channel: Channel, watch: threading.Thread) -> None:
    tags: Dict[str, Any] = {}
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        tags["signal"] = signal.Signals(number).name
    else:
        tags["exit_code"] = os.WEXITSTATUS(status)
    message = {
        "done": status_of(status),
        "was_killed": os.WIFSIGNALED(status),
        "fields": {"tags": tags},
        "cpu_s": used.ru_utime + used.ru_stime if used is not None else None,
        "peak_gib": _peak_gib(used),
    }
    if not say(channel.name, message):
        told("the monitor hears nothing")
        return
    watch.join(LAST_WAIT_S + 0.1)


def _peak_gib(used: Any) -> Optional[float]:
    """The most memory that the child, or a process it waited for, held at once. A child begins as
    a copy of this process: no more than that says nothing of the job. What this process itself
    began as, maybe a copy of a large one, is in its own `ru_maxrss` and not in the child's."""
    own = re.search(r"^VmHWM:\s+(\d+) kB", text_of("/proc/self/status") or "", re.MULTILINE)
    if used is None or own is None or used.ru_maxrss <= int(own.group(1)):
        return None
    return float(used.ru_maxrss) / (GIB >> 10)  # of KiB


def status_of(status: int) -> str:
    """Of a wait status."""
    if not os.WIFSIGNALED(status):
        return "failed" if os.WEXITSTATUS(status) else "succeeded"
    asked_to_end = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
    if os.WTERMSIG(status) == signal.SIGXCPU:
        return "timeout"
    return "cancelled" if os.WTERMSIG(status) in asked_to_end else "failed"


def _end_like(status: int) -> NoReturn:
    """End as the child did, without a core file of this process."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if number != signal.SIGKILL:
                signal.signal(number, signal.SIG_DFL)
                signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
            os.kill(os.getpid(), number)
            time.sleep(1.0)
        except (OSError, ValueError):
            pass
        os._exit(128 + number)
    os._exit(os.WEXITSTATUS(status))
