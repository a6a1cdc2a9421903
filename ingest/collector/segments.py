"""Segments: files of run events, one JSON object per line, that the collector leaves in the inbox.

    inbox/.collector/open.jsonl         the open segment; no source reads below a hidden folder
    inbox/.collector/open.lock          held while something happens to it
    inbox/.collector/collector.lock     held by the collector that runs
    inbox/collector/<day>/<time>-<random>.jsonl    segments handed over: whole, never changed again

A segment is handed over by one rename, by the collector (when it is large or old enough, and when
it starts or stops) or by whoever reads the inbox: `hand_over` waits for one sync at most, and also
takes what a collector that was killed left behind. A line without its end was never answered for
and is cut.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

HIDDEN = ".collector"
FOLDER = "collector"
OPEN = "open.jsonl"
OPEN_LOCK = "open.lock"
COLLECTOR_LOCK = "collector.lock"
_BLOCK = 1 << 16


@contextmanager
def locked(inbox: Path) -> Iterator[None]:
    """Hold the open segment. The operating system gives it back when the holder dies."""
    descriptor = os.open(inbox / HIDDEN / OPEN_LOCK, os.O_RDWR | os.O_CREAT, 0o660)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def hand_over(inbox: Path, now: datetime) -> Path | None:
    """Put what is durable in the open segment where the night reads; None if there is nothing.

    For a reader of the inbox. Raises OSError, for instance where it may not write.
    """
    if not (inbox / HIDDEN / OPEN).exists():
        return None
    with locked(inbox):
        return hand_over_locked(inbox, now)


def hand_over_locked(inbox: Path, now: datetime) -> Path | None:
    """The same, by who holds the lock."""
    path = inbox / HIDDEN / OPEN
    try:
        size = _cut_to_whole_lines(path)
    except FileNotFoundError:
        return None
    if size == 0:
        return None
    at = now.astimezone(UTC)
    day = inbox / FOLDER / f"{at:%Y-%m-%d}"
    make_folder(inbox / FOLDER)
    make_folder(day)
    target = day / f"{at:%Y%m%dT%H%M%S%fZ}-{uuid.uuid4().hex[:8]}.jsonl"
    path.rename(target)
    sync_folder(day)
    sync_folder(path.parent)
    return target


def _cut_to_whole_lines(path: Path) -> int:
    """Remove a last line that has no end; the bytes that are left, synced."""
    with path.open("rb+") as file:
        size = whole = file.seek(0, os.SEEK_END)
        while whole > 0:
            start = max(0, whole - _BLOCK)
            file.seek(start)
            found = file.read(whole - start).rfind(b"\n")
            if found >= 0:
                whole = start + found + 1
                break
            whole = start
        if whole != size:
            file.truncate(whole)
        os.fsync(file.fileno())
    return whole


def handed_over(inbox: Path) -> list[Path]:
    """Every segment in its place, the oldest first."""
    return sorted((inbox / FOLDER).glob("*/*.jsonl"), key=lambda path: path.name)


def make_folder(path: Path) -> None:
    """A folder that is still there after the power failed."""
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class OpenSegment:
    """The collector's end of the open segment: append durably, or not at all."""

    def __init__(self, inbox: Path) -> None:
        self.inbox = inbox
        self.path = inbox / HIDDEN / OPEN
        self._descriptor: int | None = None
        self.size = 0
        self.opened_at: datetime | None = None
        self.is_broken = False

    def append(self, data: bytes, now: datetime) -> None:
        """Write and sync. Raises OSError, after which nothing of `data` is in the segment.

        The caller holds the lock. If a reader took the segment meanwhile, a new one is begun.
        Raises SegmentBroken when what was written cannot be taken back.
        """
        descriptor = self._current(now)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fdatasync(descriptor)
        except OSError as error:
            self._cut(descriptor, self.size, error)
            raise
        self.size += len(data)

    def take_back(self, size: int) -> None:
        """Remove the last `size` bytes that were appended. Raises SegmentBroken."""
        assert self._descriptor is not None  # noqa: S101 - something was appended
        self._cut(self._descriptor, self.size - size, None)
        self.size -= size

    def _cut(self, descriptor: int, size: int, cause: OSError | None) -> None:
        try:
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        except OSError as error:
            self.is_broken = True
            raise SegmentBroken(f"{self.path}: cannot be cut: {error}") from cause

    def hand_over(self, now: datetime) -> Path | None:
        """Rename it into its place. The caller holds the lock."""
        target = hand_over_locked(self.inbox, now)
        self.close()
        return target

    def close(self) -> None:
        """Give the file back; the next `append` opens it again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor, self.size, self.opened_at = None, 0, None

    def is_ours(self) -> bool:
        """Whether the file that is open still is the open segment."""
        if self._descriptor is None:
            return False
        try:
            there = self.path.stat()
        except FileNotFoundError:
            return False
        here = os.fstat(self._descriptor)
        return (there.st_ino, there.st_dev) == (here.st_ino, here.st_dev)

    def _current(self, now: datetime) -> int:
        if self._descriptor is not None and self.is_ours():
            return self._descriptor
        self.close()
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o660)
        self.size = _cut_to_whole_lines(self.path)
        self.opened_at = now
        sync_folder(self.path.parent)
        return self._descriptor


class SegmentBroken(OSError):
    """The open segment holds bytes that nobody answers for, and they cannot be removed."""
