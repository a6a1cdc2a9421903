"""Group commit: all requests that wait share one write and one sync, and are answered after it.

One task takes what waits; a thread of its own removes what was seen before, appends the rest to the
open segment, syncs it and commits the index, in this order, so that whatever happens between two
steps, an event that was answered for is in a segment once, and one that was not may be sent again.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from ingest.collector.seen import Seen
from ingest.collector.segments import (
    COLLECTOR_LOCK,
    HIDDEN,
    OpenSegment,
    SegmentBroken,
    locked,
    make_folder,
)
from ingest.errors import LockHeld

logger = logging.getLogger(__name__)

T = TypeVar("T")

# An event ready to be kept: its id, and its line.
Line = tuple[str, bytes]
GROUP_EVENTS = 5_000
_TICK_S = 1.0


class NotDurable(Exception):
    """The disk did not take the events; they may be sent again."""


class Full(Exception):
    """More waits than may wait; to be sent again later."""


@dataclass
class _Waiting:
    lines: Sequence[Line]
    size: int
    answer: "asyncio.Future[tuple[int, int]]" = field(repr=False)


class Writer:
    """The only one that writes events. `start` before, `stop` after; `add` from the event loop."""

    def __init__(
        self,
        inbox: Path,
        *,
        segment_bytes: int,
        segment_age: timedelta,
        remember: int,
        waiting_bytes: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        give_up: Callable[[], None] = lambda: None,
    ) -> None:
        self.inbox = inbox
        self.segment_bytes = segment_bytes
        self.segment_age = segment_age
        self.remember = remember
        self.waiting_bytes = waiting_bytes
        self.clock = clock
        self.give_up = give_up
        self.problem: str | None = None
        self.waiting_size = 0
        self.segments = 0
        self._queue: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._stopping = False
        self._thread = ThreadPoolExecutor(1, "segments")
        self._segment = OpenSegment(inbox)
        self._task: asyncio.Task[None] | None = None

    @property
    def is_broken(self) -> bool:
        """Whether only a new start helps."""
        return self._segment.is_broken

    async def start(self) -> None:
        """Take over what an earlier collector left. Raises LockHeld, OSError."""
        await self._in_thread(self._open)
        self._task = asyncio.create_task(self._run(), name="segments")

    async def stop(self) -> None:
        """Write what waits, hand the open segment over, close."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
            await self._in_thread(self._close)
        self._thread.shutdown()

    async def add(self, lines: Sequence[Line]) -> tuple[int, int]:
        """(accepted, duplicates), once all of them are durable. Raises Full, NotDurable."""
        size = sum(len(line) for _, line in lines)
        if self._stopping or self.waiting_size + size > self.waiting_bytes:
            raise Full
        waiting = _Waiting(lines, size, asyncio.get_running_loop().create_future())
        self.waiting_size += size
        self._queue.append(waiting)
        self._wake.set()
        return await waiting.answer

    async def _run(self) -> None:
        while self._queue or not self._stopping:
            if not self._queue:
                try:
                    async with asyncio.timeout(_TICK_S):
                        await self._wake.wait()
                except TimeoutError:
                    await self._keep_house()
                self._wake.clear()
                continue
            group = self._taken()
            try:
                counts = await self._in_thread(self._write, [w.lines for w in group])
            except (OSError, sqlite3.Error) as error:
                self._failed(error)
                for waiting in group:
                    _answer(waiting, NotDurable())
            else:
                self.problem = None
                for waiting, count in zip(group, counts, strict=True):
                    _answer(waiting, count)
            self.waiting_size -= sum(waiting.size for waiting in group)

    def _taken(self) -> list[_Waiting]:
        """What waits, up to a group; at least one request."""
        events = taken = 0
        while taken < len(self._queue) and events < GROUP_EVENTS:
            events += len(self._queue[taken].lines)
            taken += 1
        group, self._queue = self._queue[:taken], self._queue[taken:]
        return group

    async def _keep_house(self) -> None:
        try:
            await self._in_thread(self._rotate_if_due)
        except (OSError, sqlite3.Error) as error:
            self._failed(error)

    def _failed(self, error: Exception) -> None:
        self.problem = f"{type(error).__name__}: {error}"
        logger.error("events cannot be kept: %s", error)
        if isinstance(error, SegmentBroken):
            self.give_up()

    async def _in_thread(self, work: Callable[..., T], *given: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    # ---- In the thread ----

    def _open(self) -> None:
        make_folder(self.inbox)
        make_folder(self.inbox / HIDDEN)
        self._lock = FileLock(self.inbox / HIDDEN / COLLECTOR_LOCK, timeout=0, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout:
            raise LockHeld(
                f"{self.inbox}: another collector writes into this inbox; stop it, or give this "
                "one an inbox of its own"
            ) from None
        self._seen = Seen(self.inbox, self.remember)
        with locked(self.inbox):
            left = self._segment.hand_over(self.clock())
        if left is not None:
            logger.info("handed over %s, which an earlier collector left", left.name)
        self._seen.catch_up()

    def _write(self, requests: Sequence[Sequence[Line]]) -> list[tuple[int, int]]:
        """(accepted, duplicates) of each request; all or none are durable."""
        seen, segment, now = self._seen, self._segment, self.clock()
        data, counts = bytearray(), []
        with locked(self.inbox):
            seen.begin()
            try:
                for lines in requests:
                    accepted = 0
                    for event_id, line in lines:
                        if seen.add(event_id):
                            data += line
                            accepted += 1
                    counts.append((accepted, len(lines) - accepted))
                if data:
                    segment.append(bytes(data), now)
                    try:
                        seen.commit()
                    except sqlite3.Error:
                        segment.take_back(len(data))
                        raise
            finally:
                seen.rollback()  # of what was not committed
            if segment.size >= self.segment_bytes:
                self._hand_over(now)
        return counts

    def _rotate_if_due(self) -> None:
        opened, now = self._segment.opened_at, self.clock()
        if opened is not None and now - opened >= self.segment_age:
            with locked(self.inbox):
                if self._segment.is_ours():
                    self._hand_over(now)
                else:  # a reader took it
                    self._segment.close()

    def _hand_over(self, now: datetime) -> None:
        segment = self._segment.hand_over(now)
        if segment is not None:
            self._seen.settle(segment)
            self.segments += 1

    def _close(self) -> None:
        try:
            if not self._segment.is_broken:
                with locked(self.inbox):
                    self._hand_over(self.clock())
            self._segment.close()
            self._seen.close()
        finally:
            self._lock.release()


def _answer(waiting: _Waiting, answer: tuple[int, int] | Exception) -> None:
    if waiting.answer.done():  # the client went away
        return
    if isinstance(answer, Exception):
        waiting.answer.set_exception(answer)
    else:
        waiting.answer.set_result(answer)
