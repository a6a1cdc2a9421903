"""OpenLineage events, specifications 1.x and 2-0-2, from files on a disk or in an object store.

One JSON object per line, or a JSON array of them. The same events come over HTTP, to the collector,
and from a topic, by the source `kafka`. Facets are kept as they come: what matters of them is read
by the models. OpenLineage gives an event no id: it is the SHA-256 of its canonical JSON.
"""

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ingest.contracts import Complete, Told, Unchanged
from ingest.event_files import batches, is_event_file
from ingest.lineage_rows import LINEAGE, FoundLineage
from ingest.objects import ObjectSourceSettings, place
from ingest.sources import SourceContext, SourceSettings

NAME = "openlineage"
DATASETS = (LINEAGE,)
# Whoever adds a column has remote files fetched again.
_COLUMNS = hashlib.sha256(repr(LINEAGE.schema).encode()).hexdigest()


class Settings(ObjectSourceSettings):
    """`[sources.openlineage]`: where files of OpenLineage events are."""


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Told]:
    """One delivery per file; an object that did not change since it landed is not fetched."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them
    events = place(settings)
    for entry in events.listing():
        # A file that is named is read whatever its name; of a folder, the files of events.
        if not (is_event_file(entry.name) or settings.path.endswith(f"/{entry.name}")):
            continue
        scope = f"{context.instance}/{entry.name}"
        marks = {"columns": _COLUMNS, "etag": entry.etag} if entry.etag is not None else None
        if marks is not None and context.delivered.get((LINEAGE.name, scope)) == marks:
            yield Unchanged(LINEAGE, scope)
            continue
        with tempfile.TemporaryDirectory() as folder:
            file = events.fetch(entry, Path(folder))
            yield from batches(file, scope, [FoundLineage(LINEAGE, file.name)])
        if marks is not None:
            yield Complete(LINEAGE, scope, marks)
