"""Google Cloud billing: the usage cost export in BigQuery, detailed, standard or as FOCUS.

The export only ever grows: corrections, credits and late usage are new rows, under old dates of
usage but a new `export_time`. So a delivery is a day of export. A night asks how many rows the
last days have and how new they are, and reads the days that are new or have grown.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, ValidationInfo, field_validator

from ingest.contracts import Batch, Complete, Told, Unchanged
from ingest.errors import SourceUnavailable
from ingest.gcp_columns import LINES, missing_paths, rows_of
from ingest.http import ApiUrl
from ingest.sources import SourceContext, SourceSettings

if TYPE_CHECKING:
    from ingest.bigquery import Access, ExportDay, ExportTable

NAME = "gcp_billing"
DATASETS = (LINES,)

TABLE = re.compile(r"[a-z][a-z0-9:.-]*[a-z0-9]\.[A-Za-z0-9_]+\.[\w-]+")
EXPORT_TIME = "export_time"


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
    _check_columns(table, settings.table)
    prefix = f"{context.instance}/{settings.table}/"
    delivered = {
        scope.removeprefix(prefix): marks
        for (dataset, scope), marks in context.delivered.items()
        if dataset == LINES.name and scope.startswith(prefix)
    }
    known = [date.fromisoformat(day) for day in delivered]
    start = max(known) - timedelta(days=settings.recheck_days - 1) if known else settings.since
    days = table.days(EXPORT_TIME, start)
    changed = [day for day in days if delivered.get(f"{day.day}") != _marks(day)]
    if changed:
        table.check_days(EXPORT_TIME, changed)
    for day in days:
        scope = f"{prefix}{day.day}"
        if day in changed:
            yield from _delivery(table, day, scope)
        else:
            yield Unchanged(LINES, scope)


def _delivery(table: "ExportTable", day: "ExportDay", scope: str) -> Iterator[Batch | Complete]:
    """The rows of a day. What came while they were read is read again the next night."""
    number, count = 1, 0
    source_file = f"{table.access.table}/{day.day}"
    for batch in table.batches(EXPORT_TIME, day):
        count += batch.num_rows
        rows, rejected, number = rows_of(batch, source_file, number)
        yield Batch(LINES, scope, rows, rejected)
    if count < day.rows:
        raise SourceUnavailable(
            f"{table.access.table}: {day.day} has {day.rows} rows, but {count} came; "
            "the next night reads it again"
        )
    yield Complete(LINES, scope, _marks(day) if count == day.rows else {})


def _marks(day: "ExportDay") -> dict[str, str]:
    return {"rows": str(day.rows), "export_time": day.last_export_at.isoformat()}


def _check_columns(table: "ExportTable", name: str) -> None:
    missing = missing_paths(table.paths)
    if missing:
        raise SourceUnavailable(
            f"{name}: there is no column {', '.join(missing)}; is it a usage cost export, or a "
            "view that holds its columns?"
        )


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
