"""The only writer of landing: append-only Parquet deliveries, the system of record.

    landing/<dataset>/<delivery_id>.parquet      rows that kept their contract
    landing/_rejected/<delivery_id>.parquet      rows that did not, whole, with the reason
    landing/_deliveries/<delivery_id>.parquet    the manifest: one row per delivery, written last

A delivery is one scope (an export's billing period, one log file, one event segment) as received
at one time. It is written under a temporary name, synced and renamed; its manifest row is the
commit: data without one is invisible. Landing the same content for the same scope again changes
nothing; different content is a new delivery that supersedes the old one and never overwrites it.
Rows in = rows landed + rows rejected, always.
"""

import hashlib
import json
import logging
import os
import shutil
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
import pyarrow.parquet as pq

from ingest.contracts import REJECTED_SCHEMA, Dataset
from ingest.errors import LandingError

logger = logging.getLogger(__name__)

MANIFEST_SCHEMA = pl.Schema(
    {
        "delivery_id": pl.String(),
        "dataset": pl.String(),
        "scope": pl.String(),
        "source": pl.String(),
        "instance": pl.String(),
        "received_at_utc": pl.Datetime("us", "UTC"),
        "rows_in": pl.Int64(),
        "rows_landed": pl.Int64(),
        "rows_rejected": pl.Int64(),
        "content_sha256": pl.String(),
        "source_files": pl.String(),  # JSON list
        "code_version": pl.String(),
    }
)
MANIFEST = "_deliveries"
REJECTED = "_rejected"
TEMPORARY = ".tmp"


@dataclass(frozen=True)
class DeliveryResult:
    """What became of one delivery. `status`: landed | unchanged | held_back."""

    dataset: str
    scope: str
    status: str
    delivery_id: str | None
    rows_in: int
    rows_landed: int
    rows_rejected: int


class Landing:
    """The landing folder. One writer at a time; the caller holds the lock."""

    def __init__(self, root: Path, code_version: str = "unknown") -> None:
        self.root = root
        self.code_version = code_version
        self._newest: dict[tuple[str, str], dict[str, object]] | None = None

    def initialise(self, datasets: Iterable[Dataset]) -> None:
        """Create the folders with a typed zero-row file each, so that no glob is ever empty."""
        schemas = {dataset.name: dataset.schema for dataset in datasets}
        schemas |= {MANIFEST: MANIFEST_SCHEMA, REJECTED: REJECTED_SCHEMA}
        for name, schema in schemas.items():
            folder = self.root / name
            folder.mkdir(parents=True, exist_ok=True)
            empty = folder / "_empty.parquet"
            if not empty.exists() or pl.read_parquet_schema(empty) != dict(schema):
                _write_atomically(pl.DataFrame(schema=schema), empty)

    def clear_leftovers(self) -> None:
        """Remove what an interrupted writer left under temporary names."""
        shutil.rmtree(self.root / TEMPORARY, ignore_errors=True)

    def deliveries(self) -> pl.DataFrame:
        """The manifest, oldest first, in MANIFEST_SCHEMA."""
        return pl.read_parquet(self.root / MANIFEST / "*.parquet").sort(
            "received_at_utc", "delivery_id"
        )

    def newest(self, dataset: str, scope: str) -> dict[str, object] | None:
        """The manifest row of the newest delivery of a scope."""
        if self._newest is None:
            self._newest = {
                (row["dataset"], row["scope"]): row for row in self.deliveries().rows(named=True)
            }
        return self._newest.get((dataset, scope))

    def deliver(
        self, dataset: Dataset, scope: str, *, source: str, instance: str, received_at: datetime
    ) -> "DeliveryWriter":
        """A writer for one delivery; use as a context manager and `commit` inside it."""
        return DeliveryWriter(self, dataset, scope, source, instance, received_at)

    def record(self, row: dict[str, object]) -> None:
        """Write a manifest row: from here on the delivery exists."""
        frame = pl.DataFrame([row], schema=MANIFEST_SCHEMA)
        _write_atomically(frame, self.root / MANIFEST / f"{row['delivery_id']}.parquet")
        self.newest(str(row["dataset"]), str(row["scope"]))
        assert self._newest is not None  # noqa: S101 - filled by the line above
        self._newest[str(row["dataset"]), str(row["scope"])] = row


class DeliveryWriter:
    """Streams one delivery to temporary files; `commit` makes it visible or finds it unchanged."""

    def __init__(
        self,
        landing: Landing,
        dataset: Dataset,
        scope: str,
        source: str,
        instance: str,
        received_at: datetime,
    ) -> None:
        self.landing = landing
        self.dataset = dataset
        self.scope = scope
        self.source = source
        self.instance = instance
        self.received_at = received_at.astimezone(UTC)
        self.rows_landed = 0
        self.rows_rejected = 0
        self.incomplete = False
        self._source_files: set[str] = set()
        self._folder = landing.root / TEMPORARY / uuid.uuid4().hex
        self._writers: dict[str, pq.ParquetWriter] = {}

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for writer in self._writers.values():
            writer.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def write(self, rows: pl.DataFrame, rejected: pl.DataFrame, rows_in: int | None = None) -> None:
        """Append landed and rejected rows. `rows_in`, if known apart, must be their sum."""
        if rows.schema != self.dataset.schema:
            raise LandingError(
                f"{self.dataset.name}: the source built columns {dict(rows.schema)}, "
                f"the dataset has {dict(self.dataset.schema)}"
            )
        if rows_in is not None and rows_in != rows.height + rejected.height:
            raise LandingError(
                f"{self.dataset.name} {self.scope}: {rows_in} rows in, but {rows.height} landed "
                f"+ {rejected.height} rejected"
            )
        for kind, frame in (("data", rows), ("rejected", rejected)):
            if frame.is_empty() and (kind == "rejected" or kind in self._writers):
                continue
            table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
            if kind not in self._writers:
                self._writers[kind] = pq.ParquetWriter(
                    self._folder / f"{kind}.parquet", table.schema, compression="zstd"
                )
            self._writers[kind].write_table(table)
            self._source_files.update(frame["source_file"].unique().to_list())
        self.rows_landed += rows.height
        self.rows_rejected += rejected.height

    def commit(self) -> DeliveryResult:
        """Make the delivery visible, unless the newest one of its scope has the same content."""
        for writer in self._writers.values():
            writer.close()
        digest = hashlib.sha256()
        for kind in sorted(self._writers):
            _sync_and_digest(self._folder / f"{kind}.parquet", digest)
        content = digest.hexdigest()
        newest = self.landing.newest(self.dataset.name, self.scope)
        if newest is not None and newest["content_sha256"] == content:
            return self._result("unchanged", str(newest["delivery_id"]))
        if newest is not None and self.incomplete:
            return self._result("held_back", None)
        scope_key = hashlib.sha256(f"{self.dataset.name}\0{self.scope}".encode()).hexdigest()
        delivery_id = f"{self.received_at:%Y%m%dT%H%M%S%fZ}-{scope_key[:8]}-{content[:8]}"
        for kind, folder in (("data", self.dataset.name), ("rejected", REJECTED)):
            if kind in self._writers:
                target = self.landing.root / folder / f"{delivery_id}.parquet"
                (self._folder / f"{kind}.parquet").rename(target)
                _sync_folder(target.parent)
        self.landing.record(
            {
                "delivery_id": delivery_id,
                "dataset": self.dataset.name,
                "scope": self.scope,
                "source": self.source,
                "instance": self.instance,
                "received_at_utc": self.received_at,
                "rows_in": self.rows_landed + self.rows_rejected,
                "rows_landed": self.rows_landed,
                "rows_rejected": self.rows_rejected,
                "content_sha256": content,
                "source_files": json.dumps(sorted(self._source_files)),
                "code_version": self.landing.code_version,
            }
        )
        logger.info(
            "landed %s scope=%s rows=%d rejected=%d",
            self.dataset.name,
            self.scope,
            self.rows_landed,
            self.rows_rejected,
        )
        return self._result("landed", delivery_id)

    def _result(self, status: str, delivery_id: str | None) -> DeliveryResult:
        return DeliveryResult(
            dataset=self.dataset.name,
            scope=self.scope,
            status=status,
            delivery_id=delivery_id,
            rows_in=self.rows_landed + self.rows_rejected,
            rows_landed=self.rows_landed,
            rows_rejected=self.rows_rejected,
        )


def _write_atomically(frame: pl.DataFrame, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    frame.write_parquet(temporary, compression="zstd")
    _sync_and_digest(temporary)
    temporary.rename(target)
    _sync_folder(target.parent)


def _sync_and_digest(path: Path, digest: "hashlib._Hash | None" = None) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        if digest is not None:
            while block := file.read(1 << 20):
                digest.update(block)


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
