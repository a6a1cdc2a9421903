"""Which events there were: ids by digest, on disk, so that a replay is one event, also after a
restart and in segments long handed over.

At least the last `remember` events are known: two generations of at most that many each, the older
of which is dropped when the newer is full. Memory stays the cache of SQLite, whatever is stored.

It is made of the segments, so it may lag behind them (killed, no power) or be lost: `catch_up`
reads the segments that it does not know.
"""

import json
import logging
import sqlite3
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path

from ingest.collector.segments import HIDDEN, handed_over

logger = logging.getLogger(__name__)

FILE = "seen.sqlite"
_CACHE_KIB = 8192
_TABLES = """
create table if not exists newer (id blob primary key) without rowid;
create table if not exists older (id blob primary key) without rowid;
create table if not exists segments (name text primary key) without rowid;
"""


def digest(event_id: str) -> bytes:
    """128 bits that stand for an id: a collision would lose an event, and will not happen."""
    return blake2b(event_id.encode(), digest_size=16).digest()


class Seen:
    """The index. One thread at a time."""

    def __init__(self, inbox: Path, remember: int) -> None:
        self.inbox = inbox
        self.remember = remember
        self.path = inbox / HIDDEN / FILE
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            logger.warning("%s: %s; it is made anew from the segments", self.path, error)
            for path in self.path.parent.glob(f"{FILE}*"):
                path.unlink()
            self._open()

    def _open(self) -> None:
        self._database = sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, timeout=10
        )
        execute = self._database.execute
        execute("pragma journal_mode = wal")
        execute("pragma synchronous = normal")
        execute(f"pragma cache_size = -{_CACHE_KIB}")
        self._database.executescript(_TABLES)
        execute("select count(*) from (select 1 from older limit 1)").fetchone()
        (self._newer,) = execute("select count(*) from newer").fetchone()

    def begin(self) -> None:
        """Start a group of events."""
        if self._newer >= self.remember:
            self._database.executescript(
                "begin; drop table older; alter table newer rename to older; commit;" + _TABLES
            )
            self._newer = 0
        self._database.execute("begin immediate")
        self._before = self._newer

    def add(self, event_id: str) -> bool:
        """Whether the event is new; from now on it is not."""
        key = (digest(event_id),)
        execute = self._database.execute
        if execute("select 1 from older where id = ?", key).fetchone() is not None:
            return False
        is_new = execute("insert or ignore into newer values (?)", key).rowcount == 1
        self._newer += is_new
        return is_new

    def commit(self) -> None:
        """The group is durable in its segment."""
        self._database.execute("commit")

    def rollback(self) -> None:
        """Forget a group that was not committed."""
        if self._database.in_transaction:
            self._database.execute("rollback")
            self._newer = self._before

    def settle(self, segment: Path | None) -> None:
        """All that a segment holds is known, even if the power fails."""
        if segment is not None:
            self._database.execute("insert or ignore into segments values (?)", (segment.name,))
        self._database.execute("pragma wal_checkpoint(truncate)")

    def catch_up(self) -> int:
        """Read the segments in the inbox that are not known; how many there were."""
        segments = handed_over(self.inbox)
        known = {name for (name,) in self._database.execute("select name from segments")}
        unknown = [path for path in segments if path.name not in known]
        for path in unknown:
            with path.open("rb") as file:
                self._learn(file)
            self.settle(path)
        gone = known - {path.name for path in segments}
        self._database.executemany("delete from segments where name = ?", [(n,) for n in gone])
        return len(unknown)

    def _learn(self, lines: Iterable[bytes]) -> None:
        self.begin()
        for number, line in enumerate(lines, 1):
            try:
                event = json.loads(line)
                self.add(event["id" if "specversion" in event else "event_id"])
            except (ValueError, KeyError, TypeError, AttributeError):
                logger.warning("line %d of a segment is none of the collector's", number)
            if number % 10_000 == 0:
                self.commit()
                self.begin()
        self.commit()

    def close(self) -> None:
        """Everything is on disk."""
        self.settle(None)
        self._database.close()
