"""Azure's FOCUS exports (Cost Management: 1.0, 1.2-preview): CSV, CSV.gz or Parquet.

From a folder or a blob container: `abfs://container@account.dfs.core.windows.net/folder`. Of each
month, the files that the manifest of the newest run names; a month of which a file is missing is
held back. Quantities and units stay as Azure writes them (`1000 GB/Month`, `100 Hours`).
"""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from ingest import focus_rows
from ingest.bill_files import Typed, read_bills
from ingest.contracts import Told
from ingest.files import InputFile
from ingest.focus_columns import match_header
from ingest.objects import ObjectSourceSettings
from ingest.sources import SourceContext, SourceSettings
from ingest.table_csv import Block, Header

NAME = "azure"
CHARGES = focus_rows.charges("azure__charges")
DATASETS = (CHARGES,)
ZONE = ZoneInfo("UTC")  # of times that are written without one


class Settings(ObjectSourceSettings):
    """`[sources.azure]`."""


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Told]:
    """Charges by export and billing period, in the order of the files and their rows."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them

    def typed(file: InputFile, header: Header, block: Block) -> Typed:
        return focus_rows.typed(CHARGES, file, header, block, ZONE)

    yield from read_bills(settings, context, CHARGES, match_header, typed, focus_rows.READER)
