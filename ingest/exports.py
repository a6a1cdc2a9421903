"""How clouds lay out the exports of their bills, and which files of a tree make up each month.

    AWS Data Exports     ROOT/metadata/BILLING_PERIOD=YYYY-MM/[VERSION/]NAME-Manifest.json
                         ROOT/data/BILLING_PERIOD=YYYY-MM/[VERSION/]NAME-00001.csv.gz | .parquet
    AWS legacy CUR       ROOT/YYYYMMDD-YYYYMMDD/[VERSION/]NAME-Manifest.json
    Azure exports        ROOT/YYYYMMDD-YYYYMMDD/[VERSION/]manifest.json

Each delivery of a month is whole: the newest version of a period counts, and no other. A manifest
is written last, so a version without one is not finished, if any version has one. Where nothing
says what belongs together, the files of a folder do.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ingest.contracts import Failure
from ingest.objects import Listed, LocalPlace, ObjectGone, Place

MANIFEST = re.compile(r"(.*-)?manifest\.json", re.IGNORECASE)
MONTH = re.compile(r"BILLING_PERIOD=(\d{4})-(\d{2})", re.IGNORECASE)
DAYS = re.compile(r"(\d{4})(\d{2})\d{2}-\d{8}")
# Data Exports name a version after its time, so that names sort as times do.
TIMED = re.compile(r"\d{4}-?\d{2}-?\d{2}T.*")
VERSION = re.compile(rf"{TIMED.pattern}|[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}", re.I)
# The files of a bill; others of its folder (_SUCCESS, README.md, create-table.sql) are not read.
SUFFIXES = (".csv", ".tsv", ".gz", ".parquet")


@dataclass(frozen=True)
class Part:
    """Files that are delivered together.

    `folder` names the scopes: that of the period, whatever the version; `month` is YYYY-MM where
    the layout says it. `whole` means that it is known to be all of its month.
    """

    folder: str
    files: Sequence[Listed]
    month: str | None = None
    whole: bool = False

    @property
    def marks(self) -> dict[str, str]:
        """Object → ETag; none on the local disk."""
        return {file.name: file.etag for file in self.files if file.etag is not None}


@dataclass
class _Period:
    """A month of one export, as far as the tree shows it."""

    month: str
    folder: str = ""  # where its data is, or would be
    manifests: list[Listed] = field(default_factory=list)
    files: list[Listed] = field(default_factory=list)


def parts(place: Place) -> list[Part | Failure]:
    """What a place holds, month by month. Raises SourceUnavailable when it cannot be listed."""
    entries = place.listing()
    if len(entries) == 1:
        return [Part(_folder(entries[0].name), entries)]
    found = {root for entry in entries if (root := _export_root(entry.name)) is not None}
    roots = sorted(found, key=len, reverse=True)
    plain: dict[str, list[Listed]] = defaultdict(list)
    periods: dict[tuple[str | None, str], _Period] = {}
    for entry in entries:
        root = next((r for r in roots if not r or entry.name.startswith(f"{r}/")), None)
        folder, month = _period_of(entry.name) or (None, "")
        is_manifest = root is not None and _is_manifest(entry.name)
        if not is_manifest and not entry.name.lower().endswith(SUFFIXES):
            continue
        if root is None and (folder is None or not _may_be_version(entry)):
            plain[_folder(entry.name)].append(entry)
        elif folder is not None:
            key = (root, month) if root is not None else (None, folder)
            period = periods.setdefault(key, _Period(month, _data_folder(root, folder)))
            (period.manifests if is_manifest else period.files).append(entry)
    told: list[Part | Failure] = [Part(folder, files) for folder, files in plain.items()]
    for (root, _), period in periods.items():
        if root is not None:
            told.append(_manifested(place, root, period, entries))
        else:
            told.append(Part(period.folder, _newest_version(period), period.month, whole=True))
    return sorted(told, key=_order)


def _order(part: Part | Failure) -> tuple[int, str]:
    return (1, part.message) if isinstance(part, Failure) else (0, part.folder)


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _period_of(name: str) -> tuple[str, str] | None:
    """(folder of the period, month) of a file in a tree of periods."""
    folders = name.split("/")[:-1]
    for depth, folder in enumerate(folders):
        match = MONTH.fullmatch(folder) or DAYS.fullmatch(folder)
        if match:
            return "/".join(folders[: depth + 1]), f"{match[1]}-{match[2]}"
    return None


def _is_manifest(name: str) -> bool:
    return bool(MANIFEST.fullmatch(PurePosixPath(name).name))


def _export_root(name: str) -> str | None:
    """The folder of the export that a manifest belongs to; null for other files."""
    period = _period_of(name)
    if period is None or not _is_manifest(name):
        return None
    above = _folder(period[0])
    return _folder(above) if PurePosixPath(above).name == "metadata" else above


def _data_folder(root: str | None, folder: str) -> str:
    """The folder of a period's data, of which AWS keeps the manifests apart."""
    metadata = f"{root}/metadata/" if root else "metadata/"
    if root is None or not folder.startswith(metadata):
        return folder
    return f"{metadata.removesuffix('metadata/')}data/{folder[len(metadata) :]}"


def _version(entry: Listed) -> str:
    """The folder below that of the period; "" for what lies in it directly."""
    period = _period_of(entry.name)
    return _folder(entry.name[len(period[0]) + 1 :]) if period else ""


def _may_be_version(entry: Listed) -> bool:
    version = _version(entry)
    return version == "" or bool(VERSION.fullmatch(version))


def _newest_version(period: _Period) -> list[Listed]:
    """The files of the newest version, where no manifest tells."""
    versions: dict[str, list[Listed]] = defaultdict(list)
    for file in period.files:
        versions[_version(file)].append(file)
    return max(
        versions.items(),
        key=lambda item: (_timed(item[0]), max(file.modified for file in item[1])),
    )[1]


def _timed(version: str) -> str:
    """The name of a version if it sorts by time."""
    return version if TIMED.match(version) else ""


def _manifested(
    place: Place, root: str, period: _Period, entries: Sequence[Listed]
) -> Part | Failure:
    """The files that the newest manifest of a period names."""
    where = f"{place.path}: {period.folder}"
    if not period.manifests:
        return Failure(
            f"{where} has files but no manifest: its delivery has not ended, or its manifest is "
            "missing; the month is held back"
        )
    try:
        manifest, content = _newest_manifest(place, period)
    except ObjectGone as error:
        return Failure(f"{error}; the month is held back and read again the next night")
    names = _names(content)
    if names is None:
        return Failure(
            f"{place.path}: {manifest.name} is no manifest that can be read; the month is held "
            "back; have the export delivered again"
        )
    if any(name.lower().endswith(".zip") for name in names):
        return Failure(
            f"{where} is compressed as ZIP, which is not read; choose GZIP or Parquet in the "
            "export's settings"
        )
    below = {entry.name[len(root) + 1 :] if root else entry.name: entry for entry in entries}
    found, missing = [], []
    for name in names:
        path = re.sub(r"^[a-z0-9+]+://", "", name).strip("/")
        match = next((below[tail] for tail in _tails(path) if tail in below), None)
        if match is None:
            missing.append(name)
        else:
            found.append(match)
    if missing:
        return Failure(
            f"{place.path}: {manifest.name} names {len(missing)} object(s) that are not there "
            f"({missing[0]}); the month is held back until they are"
        )
    return Part(period.folder, sorted(found, key=lambda f: f.name), period.month, whole=True)


def _newest_manifest(place: Place, period: _Period) -> tuple[Listed, dict[str, Any] | None]:
    """The manifest of the newest version, and what it says; None if that is no manifest.

    What versions say of their own time comes first; else that of the files. Beside the manifests
    of its versions, AWS keeps a copy of the newest in the period's folder.
    """
    if isinstance(place, LocalPlace):  # a copy's times may be those of the copying
        read = [(entry, _content(place, entry)) for entry in period.manifests]
        if any(_submitted(content) for _, content in read):
            return max(read, key=lambda item: _submitted(item[1]))
    timed = [entry for entry in period.manifests if _timed(_version(entry))]
    others = [entry for entry in period.manifests if entry not in timed]
    last = [max(timed, key=_version)] if timed else []
    newest = max([*others, *last], key=lambda entry: (entry.modified, not _version(entry)))
    return newest, _content(place, newest)


def _content(place: Place, entry: Listed) -> dict[str, Any] | None:
    try:
        content = json.loads(place.read(entry).decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _submitted(content: dict[str, Any] | None) -> str:
    """When Azure began to write a version."""
    info = (content or {}).get("runInfo")
    return str(info.get("submittedTime") or "") if isinstance(info, dict) else ""


def _names(content: dict[str, Any] | None) -> list[str] | None:
    """The objects that a manifest names, whichever cloud wrote it; None if it is no manifest."""
    if content is None:
        return None
    names = content.get("dataFiles", content.get("reportKeys"))
    if names is None and isinstance(content.get("blobs"), list):
        names = [blob.get("blobName") for blob in content["blobs"] if isinstance(blob, dict)]
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return None
    return names


def _tails(path: str) -> Iterable[str]:
    """a/b/c, b/c, c: a copy of a tree starts at any of its folders; the longest fits best."""
    folders = path.split("/")
    return ("/".join(folders[start:]) for start in range(len(folders)))
