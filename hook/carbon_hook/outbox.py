"""Delivery beside the run: each target has a thread, its events wait on disk, and a slow target
holds up nothing but itself."""

from __future__ import annotations

import threading
import time
from typing import List, NamedTuple, Optional

from carbon_hook.quiet import told
from carbon_hook.spool import Spool, forget
from carbon_hook.targets import Target, batch_size

# After a failure: how long until the next attempt, unless the run ends first.
PAUSES_S = (1.0, 5.0, 15.0, 60.0)
BACKLOG_EVENTS = 5_000


class _Waiting(NamedTuple):
    line: bytes
    path: Optional[str]


class Outbox:
    """The events of this process for one target, and what earlier processes left behind."""

    def __init__(self, target: Target, spool: Spool) -> None:
        self._target = target
        self._spool = spool
        self._own: List[_Waiting] = []
        self._failures = 0
        self._is_closing = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="carbon-hook", daemon=True)
        self._thread.start()

    def put(self, event_id: str, line: bytes) -> None:
        """Take an event: on disk first, so that it outlives this process."""
        waiting = _Waiting(line, self._spool.put(event_id, line))
        with self._changed:
            self._own.append(waiting)
            self._changed.notify_all()

    def close(self, until: float) -> bool:
        """One more attempt, to the end of the time (monotonic); is everything delivered?"""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join(max(0.0, until - time.monotonic()))
        return not self._own

    def _work(self) -> None:
        has_cleared_up = False
        while True:
            with self._changed:
                if not self._own and not self._is_closing:
                    self._changed.wait()
                was_closing = self._is_closing
            is_delivered = self._deliver_own()
            if is_delivered and not has_cleared_up:
                has_cleared_up = True
                self._deliver_backlog()
            if was_closing and (is_delivered or not self._own):
                return
            if was_closing and not is_delivered:
                return
            if not is_delivered:
                with self._changed:
                    if not self._is_closing:
                        pause = PAUSES_S[min(self._failures, len(PAUSES_S)) - 1]
                        self._changed.wait(pause)

    def _deliver_own(self) -> bool:
        while self._own:
            lines = [waiting.line for waiting in self._own]
            count = self._send(lines[: batch_size(lines)])
            if count == 0:
                return False
            with self._changed:
                sent, self._own = self._own[:count], self._own[count:]
            for waiting in sent:
                forget(waiting.path)
        return True

    def _send(self, lines: List[bytes]) -> int:
        try:
            count = self._target.send(lines)
        except Exception as error:
            self._failures += 1
            told(f"{self._target.name} takes nothing now", error)
            return 0
        self._failures = 0
        return count

    def _deliver_backlog(self) -> None:
        """What earlier runs could not send."""
        try:
            with self._spool.turn() as is_ours:
                paths = self._spool.left_behind()[:BACKLOG_EVENTS] if is_ours else []
                while paths:
                    lines = [_content(path) for path in paths]
                    count = batch_size(lines)
                    present = [line for line in lines[:count] if line]
                    if present and self._send(present) < len(present):
                        return
                    for path in paths[:count]:
                        forget(path)
                    paths = paths[count:]
        except Exception as error:
            told("the backlog stays", error)


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:  # another process was faster
        return b""
