"""Bills as files: the loop that all sources of billing exports share.

What belongs together (`exports.parts`) is fetched whole before a row of it is read, so a month is
never a mixture of two deliveries. Remote months whose objects are those of the last delivery are
not fetched; each month that has been read is committed at once.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from ingest import exports
from ingest.contracts import (
    Batch,
    Complete,
    Dataset,
    Failure,
    Problem,
    Told,
    Unchanged,
    empty_rejected,
    rejected_file,
    split,
)
from ingest.errors import FileRejected
from ingest.exports import Part
from ingest.files import InputFile
from ingest.objects import ObjectGone, ObjectSourceSettings, Place, place
from ingest.sources import SourceContext
from ingest.table_csv import Block, Header, Match
from ingest.table_parquet import read_table

NO_PERIOD = "no-period"  # rejected rows of a file in which no row has a billing period
# A block in the dataset's columns, what was wrong with which rows, and the month of each row.
Typed = tuple[pl.DataFrame, list[Problem], pl.Series]
TypeBlock = Callable[[InputFile, Header, Block], Typed]


def read_bills(
    settings: ObjectSourceSettings,
    context: SourceContext,
    dataset: Dataset,
    match: Match,
    typed: TypeBlock,
    reader: str,
) -> Iterator[Told]:
    """Charges by month of an export, in the order of folders, files and rows.

    `reader` names how files are understood: when it changes, all is fetched again.
    """
    where = place(settings)
    for part in exports.parts(where):
        if isinstance(part, Failure):
            yield part
            continue
        marks = {**part.marks, "reader": reader} if part.marks else {}
        before = _delivered(context, dataset, part)
        if marks and before and all(found == marks for found in before.values()):
            yield from (Unchanged(dataset, scope) for scope in before)
            continue
        known = {*before, *_refused_before(context, dataset, part)}
        yield from _read_part(where, part, context, dataset, match, typed, marks, known)


def _delivered(context: SourceContext, dataset: Dataset, part: Part) -> dict[str, dict[str, str]]:
    """Scope → marks of what this part brought before."""
    prefix = _scope(context, part, "")
    return {
        scope: dict(marks)
        for (name, scope), marks in context.delivered.items()
        if name == dataset.name and scope.startswith(prefix) and "/" not in scope[len(prefix) :]
    }


def _refused_before(context: SourceContext, dataset: Dataset, part: Part) -> list[str]:
    """Scopes of files of this part that could not be read before."""
    prefix = f"{context.instance}/file:{part.folder}/"
    found = [scope for name, scope in context.delivered if name == dataset.name]
    return [scope for scope in found if part.folder and scope.startswith(prefix)]


def _scope(context: SourceContext, part: Part, last: str) -> str:
    return f"{context.instance}/{part.folder or '.'}/{last}"


def _read_part(
    where: Place,
    part: Part,
    context: SourceContext,
    dataset: Dataset,
    match: Match,
    typed: TypeBlock,
    marks: dict[str, str],
    before: set[str],
) -> Iterator[Told]:
    """The batches of one part; its scopes are complete when all of its files have been read."""
    whole = part.whole or bool(marks)
    nothing = pl.DataFrame(schema=dataset.schema)
    scopes: dict[str, None] = {}  # of months
    refused: dict[str, None] = {}
    with TemporaryDirectory(prefix="observatory-") as folder:
        try:
            files = [where.fetch(entry, Path(folder)) for entry in part.files]
        except ObjectGone as error:
            yield Failure(f"{error}; the delivery is held back and read again the next night")
            return
        if part.whole and part.month is not None:  # also if it has no row
            scopes[_scope(context, part, part.month)] = None
            yield Batch(dataset, next(iter(scopes)), nothing, empty_rejected())
        for file in files:
            try:
                for month, rows, rejected in file_batches(file, dataset, match, typed):
                    scope = _scope(context, part, month)
                    scopes[scope] = None
                    yield Batch(dataset, scope, rows, rejected)
            except FileRejected as error:
                scope = f"{context.instance}/file:{file.name}"
                refused[scope] = None
                row = rejected_file(error.source_file, error.reason, error.detail)
                yield Batch(dataset, scope, nothing, row)
    if refused:
        for scope in sorted(scopes):
            yield Batch(dataset, scope, nothing, empty_rejected(), incomplete=True)
    elif whole:
        # What the version before had and this one has not is no more.
        for scope in sorted(before - scopes.keys()):
            scopes[scope] = None
            yield Batch(dataset, scope, nothing, empty_rejected())
    if whole:
        yield from (Complete(dataset, scope, marks) for scope in [*refused, *scopes])


def file_batches(
    file: InputFile, dataset: Dataset, match: Match, typed: TypeBlock
) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    """(billing period, rows, rejected) of one file, in the order of its rows."""
    header, blocks = read_table(file, match)
    month = NO_PERIOD
    for block in blocks:
        frame, problems, months = typed(file, header, block)
        # A row without a period of its own is rejected with the row before it, else after it.
        months = months.fill_null(strategy="forward").fill_null(strategy="backward")
        months = months.fill_null(month).alias("month")
        no_text = pl.repeat(None, frame.height, dtype=pl.String, eager=True)
        rows, rejected = split(dataset, frame, no_text, problems)
        if not rejected.is_empty():
            rejected = _with_text(rejected, block)
        if not block.rejected.is_empty():
            rejected = pl.concat([rejected, block.rejected]).sort("source_row")
        yield from _by_month(rows, rejected, pl.DataFrame([frame["source_row"], months]), month)
        month = months[-1] if len(months) else month


def _by_month(
    rows: pl.DataFrame, rejected: pl.DataFrame, months: pl.DataFrame, before: str
) -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    found = months["month"].unique(maintain_order=True).to_list() or [before]
    if len(found) == 1:
        if rows.height or rejected.height:
            yield found[0], rows, rejected
        return
    # Records without columns have no month: they go with the first of the block.
    of_rows = rows.select("source_row").join(months, on="source_row", how="left")
    of_rejected = rejected.select("source_row").join(
        months, on="source_row", how="left", maintain_order="left"
    )
    of_rejected = of_rejected.with_columns(pl.col("month").fill_null(found[0]))
    for month in found:
        yield (
            month,
            rows.filter(of_rows["month"] == month),
            rejected.filter(of_rejected["month"] == month),
        )


def _with_text(rejected: pl.DataFrame, block: Block) -> pl.DataFrame:
    texts = block.raw(rejected["source_row"].to_list())
    raw = pl.Series("raw", [texts[row] for row in rejected["source_row"]], dtype=pl.String)
    return rejected.with_columns(raw)
