"""Where input files are and how their bytes are had: the I/O that all file sources share."""

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import FileRejected, SourceConfigError, SourceUnavailable


@dataclass(frozen=True)
class InputFile:
    """A file to read: where it is, and its name relative to the source's root ("/" separated)."""

    path: Path
    name: str

    @property
    def folder(self) -> str:
        """The relative folder of the file; "" at the root."""
        return self.name.rpartition("/")[0]


def discover(path: str) -> list[InputFile]:
    """Files under `path`: one file, a folder searched recursively, or a glob; sorted by name.

    Hidden files and folders (a leading dot or underscore) are not looked at.
    Raises SourceUnavailable when nothing is there, SourceConfigError for a URL.
    """
    if "://" in path:
        raise SourceConfigError(
            f"{path}: this source reads no URLs; give a file, a folder or a glob"
        )
    place = Path(path)
    if place.is_file():
        return [InputFile(place, place.name)]
    if place.is_dir():
        root, found = place, [p for p in place.rglob("*") if p.is_file()]
    elif any(c in path for c in "*?["):
        fixed = Path(place.anchor) if place.is_absolute() else Path()
        parts = list(place.relative_to(place.anchor).parts)
        while parts and not any(c in parts[0] for c in "*?["):
            fixed /= parts.pop(0)
        root, found = fixed, [p for p in fixed.glob("/".join(parts)) if p.is_file()]
        if not found:
            raise SourceUnavailable(f"{path}: no file matches; check the `path` of the source")
    else:
        raise SourceUnavailable(f"{path}: no such file or folder; check the `path` of the source")
    files = [InputFile(p, p.relative_to(root).as_posix()) for p in found]
    visible = [f for f in files if not any(part[0] in "._" for part in f.name.split("/"))]
    return sorted(visible, key=lambda f: f.name)


def open_bytes(file: InputFile) -> io.BufferedIOBase:
    """The file's bytes, decompressed when they are gzip (by magic number, not by name)."""
    raw = file.path.open("rb")
    is_gzip = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return gzip.GzipFile(fileobj=raw) if is_gzip else raw


def blocks(file: InputFile, size: int = 1 << 22) -> Iterator[bytes]:
    """The decompressed bytes of a file in blocks of about `size`.

    Raises FileRejected (`truncated_gzip`) when the compressed stream ends early or is damaged.
    """
    with open_bytes(file) as stream:
        try:
            while block := stream.read(size):
                yield block
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise FileRejected(
                file.name,
                "truncated_gzip",
                f"the gzip stream is damaged or ends early ({error}); fetch the file again",
            ) from error
