"""One night at a time: a lock that the operating system releases when its holder dies."""

import getpass
import json
import logging
import os
import shlex
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ingest.errors import LockHeld

logger = logging.getLogger(__name__)


def lock_paths(warehouse: Path, landing: Path) -> tuple[Path, Path]:
    """The lock of the warehouse, and that of landing (two configs may share one landing)."""
    return (warehouse.with_name(f"{warehouse.name}.lock"), landing / ".lock")


@contextmanager
def hold(warehouse: Path, landing: Path, now: datetime) -> Iterator[None]:
    """Hold both locks. Raises LockHeld, which says who has them.

    The kernel drops a lock with its process, so after `kill -9` the next one gets it at once; the
    note of the killed holder is then only reported.
    """
    with ExitStack() as stack:
        notes = []
        for path in lock_paths(warehouse, landing):
            path.parent.mkdir(parents=True, exist_ok=True)
            note = path.with_name(f"{path.name}.json")
            lock = FileLock(path, timeout=0)
            try:
                stack.enter_context(lock)
            except Timeout as error:
                raise LockHeld(
                    f"another observatory process holds {path}: {_holder(note)}; "
                    "wait for it, or end it, and start again"
                ) from error
            notes.append(note)
        for holder in sorted({_holder(note) for note in notes if note.exists()}):
            logger.warning("the holder before did not finish: %s", holder)
        for note in notes:
            note.write_text(json.dumps(_me(now)))
        try:
            yield
        finally:
            for note in notes:
                note.unlink(missing_ok=True)


def _me(now: datetime) -> dict[str, object]:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "user": user,
        "since": now.isoformat(timespec="seconds"),
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
    }


def _holder(note: Path) -> str:
    try:
        who = json.loads(note.read_text())
        return (
            f"pid {who['pid']} on {who['host']}, user {who['user']}, since {who['since']}: "
            f"{who['command']}"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return "it left no note of who it is"
