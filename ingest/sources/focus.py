"""FOCUS 1.0, 1.1 and 1.2 billing exports: CSV, CSV.gz or Parquet, one file or thousands.

One delivery per export (= folder) and billing period: a period that is delivered again replaces
itself, and no other. Of an export that keeps its versions, the newest one counts. Costs are kept to
the last digit; unknown columns are kept in `x_extra`. A row that cannot be dated or summed is
rejected whole; a file that cannot be read is rejected whole, and the periods of its folder are
marked incomplete, so that no complete one is replaced.
"""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from ingest import focus_rows
from ingest.bill_files import Typed, read_bills
from ingest.contracts import Told
from ingest.files import InputFile
from ingest.focus_columns import match_header
from ingest.objects import ObjectSourceSettings
from ingest.sources import SourceContext, SourceSettings
from ingest.table_csv import Block, Header

NAME = "focus"
CHARGES = focus_rows.charges("focus__charges")
DATASETS = (CHARGES,)


class Settings(ObjectSourceSettings):
    """`[sources.focus]`."""

    timezone: str = Field("UTC", description="The zone of times that are written without one.")

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is no time zone; write it as Europe/Berlin") from error
        return value


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Told]:
    """Charges by folder and billing period, in the order of the files and their rows."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them
    zone = ZoneInfo(settings.timezone)

    def typed(file: InputFile, header: Header, block: Block) -> Typed:
        return focus_rows.typed(CHARGES, file, header, block, zone)

    reader = f"{focus_rows.READER}, {settings.timezone}"
    yield from read_bills(settings, context, CHARGES, match_header, typed, reader)
