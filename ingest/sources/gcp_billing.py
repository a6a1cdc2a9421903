"""Google Cloud billing: the usage cost export in BigQuery, detailed, standard or as FOCUS.

The export only ever grows: corrections, credits and late usage are new rows, under old dates of
usage but a new `export_time`. So a delivery is a day of export. A night asks how many rows the
last days have and how new they are, and reads the days that are new or have grown.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow
from pydantic import Field, ValidationInfo, field_validator

from ingest import gcp_columns, gcp_focus
from ingest.contracts import Batch, Complete, Dataset, Told, Unchanged
from ingest.errors import FileRejected, SourceUnavailable
from ingest.focus_columns import match_header
from ingest.http import ApiUrl
from ingest.sources import SourceContext, SourceSettings

if TYPE_CHECKING:
    from ingest.bigquery import Access, ExportDay, ExportTable

NAME = "gcp_billing"
DATASETS = (gcp_columns.LINES, gcp_focus.FOCUS)

TABLE = re.compile(r"[a-z][a-z0-9:.-]*[a-z0-9]\.[A-Za-z0-9_]+\.[\w-]+")


@dataclass(frozen=True)
class _Shape:
    """How the rows of an export are understood."""

    dataset: Dataset
    export_time: str
    # (batch, source file, first number) → rows, rejected rows, the number after the last
    rows_of: Callable[[pyarrow.RecordBatch, str, int], tuple[pl.DataFrame, pl.DataFrame, int]]


USAGE_COST = _Shape(gcp_columns.LINES, "export_time", gcp_columns.rows_of)
AS_FOCUS = _Shape(gcp_focus.FOCUS, gcp_focus.EXPORT_TIME, gcp_focus.rows_of)


class Settings(SourceSettings):
    """`[sources.gcp_billing]`."""

    table: str = Field(
        examples=["billing-admin.billing.gcp_billing_export_resource_v1_0A1B2C_3D4E5F_6A7B8C"],
        description="The export's table or view, project.dataset.table.",
    )
    project: str | None = Field(
        None,
        examples=["ml-observatory"],
        description="The project that pays for the queries; default: the table's.",
    )
    location: str | None = Field(
        None, examples=["EU"], description="Where the data set is; BigQuery finds it without."
    )
    credentials_file: Path | None = Field(
        None,
        description="The key of a service account; without it, the credentials of the machine.",
    )
    since: date | None = Field(
        None,
        examples=["2026-01-01"],
        description="The first day of export to read; without it, all there are.",
    )
    recheck_days: int = Field(
        7, ge=1, le=400, description="Days of export that a night looks at again, the last first."
    )
    maximum_bytes: int = Field(
        1024**4, ge=1, description="More bytes than this are not read in a night."
    )
    storage_api: bool = Field(
        True, description="Read tables by the Storage Read API, where it is to be had."
    )
    page_rows: int = Field(50_000, ge=1, description="Rows of a page, where REST is used.")
    api_endpoint: ApiUrl | None = Field(
        None,
        examples=["https://bigquery-psc.p.googleapis.com"],
        description="Where BigQuery is, if not at its usual place.",
    )
    storage_endpoint: str | None = Field(
        None,
        examples=["bigquerystorage-psc.p.googleapis.com:443"],
        description="Where the Storage Read API is, host:port.",
    )
    timeout_s: float = Field(60.0, gt=0, description="How long to wait for an answer, in seconds.")
    retry_for_s: float = Field(
        600.0, ge=0, description="For how long a throttled request is sent again, in seconds."
    )

    @field_validator("table")
    @classmethod
    def _is_a_table(cls, value: str) -> str:
        if not TABLE.fullmatch(value):
            raise ValueError("write it as project.dataset.table, without quotes")
        return value

    @field_validator("credentials_file")
    @classmethod
    def _resolve(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        base = (info.context or {}).get("base")
        return value if value is None or base is None else Path(base) / value.expanduser()


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Told]:
    """One delivery per table and day of export, the oldest first, each complete by itself."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them
    from ingest.bigquery import ExportTable

    table = ExportTable(_access(settings))
    shape = _shape(table.paths, settings.table)
    prefix = f"{context.instance}/{settings.table}/"
    delivered = {
        scope.removeprefix(prefix): marks
        for (dataset, scope), marks in context.delivered.items()
        if dataset == shape.dataset.name and scope.startswith(prefix)
    }
    known = [date.fromisoformat(day) for day in delivered]
    start = max(known) - timedelta(days=settings.recheck_days - 1) if known else settings.since
    days = table.days(shape.export_time, start)
    changed = [day for day in days if delivered.get(f"{day.day}") != _marks(day)]
    if changed:
        table.check_days(shape.export_time, changed)
    for day in days:
        scope = f"{prefix}{day.day}"
        if day in changed:
            yield from _delivery(table, shape, day, scope)
        else:
            yield Unchanged(shape.dataset, scope)


def _delivery(
    table: "ExportTable", shape: _Shape, day: "ExportDay", scope: str
) -> Iterator[Batch | Complete]:
    """The rows of a day. What came while they were read is read again the next night."""
    number, count = 1, 0
    source_file = f"{table.access.table}/{day.day}"
    for batch in table.batches(shape.export_time, day):
        count += batch.num_rows
        rows, rejected, number = shape.rows_of(batch, source_file, number)
        yield Batch(shape.dataset, scope, rows, rejected)
    if count < day.rows:
        raise SourceUnavailable(
            f"{table.access.table}: {day.day} has {day.rows} rows, but {count} came; "
            "the next night reads it again"
        )
    yield Complete(shape.dataset, scope, _marks(day) if count == day.rows else {})


def _marks(day: "ExportDay") -> dict[str, str]:
    return {"rows": str(day.rows), "export_time": day.last_export_at.isoformat()}


def _shape(paths: Sequence[str], table: str) -> _Shape:
    """What the table is, by its columns. Raises SourceUnavailable."""
    if "BilledCost" in paths:
        try:
            match_header(table, [path for path in paths if "." not in path])
        except FileRejected as error:
            raise SourceUnavailable(str(error)) from None
        if gcp_focus.EXPORT_TIME not in paths:
            raise SourceUnavailable(
                f"{table}: there is no column {gcp_focus.EXPORT_TIME}, which tells what is new; "
                f"add `export_time as {gcp_focus.EXPORT_TIME}` to the view"
            )
        return AS_FOCUS
    missing = gcp_columns.missing_paths(paths)
    if missing:
        raise SourceUnavailable(
            f"{table}: there is no column {', '.join(missing)}; is it a usage cost export, or a "
            "view that holds its columns?"
        )
    return USAGE_COST


def _access(settings: Settings) -> "Access":
    from ingest.bigquery import Access

    return Access(
        table=settings.table,
        project=settings.project or settings.table.rsplit(".", 2)[0],
        location=settings.location,
        credentials_file=settings.credentials_file,
        api_endpoint=settings.api_endpoint,
        storage_endpoint=settings.storage_endpoint,
        use_storage_api=settings.storage_api,
        maximum_bytes=settings.maximum_bytes,
        page_rows=settings.page_rows,
        timeout_s=settings.timeout_s,
        retry_for_s=settings.retry_for_s,
    )
