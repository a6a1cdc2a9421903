"""Write, audit, publish: a new snapshot becomes visible in one step, or not at all.

    published/<version>/<mart>.parquet       rows ordered by the mart's key, so the same content
    published/<version>/observatory.duckdb   has the same bytes, whatever the threads
    published/<version>/version.json         what it is and the SHA-256 of every Parquet file
    published/current                        a symbolic link to the version that readers get

The version's name is its as-of time and the start of the hash of its content (without
`fct_restatements`, which names the version it came with). Everything is written under a hidden
name, synced and renamed; only then the link is swapped.
"""

import contextlib
import hashlib
import logging
import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from ingest.errors import AuditFailed, BuildFailed
from observatory import build, files, snapshot
from observatory.settings import Settings
from observatory.version import code_version, models

logger = logging.getLogger(__name__)

DUCKDB_FILE = "observatory.duckdb"
# The mart that holds names of versions, the one it is published in among them.
RESTATEMENTS = "fct_restatements"
HIDDEN = (".building-", ".trash-")
# Fixed, because it is part of the bytes.
ROW_GROUP_SIZE = 122_880
# Readers may have opened a version just before it was superseded.
YOUNGEST_REMOVED = timedelta(hours=1)


@dataclass(frozen=True)
class Mart:
    """A published table: its relation in the warehouse and the columns that order its rows."""

    name: str
    relation: str
    key: tuple[str, ...]


@dataclass(frozen=True)
class Draft:
    """The marts of a build under a hidden name, and what the version will be called."""

    folder: Path
    built: build.BuildResult
    as_of: datetime
    row_counts: dict[str, int]
    content_sha256: str
    version: str


@dataclass(frozen=True)
class Published:
    """A published version and its version.json."""

    version: str
    path: Path
    info: Mapping[str, Any]


def marts(manifest: Mapping[str, Any]) -> list[Mart]:
    """The models under models/marts, by name."""
    found = [
        Mart(node["name"], node["relation_name"], tuple(_meta(node).get("key", ())))
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model"
        and node["path"].startswith("marts/")
        and node["config"]["materialized"] != "ephemeral"
    ]
    return sorted(found, key=lambda mart: mart.name)


@contextlib.contextmanager
def drafted(built: build.BuildResult, settings: Settings, *, as_of: datetime) -> Iterator[Draft]:
    """Copy the marts of an audited build under a hidden name, which is gone in the end.

    Raises AuditFailed when a mart's key is not unique, BuildFailed when there is no mart.
    """
    published = settings.paths.published
    published.mkdir(parents=True, exist_ok=True)
    folder = published / f"{HIDDEN[0]}{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        counts = write_marts(built, settings, folder)
        content = hashlib.sha256(
            "".join(
                f"{name} {digest}\n"
                for name, digest in _hashes(folder).items()
                if name != f"{RESTATEMENTS}.parquet"
            ).encode()
        ).hexdigest()
        version = f"{as_of.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-{content[:10]}"
        yield Draft(folder, built, as_of, counts, content, version)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(draft: Draft, settings: Settings, *, built_at: datetime, promoted: bool) -> Published:
    """Make a draft a version, beside the others.

    `promoted` says whether readers will get it, or it is a rebuild that only stands beside.
    """
    built, folder = draft.built, draft.folder
    target = settings.paths.published / draft.version
    # What readers once got stays theirs, also if it has to be written again.
    promoted = promoted or _was_promoted(target)
    hashes = _hashes(folder)
    _write_duckdb(folder, settings)
    info = {
        "version": draft.version,
        "as_of": draft.as_of.astimezone(UTC).isoformat(),
        "built_at": built_at.astimezone(UTC).isoformat(),
        "promoted": promoted,
        "code_version": code_version(),
        **_plain(asdict(models(built.project))),
        "dbt_invocation": built.invocation_id,
        "dbt_version": built.dbt_version,
        "duckdb_version": duckdb.__version__,
        "tests_passed": built.tests_passed,
        "tests_warned": built.warned_tests,
        "row_counts": draft.row_counts,
        "factor_versions": _factor_versions(folder),
        "sha256": hashes,
        "content_sha256": draft.content_sha256,
        "reporting": settings.reporting.model_dump(mode="json"),
    }
    files.write_json(folder / snapshot.VERSION, info)
    if _is_complete(target, hashes):
        info = snapshot.version(target)
        if promoted and not snapshot.is_promoted(info):
            info = {**info, "promoted": True}
            files.write_json(target / snapshot.VERSION, info)
    else:
        _discard(target)
        for path in sorted(folder.iterdir()):
            files.sync(path)
        files.sync(folder)
        folder.rename(target)
        files.sync(settings.paths.published)
    counts = draft.row_counts
    logger.info(
        "wrote version=%s marts=%d rows=%d", draft.version, len(counts), sum(counts.values())
    )
    return Published(draft.version, target, info)


def write_marts(
    built: build.BuildResult, settings: Settings, folder: Path, only: Collection[str] = ()
) -> dict[str, int]:
    """Write one Parquet file per mart, all or some; returns rows per mart."""
    tables = [mart for mart in marts(built.manifest) if not only or mart.name in only]
    with duckdb.connect(str(built.warehouse), read_only=True) as connection:
        _configure(connection, settings)
        return _write_marts(connection, tables, folder)


def promote(settings: Settings, published: Published) -> None:
    """Readers get this version from now on."""
    files.point(settings.paths.published / snapshot.CURRENT, published.version)
    logger.info("published version=%s", published.version)


def clear_leftovers(published: Path) -> None:
    """Remove what an interrupted publication left under hidden names."""
    if published.is_dir():
        for path in published.iterdir():
            if path.name.startswith(HIDDEN):
                shutil.rmtree(path, ignore_errors=True)
            elif path.name.startswith(".") and path.name.endswith(".tmp"):
                path.unlink(missing_ok=True)


def prune(published: Path, keep: int, now: datetime) -> list[str]:
    """Remove all but the newest `keep` that readers got and the newest `keep` rebuilds.

    Returns the names of those removed: never the one `current` points to, never one younger than
    an hour.
    """
    pointed = (published / snapshot.CURRENT).resolve()
    promoted: list[tuple[datetime, Path]] = []
    rebuilds: list[tuple[datetime, Path]] = []
    for path in published.iterdir():
        if path.name.startswith(".") or path.is_symlink():
            continue
        if (path / snapshot.VERSION).is_file():
            kind = promoted if snapshot.is_promoted(snapshot.version(path)) else rebuilds
            kind.append((snapshot.built_at(path), path))
    removed = []
    for versions in (promoted, rebuilds):
        for when, path in sorted(versions, reverse=True)[keep:]:
            if path.resolve() != pointed and when <= now - YOUNGEST_REMOVED:
                _discard(path)
                removed.append(path.name)
                logger.info("removed version=%s keep_versions=%d", path.name, keep)
    return removed


def _configure(connection: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    connection.execute("set TimeZone = 'UTC'")
    connection.execute("set preserve_insertion_order = true")
    connection.execute(f"set memory_limit = '{build.memory_limit(settings)}'")


def _write_marts(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[Mart], folder: Path
) -> dict[str, int]:
    """Write one Parquet file per mart; returns rows per mart."""
    if not tables:
        raise BuildFailed("there is no model under models/marts, so there is nothing to publish")
    counts = {}
    for mart in tables:
        total, keys = _one(
            connection,
            f"select count(*), count(distinct {_tuple(mart.key)}) from {mart.relation}"  # noqa: S608
            if mart.key
            else f"select count(*), count(*) from {mart.relation}",  # noqa: S608
        )
        if total != keys:
            name = f"unique_key_{mart.name}"
            raise AuditFailed(
                [name],
                f"{mart.name} has {total} rows but {keys} values of its key "
                f"({', '.join(mart.key)}), so nothing was published",
            )
        order = ", ".join(f'"{column}"' for column in mart.key) or "all"
        file = str(folder / f"{mart.name}.parquet").replace("'", "''")
        connection.execute(
            f"copy (select * from {mart.relation} order by {order}) to '{file}' "  # noqa: S608
            f"(format parquet, compression zstd, row_group_size {ROW_GROUP_SIZE})"
        )
        written, _ = _one(connection, f"select count(*), 0 from read_parquet('{file}')")  # noqa: S608
        if written != total:
            raise BuildFailed(f"{mart.name}: wrote {written} of {total} rows")
        counts[mart.name] = total
    return counts


def _write_duckdb(folder: Path, settings: Settings) -> None:
    """The same tables in one DuckDB file, for analysts."""
    with duckdb.connect(str(folder / DUCKDB_FILE)) as connection:
        _configure(connection, settings)
        for path in sorted(folder.glob("*.parquet")):
            file = str(path).replace("'", "''")
            connection.execute(
                f"create table \"{path.stem}\" as select * from read_parquet('{file}')"  # noqa: S608
            )


def _hashes(folder: Path) -> dict[str, str]:
    return {path.name: files.sha256(path) for path in sorted(folder.glob("*.parquet"))}


def _factor_versions(folder: Path) -> list[dict[str, Any]]:
    """The versions of the factor tables that dim_factor_version lists."""
    if not (folder / "dim_factor_version.parquet").is_file():
        return []
    with snapshot.connect(folder) as connection:
        found = snapshot.rows(
            connection,
            "select distinct factor_table, source_id, version, published_on "
            "from dim_factor_version order by all",
        )
    return [_plain(row) for row in found]


def _plain(row: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: value if value is None else str(value) for name, value in row.items()}


def _is_complete(folder: Path, hashes: Mapping[str, str]) -> bool:
    """Whether this very content was published before and is still whole."""
    return (folder / snapshot.VERSION).is_file() and all(
        (folder / name).is_file() and files.sha256(folder / name) == digest
        for name, digest in hashes.items()
    )


def _was_promoted(folder: Path) -> bool:
    return (folder / snapshot.VERSION).is_file() and snapshot.is_promoted(snapshot.version(folder))


def _discard(folder: Path) -> None:
    """Take a folder out of sight in one step, then remove it."""
    if folder.exists():
        trash = folder.with_name(f"{HIDDEN[1]}{uuid.uuid4().hex}")
        folder.rename(trash)
        shutil.rmtree(trash, ignore_errors=True)


def _meta(node: Mapping[str, Any]) -> Mapping[str, Any]:
    meta: Mapping[str, Any] = node["config"].get("meta") or node.get("meta") or {}
    return meta


def _tuple(columns: Sequence[str]) -> str:
    return "(" + ", ".join(f'"{column}"' for column in columns) + ")"


def _one(connection: duckdb.DuckDBPyConnection, sql: str) -> tuple[int, int]:
    row = connection.execute(sql).fetchall()[0]
    return int(row[0]), int(row[1])
