"""RTE éCO2mix: grid intensity of France by the quarter or half hour, over a public API."""

from collections.abc import Iterator

from ingest.contracts import Batch
from ingest.errors import SourceUnavailable
from ingest.grid_intensity import dataset_for
from ingest.sources import SourceContext, SourceSettings

NAME = "rte_eco2mix"
INTENSITY = dataset_for(NAME)
DATASETS = (INTENSITY,)
WANTS_HOURS = True


class Settings(SourceSettings):
    """`[sources.rte_eco2mix]`."""


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Batch]:
    """Nothing yet."""
    raise SourceUnavailable(f"{NAME} cannot be asked yet")
