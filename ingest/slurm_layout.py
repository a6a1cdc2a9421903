"""The header line of a sacct export: which delimiter, which columns, or why it is none."""

import re
from dataclasses import dataclass

from ingest.errors import FileRejected
from ingest.slurm_columns import REQUIRED, SPELLING

REMEDY = r"export again with `sacct --parsable2 --delimiter=$'\x1f'`"


@dataclass(frozen=True)
class Layout:
    """What the header line of a file says."""

    source_file: str
    header: str
    delimiter: str
    columns: tuple[str, ...]  # sacct's own spelling
    is_trailing: bool  # `--parsable`: a delimiter after the last field, too

    @property
    def delimiters(self) -> int:
        """Delimiters of a whole record."""
        return len(self.columns) - (not self.is_trailing)


def read_layout(source_file: str, header: bytes, below: bytes, has_cluster: bool) -> Layout:
    """The layout that the first line of text tells, by the line below it.

    `has_cluster`: the settings name the cluster. Raises FileRejected.
    """

    def refuse(reason: str, detail: str) -> FileRejected:
        return FileRejected(source_file, reason, detail)

    try:
        text = header.decode().lstrip("\ufeff").rstrip("\r")
    except UnicodeDecodeError as error:
        detail = f"the header line is not UTF-8 text; {REMEDY}"
        raise refuse("not_utf8", detail) from error
    if text.lstrip()[:1] in ("{", "["):
        raise refuse(
            "not_this_format",
            f"this is JSON; the text of sacct with a header line and a delimiter is read: {REMEDY}",
        )
    found = re.match(r"([A-Za-z]+)([^A-Za-z0-9]+)(?=[A-Za-z])", text)
    if re.fullmatch(rb"[- ]*-[- ]*", below) or (found and _is_padding(found[2], text)):
        raise refuse("not_this_format", f"columns of fixed width cut their values short; {REMEDY}")
    if found is None or found[1].lower() not in SPELLING:
        raise refuse(
            "not_this_format",
            f"the first line is no header of sacct with a delimiter; {REMEDY} "
            "and without --noheader",
        )
    names = text.split(found[2])
    is_trailing = names[-1] == ""
    columns = tuple(SPELLING.get(n.lower(), n) for n in (names[:-1] if is_trailing else names))
    repeated = sorted({c for c in columns if columns.count(c) > 1})
    if repeated:
        raise refuse("duplicate_header", f"column {', '.join(repeated)} is there twice; {REMEDY}")
    for choice in REQUIRED:
        if not set(choice) & set(columns):
            raise refuse(
                "missing_column",
                f"the export has no column {' or '.join(choice)}; add it to sacct's --format",
            )
    if "Cluster" not in columns and not has_cluster:
        raise refuse(
            "missing_column",
            "the export has no column Cluster: add it to sacct's --format, or set `cluster` "
            "of this source",
        )
    return Layout(source_file, text, found[2], columns, is_trailing)


def _is_padding(between: str, header: str) -> bool:
    """Do spaces between names pad columns to their width, rather than delimit them?"""
    return between == "  " or (between == " " and "  " in header)
