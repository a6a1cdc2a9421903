"""Electricity Maps: grid intensity of a zone by the hour, flow-traced, over an API with a token."""

from collections.abc import Iterator

from ingest.contracts import Batch
from ingest.errors import SourceUnavailable
from ingest.grid_intensity import dataset_for
from ingest.sources import SourceContext, SourceSettings

NAME = "electricity_maps"
INTENSITY = dataset_for(NAME)
DATASETS = (INTENSITY,)
WANTS_HOURS = True


class Settings(SourceSettings):
    """`[sources.electricity_maps]`."""


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Batch]:
    """Nothing yet."""
    raise SourceUnavailable(f"{NAME} cannot be asked yet")
