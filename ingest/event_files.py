"""Files of events, whatever the format of the events: one delivery per file, in batches."""

from collections.abc import Iterator, Sequence

import polars as pl

from ingest.contracts import Batch, rejected_file
from ingest.errors import FileRejected
from ingest.files import InputFile
from ingest.found_texts import FoundTexts
from ingest.run_event_texts import event_texts

SUFFIXES = (".jsonl", ".ndjson", ".json")


def is_event_file(name: str) -> bool:
    """Whether a file of a folder is one of events, by its name."""
    return name.lower().removesuffix(".gz").endswith(SUFFIXES)


def batches(
    file: InputFile, scope: str, found: Sequence[FoundTexts], may_be_empty: bool = False
) -> Iterator[Batch]:
    """The events of a file, in batches; a bad file is one rejected row.

    A text goes to the first of the others that `takes` it, else to the first of all. The others
    have a batch only if something was for them; that a file breaks off is a rejected row of the
    first.
    """
    first, *others = found
    is_empty = True
    refused = None
    try:
        for row, text in event_texts(file):
            is_empty = False
            part = next((other for other in others if other.takes(text)), first)
            part.add(row, text)
            if part.is_full:
                yield Batch(part.dataset, scope, *part.take())
        if is_empty and not may_be_empty:
            raise FileRejected(
                file.name, "empty_file", "the file holds no event; write it again or remove it"
            )
    except FileRejected as error:
        refused = rejected_file(file.name, error.reason, error.detail)
    for other in others:
        if other.events:
            yield Batch(other.dataset, scope, *other.take(), incomplete=refused is not None)
    rows, rejected = first.take()
    if refused is not None:
        rejected = pl.concat([rejected, refused])
    yield Batch(first.dataset, scope, rows, rejected, incomplete=refused is not None)
