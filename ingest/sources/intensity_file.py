"""Files of grid intensity that the user brings: CSV or Parquet, of any zone and interval."""

from collections.abc import Iterator

from ingest.contracts import Batch
from ingest.errors import SourceUnavailable
from ingest.grid_intensity import dataset_for
from ingest.sources import FileSourceSettings, SourceContext, SourceSettings

NAME = "intensity_file"
INTENSITY = dataset_for(NAME)
DATASETS = (INTENSITY,)


class Settings(FileSourceSettings):
    """`[sources.intensity_file]`."""


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Batch]:
    """Nothing yet."""
    raise SourceUnavailable(f"{NAME} cannot be read yet")
