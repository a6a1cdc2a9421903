"""NESO: grid intensity of Great Britain by the half hour, over a public API without a key."""

from collections.abc import Iterator

from ingest.contracts import Batch
from ingest.errors import SourceUnavailable
from ingest.grid_intensity import dataset_for
from ingest.sources import SourceContext, SourceSettings

NAME = "neso"
INTENSITY = dataset_for(NAME)
DATASETS = (INTENSITY,)
WANTS_HOURS = True


class Settings(SourceSettings):
    """`[sources.neso]`."""


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Batch]:
    """Nothing yet."""
    raise SourceUnavailable(f"{NAME} cannot be asked yet")
