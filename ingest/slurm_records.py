"""Lines of a sacct export → records, block by block.

A record is whole where its line has as many delimiters as the header; the odd lines are for
`ingest.slurm_mending` to join, regroup or reject.
"""

from collections.abc import Iterator

import polars as pl

from ingest.errors import FileRejected
from ingest.files import InputFile, blocks
from ingest.slurm_columns import FREE_TEXT
from ingest.slurm_layout import REMEDY, Layout, read_layout
from ingest.slurm_mending import (
    MAX_FIELD_CHARACTERS,
    MAX_RECORD_LINES,
    Block,
    Mender,
)

BLOCK_BYTES = 1 << 24


def read_records(file: InputFile, has_cluster: bool) -> Iterator[Block]:
    """A file in blocks that end where a record ends. Raises FileRejected.

    `has_cluster`: the settings name the cluster, the export need not.
    """
    layout: Layout | None = None
    broken: FileRejected | None = None
    row = 1  # the physical line of the next line to look at
    waiting: list[bytes] = []  # what was read and is in no block yet
    stream = blocks(file, BLOCK_BYTES)
    is_last = False
    while not is_last:
        try:
            read = next(stream, b"")
        except FileRejected as error:
            read, broken = b"", error
        is_last = not read
        waiting.append(read)
        if b"\n" not in read and not is_last:
            continue
        data = b"".join(waiting)
        waiting = []
        if not is_last:
            data, _, rest = data.rpartition(b"\n")
            waiting = [rest]
        elif broken is not None:
            # The line that the damage cut is part of what the file's rejection stands for.
            data = data.rpartition(b"\n")[0]
        if is_last and not data:
            break
        if layout is None:
            if not data.strip():
                row += data.count(b"\n") + 1
                continue
            skipped, header, below = _header(data)
            row += skipped
            layout = read_layout(file.name, header, next(iter(below), b""), has_cluster)
            if not below:
                continue
            data = b"\n".join(below)
        block, carried = _block(layout, data, row, is_last)
        waiting[:0] = carried
        row += block.lines.len()
        yield block
    if broken is not None:
        raise broken
    if layout is None:
        raise FileRejected(file.name, "empty_file", f"the file is empty; {REMEDY}")


def _header(data: bytes) -> tuple[int, bytes, list[bytes]]:
    """Lines up to the header and with it, the header, and below it: the first line, the rest."""
    blank = data.count(b"\n", 0, len(data) - len(data.lstrip()))
    header, *below = data.split(b"\n", blank + 2)[blank:]
    return blank + 1, header, below


def _block(layout: Layout, data: bytes, first_row: int, is_last: bool) -> tuple[Block, list[bytes]]:
    """The records of some lines, and the lines of a record that may go on below them."""
    lines, undecodable = _decode(data)
    delimiters = lines.str.count_matches(layout.delimiter, literal=True)
    is_whole = (
        (delimiters == layout.delimiters)
        & (lines.str.len_bytes() <= MAX_FIELD_CHARACTERS)
        & (lines.str.strip_suffix("\r") != layout.header)
    ).fill_null(False)
    odd = (~is_whole).arg_true().to_list()
    used = lines.len()
    if not is_last:
        # A record may go on in the next block: keep back the odd lines at the end.
        while odd and odd[-1] == used - 1 and lines.len() - used < MAX_RECORD_LINES:
            used = odd.pop()
        if used and not layout.is_trailing and layout.columns[-1] in FREE_TEXT:
            # Even a whole last line may go on, where it ends in free text.
            used -= 1
            odd = odd[:-1] if odd and odd[-1] == used else odd
    carried = lines.len() - used
    block = Block(layout, first_row, lines.head(used), is_whole.head(used))
    if odd:
        # Only odd lines cost Python time.
        Mender(block, delimiters.head(used).fill_null(0).to_list(), undecodable, odd).mend()
    pieces = data.rsplit(b"\n", carried)[-carried:] if carried else []
    return block, [piece + b"\n" for piece in pieces]


def _decode(data: bytes) -> tuple[pl.Series, dict[int, str]]:
    """The lines of a block; those that are not UTF-8 are null, and kept escaped by their index."""
    try:
        return pl.Series([data.decode()]).str.split("\n").explode(), {}
    except UnicodeDecodeError:
        lines: list[str | None] = []
        undecodable = {}
        for index, line in enumerate(data.split(b"\n")):
            try:
                lines.append(line.decode())
            except UnicodeDecodeError:
                lines.append(None)
                undecodable[index] = line.decode(errors="backslashreplace")
        return pl.Series(lines, dtype=pl.String), undecodable
