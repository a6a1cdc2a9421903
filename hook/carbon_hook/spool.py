"""Events on disk until they are delivered: one file each, which any process may take over."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import time
from contextlib import contextmanager
from typing import Iterator, List, Optional, Set

from carbon_hook.quiet import told

MOST_FILES = 20_000
SUFFIX = ".json"


class Spool:
    """What waits for one target. Nothing raises: without a disk events live in memory alone."""

    def __init__(self, folders: List[str], target: str) -> None:
        name = hashlib.sha256(target.encode("utf-8", "replace")).hexdigest()[:16]
        self._folders = [os.path.join(folder, name) for folder in folders]
        self._writable: Optional[str] = None
        self._own: Set[str] = set()

    def put(self, event_id: str, line: bytes) -> Optional[str]:
        """Keep an event; its path, or None where it cannot be kept."""
        name = f"{time.time_ns():020d}-{event_id}"
        self._own.add(name + SUFFIX)
        for folder in [self._writable] if self._writable else self._folders:
            try:
                os.makedirs(folder, mode=0o700, exist_ok=True)
                if not is_ours(folder) or len(os.listdir(folder)) >= MOST_FILES:
                    continue
                path = os.path.join(folder, name)
                _write(path + ".new", line)
                os.rename(path + ".new", path + SUFFIX)
            except OSError as error:
                told(f"cannot keep an event in {folder}", error)
                continue
            self._writable = folder
            return path + SUFFIX
        return None

    def left_behind(self) -> List[str]:
        """Paths of other processes' events that nobody has delivered yet, oldest first."""
        found = []
        for folder in self._folders:
            try:
                if is_ours(folder):
                    names = {name for name in os.listdir(folder) if name.endswith(SUFFIX)}
                    found += [os.path.join(folder, name) for name in sorted(names - self._own)]
            except OSError:
                continue
        return found

    @contextmanager
    def turn(self) -> Iterator[bool]:
        """Whether this process is the one that clears up: not all jobs of a host at once."""
        for folder in self._folders:
            try:
                lock = os.open(os.path.join(folder, ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
            except OSError:
                continue
            try:
                yield _is_taken(lock)
            finally:
                os.close(lock)
            return
        yield False


def _is_taken(lock: int) -> bool:
    """By this process; also where the disk knows no locks, for an event may arrive twice."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        told("the disk of the spool has no locks", error)
    return True


def is_ours(folder: str) -> bool:
    """A folder, no link, and nobody else's: others may write to /tmp too."""
    info = os.lstat(folder)
    return stat.S_ISDIR(info.st_mode) and info.st_uid == os.getuid()


def _write(path: str, content: bytes) -> None:
    try:
        with open(path, "xb", buffering=0) as file:
            written = file.write(content)
            if written != len(content):
                raise OSError(f"only {written} of {len(content)} bytes fitted")
    except OSError:
        forget(path)
        raise


def forget(path: Optional[str]) -> None:
    """Remove a file that may be gone already."""
    if path is not None:
        try:
            os.unlink(path)
        except OSError:
            pass
