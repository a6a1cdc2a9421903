"""The only writer of landing: append-only Parquet deliveries, the system of record.

    landing/<dataset>/<delivery_id>.parquet      rows that kept their contract
    landing/_rejected/<delivery_id>.parquet      rows that did not, whole, with the reason
    landing/_deliveries/<delivery_id>.parquet    the manifest: one row per delivery, written last

A delivery is one scope (an export's billing period, one log file, one event segment) as received
at one time. It is written under a temporary name, synced and renamed; its manifest row is the
commit: data without one is invisible. Landing the same content for the same scope again changes
nothing; different content is a new delivery that supersedes the old one and never overwrites it.
What a source fetched it from (`marks`) stands beside it, and is all that may change: content
fetched again from new objects is the old delivery with new marks.
The newest landed is the newest known: if the clock was set back, a delivery is noted as received
just after the newest of its scope. Rows in = rows landed + rows rejected, always.
"""

import hashlib
import json
import logging
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

import polars as pl
import pyarrow as pa
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
        "marks": pl.String(),  # JSON object: what was fetched → its ETag or watermark; or null
    }
)
MANIFEST = "_deliveries"
REJECTED = "_rejected"
TEMPORARY = ".tmp"
# What `_write_atomically` writes before it renames.
_HALF_WRITTEN = re.compile(r"\..+\.parquet\.[0-9a-f]{32}")
# The resolution of `received_at_utc`.
_TICK = timedelta(microseconds=1)


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


def manifest(root: Path) -> pl.DataFrame:
    """The manifest below a landing folder, oldest first, in MANIFEST_SCHEMA.

    Rows written before a column was invented have null there.
    """
    files = pl.scan_parquet(
        root / MANIFEST / "*.parquet", schema=MANIFEST_SCHEMA, missing_columns="insert"
    )
    return files.sort("received_at_utc", "delivery_id").collect()


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
        if not self.root.is_dir():
            self.root.mkdir(parents=True)
            _sync_folder(self.root.parent)
        for name, schema in schemas.items():
            folder = self.root / name
            if not folder.is_dir():
                folder.mkdir()
                _sync_folder(self.root)
            empty = folder / "_empty.parquet"
            if not empty.exists() or pl.read_parquet_schema(empty) != dict(schema):
                _write_atomically(pl.DataFrame(schema=schema), empty)

    def clear_leftovers(self) -> None:
        """Remove what an interrupted writer left under temporary names."""
        shutil.rmtree(self.root / TEMPORARY, ignore_errors=True)
        for path in self.root.glob("*/.*.parquet.*"):
            if _HALF_WRITTEN.fullmatch(path.name):
                path.unlink(missing_ok=True)

    def deliveries(self) -> pl.DataFrame:
        """The manifest, oldest first, in MANIFEST_SCHEMA."""
        return manifest(self.root)

    def newest(self, dataset: str, scope: str) -> dict[str, object] | None:
        """The manifest row of the newest delivery of a scope."""
        return self._current().get((dataset, scope))

    def marks(self, source: str, instance: str) -> dict[tuple[str, str], dict[str, str]]:
        """(dataset, scope) → the marks of its newest delivery, of those an instance landed."""
        return {
            key: json.loads(str(row["marks"] or "{}"))
            for key, row in self._current().items()
            if (row["source"], row["instance"]) == (source, instance)
        }

    def kept(self, dataset: str, scope: str) -> DeliveryResult:
        """The newest delivery of a scope, found unchanged. Raises LandingError without one."""
        row = self.newest(dataset, scope)
        if row is None:
            raise LandingError(f"{dataset} {scope}: unchanged, says the source, but never landed")
        counts = (int(str(row[name])) for name in ("rows_in", "rows_landed", "rows_rejected"))
        return DeliveryResult(dataset, scope, "unchanged", str(row["delivery_id"]), *counts)

    def newest_received_at(self, but_of: str | None = None) -> datetime | None:
        """When the newest delivery of all was received, those of one dataset left out."""
        times = [
            row["received_at_utc"]
            for (dataset, _), row in self._current().items()
            if dataset != but_of
        ]
        return max((time for time in times if isinstance(time, datetime)), default=None)

    def deliver(
        self, dataset: Dataset, scope: str, *, source: str, instance: str, received_at: datetime
    ) -> "DeliveryWriter":
        """A writer for one delivery; use as a context manager and `commit` inside it."""
        return DeliveryWriter(self, dataset, scope, source, instance, received_at)

    def record(self, row: dict[str, object]) -> None:
        """Write a manifest row: from here on the delivery exists, or has these marks."""
        frame = pl.DataFrame([row], schema=MANIFEST_SCHEMA)
        _write_atomically(frame, self.root / MANIFEST / f"{row['delivery_id']}.parquet")
        self._current()[str(row["dataset"]), str(row["scope"])] = row

    def _current(self) -> dict[tuple[str, str], dict[str, object]]:
        """(dataset, scope) → the manifest row of its newest delivery; read once."""
        if self._newest is None:
            self._newest = {
                (row["dataset"], row["scope"]): row for row in self.deliveries().rows(named=True)
            }
        return self._newest


class DeliveryWriter:
    """Streams one delivery to temporary files; `commit` makes it visible or finds it unchanged.

    `suspend` gives its file handles back; what is written after it goes to a further part. Parts
    are joined by row group, so the bytes do not tell how often a delivery was suspended.
    """

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
        self.marks: Mapping[str, str] = {}
        self._source_files: set[str] = set()
        self._folder = landing.root / TEMPORARY / uuid.uuid4().hex
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._parts: dict[str, list[Path]] = {}
        self._schemas: dict[str, pa.Schema] = {}

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # What was not committed is thrown away, so a full disk does not matter any more.
        with suppress(OSError, pa.ArrowException):
            self.suspend()
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
            if frame.is_empty() and (kind == "rejected" or kind in self._parts):
                continue
            table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
            if kind not in self._writers:
                self._schemas.setdefault(kind, table.schema)
                parts = self._parts.setdefault(kind, [])
                parts.append(self._folder / f"{kind}.{len(parts)}.parquet")
                self._writers[kind] = _parquet_writer(parts[-1], table.schema)
            self._writers[kind].write_table(table)
            self._source_files.update(frame["source_file"].unique().to_list())
        self.rows_landed += rows.height
        self.rows_rejected += rejected.height

    def suspend(self) -> None:
        """Close the files for now; rows may still be written."""
        while self._writers:
            self._writers.popitem()[1].close()

    def commit(self) -> DeliveryResult:
        """Make the delivery visible, unless the newest one of its scope has the same content."""
        result = self._committed()
        shutil.rmtree(self._folder, ignore_errors=True)
        return result

    def _committed(self) -> DeliveryResult:
        self.suspend()
        digest = hashlib.sha256()
        files = {kind: self._joined(kind) for kind in sorted(self._parts)}
        for file in files.values():
            _sync_and_digest(file, digest)
        content = digest.hexdigest()
        newest = self.landing.newest(self.dataset.name, self.scope)
        marks = None if self.incomplete or not self.marks else _json_object(self.marks)
        if newest is not None and newest["content_sha256"] == content:
            if marks is not None and marks != newest["marks"]:
                self.landing.record({**newest, "marks": marks})
            return self._result("unchanged", str(newest["delivery_id"]))
        if newest is not None and self.incomplete:
            return self._result("held_back", None)
        received_at = self._after(newest)
        scope_key = hashlib.sha256(f"{self.dataset.name}\0{self.scope}".encode()).hexdigest()
        delivery_id = f"{received_at:%Y%m%dT%H%M%S%fZ}-{scope_key[:8]}-{content[:8]}"
        for kind, folder in (("data", self.dataset.name), ("rejected", REJECTED)):
            if kind in files:
                target = self.landing.root / folder / f"{delivery_id}.parquet"
                files[kind].rename(target)
                _sync_folder(target.parent)
        self.landing.record(
            {
                "delivery_id": delivery_id,
                "dataset": self.dataset.name,
                "scope": self.scope,
                "source": self.source,
                "instance": self.instance,
                "received_at_utc": received_at,
                "rows_in": self.rows_landed + self.rows_rejected,
                "rows_landed": self.rows_landed,
                "rows_rejected": self.rows_rejected,
                "content_sha256": content,
                "source_files": json.dumps(sorted(self._source_files)),
                "code_version": self.landing.code_version,
                "marks": marks,
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

    def _joined(self, kind: str) -> Path:
        """The one file of all parts, in the order they were written."""
        parts = self._parts[kind]
        if len(parts) == 1:
            return parts[0]
        whole = self._folder / f"{kind}.parquet"
        # Not the schema of a part: Parquet names the items of lists anew.
        with _parquet_writer(whole, self._schemas[kind]) as writer:
            for part in parts:
                with pq.ParquetFile(part) as file:
                    for group in range(file.num_row_groups):
                        writer.write_table(file.read_row_group(group))
        return whole

    def _after(self, newest: dict[str, object] | None) -> datetime:
        """When this was received; later than the newest of its scope, whatever the clock says."""
        before = newest["received_at_utc"] if newest is not None else None
        if not isinstance(before, datetime) or before < self.received_at:
            return self.received_at
        logger.warning(
            "%s scope=%s: the clock says %s, but the newest delivery is of %s; this one is noted "
            "as received just after it",
            self.dataset.name,
            self.scope,
            self.received_at.isoformat(),
            before.isoformat(),
        )
        return before.astimezone(UTC) + _TICK

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


def _json_object(marks: Mapping[str, str]) -> str:
    return json.dumps(dict(marks), ensure_ascii=False, sort_keys=True)


def _parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, schema, compression="zstd")


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
