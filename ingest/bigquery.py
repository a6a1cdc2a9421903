"""Tables of BigQuery: what a day of one is, its bytes before they are read, its rows in Arrow.

Rows come through the Storage Read API where it is to be had, else page by page over REST; both in
Arrow batches, one at a time. A request that is throttled or meets a passing failure is sent again
for `retry_for_s`. Whatever else goes wrong is a SourceUnavailable that says what to do.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pyarrow
import requests
from google.api_core import exceptions
from google.api_core.client_options import ClientOptions
from google.api_core.retry import Retry
from google.auth import exceptions as auth
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryReadClient, types
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import (
    BigQueryReadGrpcTransport,
)

from ingest.errors import SourceUnavailable
from ingest.google import credentials_for, is_here

logger = logging.getLogger(__name__)

# Reasons that Google gives for "not now".
PASSING_REASONS = {
    "backendError",
    "badGateway",
    "internalError",
    "jobBackendError",
    "jobInternalError",
    "jobRateLimitExceeded",
    "quotaExceeded",
    "rateLimitExceeded",
    "userRateLimitExceeded",
}
PASSING_ERRORS = (
    auth.TransportError,
    exceptions.TooManyRequests,
    exceptions.InternalServerError,
    exceptions.BadGateway,
    exceptions.ServiceUnavailable,
    exceptions.GatewayTimeout,
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
)
# Of the Storage Read API: REST can do without it.
NO_STORAGE_API = (
    exceptions.Forbidden,
    exceptions.MethodNotImplemented,
    exceptions.ServiceUnavailable,
    exceptions.DeadlineExceeded,
    exceptions.RetryError,
)
DAY = timedelta(days=1)
INGESTION_TIME = "_PARTITIONTIME"


@dataclass(frozen=True)
class Access:
    """How a table is reached. Bytes and seconds."""

    table: str  # project.dataset.table
    project: str  # pays for the queries
    location: str | None
    credentials_file: Path | None
    api_endpoint: str | None
    storage_endpoint: str | None
    use_storage_api: bool
    maximum_bytes: int
    page_rows: int
    timeout_s: float
    retry_for_s: float


@dataclass(frozen=True)
class ExportDay:
    """The rows of one day of the export: how many, the last one's time, where they lie."""

    day: date
    rows: int
    last_export_at: datetime
    first_partition: datetime | None
    last_partition: datetime | None


class ExportTable:
    """A table or view of a billing export, read by the day of its export time."""

    def __init__(self, access: Access) -> None:
        """Look the table up. Raises SourceUnavailable."""
        self.access = access
        self.retry = Retry(predicate=_is_passing, initial=1.0, timeout=access.retry_for_s)
        with self._told():
            endpoint = access.api_endpoint
            address = None if endpoint is None else endpoint.split("://")[-1]
            self.credentials = credentials_for(access.credentials_file, address)
            self.client = bigquery.Client(
                project=access.project,
                credentials=self.credentials,
                location=access.location,
                client_options=ClientOptions(api_endpoint=access.api_endpoint),
            )
            self.table = self.client.get_table(access.table, **self._patience)

    @property
    def _patience(self) -> dict[str, Any]:
        return {"retry": self.retry, "timeout": self.access.timeout_s}

    @property
    def paths(self) -> list[str]:
        """Every column and every field of a struct, `a` and `a.b`."""
        return [
            path
            for field in self.table.schema
            for path in (field.name, *(f"{field.name}.{inner.name}" for inner in field.fields))
        ]

    @property
    def _is_partitioned_by_arrival(self) -> bool:
        partitioning = self.table.time_partitioning
        return partitioning is not None and partitioning.field is None

    def days(self, export_time: str, since: date | None) -> list[ExportDay]:
        """What there is of each day since one. Raises SourceUnavailable."""
        partitions = "null, null"
        first = datetime.combine(since or date(1970, 1, 1), datetime.min.time(), UTC)
        where = f"{export_time} >= {_literal(first)}"
        if self._is_partitioned_by_arrival:
            partitions = f"min({INGESTION_TIME}), max({INGESTION_TIME})"
            # A row arrives after its export time; the day before is for clocks that differ.
            where += f" and {INGESTION_TIME} >= {_literal(max(first - DAY, _EPOCH))}"
        sql = (
            f"select date({export_time}), count(*), max({export_time}), {partitions} "  # noqa: S608
            f"from `{self.access.table}` where {where} group by 1 order by 1"
        )
        self.check_bytes(sql, "the days of the export")
        with self._told():
            return [ExportDay(*row.values()) for row in self._query(sql).result(**self._patience)]

    def check_bytes(self, sql: str, what: str) -> int:
        """The bytes that a query would read. Raises SourceUnavailable above the maximum."""
        with self._told():
            told = self.client.query(sql, bigquery.QueryJobConfig(dry_run=True), **self._patience)
        estimate, most = int(told.total_bytes_processed or 0), self.access.maximum_bytes
        logger.info("%s: %s would read %s", self.access.table, what, _size(estimate))
        if estimate > most:
            raise SourceUnavailable(
                f"{self.access.table}: {what} would read {_size(estimate)}, more than "
                f"`maximum_bytes` ({_size(most)}); raise it, or read less with `since`"
            )
        return estimate

    def check_days(self, export_time: str, days: list[ExportDay]) -> None:
        """Refuse to read days that are too many bytes together. Raises SourceUnavailable."""
        first, last = days[0], days[-1]
        where = (
            f"{export_time} >= {_literal(first.day)} and {export_time} < {_literal(last.day + DAY)}"
        )
        partitions = [(d.first_partition, d.last_partition) for d in days]
        oldest = min((low for low, _ in partitions if low), default=None)
        newest = max((high for _, high in partitions if high), default=None)
        if oldest and newest:
            where += _between(oldest, newest)
        sql = f"select * from `{self.access.table}` where {where}"  # noqa: S608
        self.check_bytes(sql, f"{len(days)} day(s) from {first.day}")

    def batches(self, export_time: str, day: ExportDay) -> Iterator[pyarrow.RecordBatch]:
        """The rows of a day. Raises SourceUnavailable."""
        where = (
            f"{export_time} >= {_literal(day.day)} AND {export_time} < {_literal(day.day + DAY)}"
        )
        if day.first_partition and day.last_partition:
            where += _between(day.first_partition, day.last_partition)
        with self._told():
            if self.access.use_storage_api and self.table.table_type == "TABLE":
                try:
                    session, reader = self._session(where)
                except NO_STORAGE_API as error:
                    logger.warning(
                        "%s: no Storage Read API (%s); reading over REST. "
                        "Set `storage_api = false` to go there at once",
                        self.access.table,
                        getattr(error, "message", error),
                    )
                else:
                    yield from _storage_batches(reader, session)
                    return
            sql = f"select * from `{self.access.table}` where {where}"  # noqa: S608
            rows = self._query(sql).result(page_size=self.access.page_rows, **self._patience)
            yield from rows.to_arrow_iterable(bqstorage_client=None, max_queue_size=1)

    def _session(self, where: str) -> tuple[types.ReadSession, BigQueryReadClient]:
        """A read session with one stream, so that rows keep the table's order."""
        reader = _read_client(self.access, self.credentials)
        project, dataset, table = self.access.table.split(".")
        wanted = types.ReadSession(
            table=f"projects/{project}/datasets/{dataset}/tables/{table}",
            data_format=types.DataFormat.ARROW,
            read_options=types.ReadSession.TableReadOptions(row_restriction=where),
        )
        session = reader.create_read_session(
            parent=f"projects/{self.access.project}",
            read_session=wanted,
            max_stream_count=1,
            timeout=self.access.timeout_s,
            retry=Retry(predicate=_is_passing, initial=1.0, timeout=self.access.retry_for_s),
        )
        return session, reader

    def _query(self, sql: str) -> bigquery.QueryJob:
        config = bigquery.QueryJobConfig(maximum_bytes_billed=self.access.maximum_bytes)
        return self.client.query(sql, config, job_retry=None, **self._patience)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Google's errors as ours: what went wrong and what to do about it."""
        table = self.access.table
        try:
            yield
        except auth.GoogleAuthError as error:
            raise SourceUnavailable(
                f"{table}: the credentials are not accepted ({_first_line(error)}); log in again, "
                "or name a valid `credentials_file`"
            ) from None
        except exceptions.Unauthorized as error:
            raise SourceUnavailable(
                f"{table}: the credentials have expired or are not accepted "
                f"({_first_line(error)}); renew them, or name a valid `credentials_file`"
            ) from None
        except exceptions.NotFound as error:
            raise SourceUnavailable(
                f"{table}: not found ({_first_line(error)}); was it deleted, or is `table` or "
                "`location` wrong? What was landed stays"
            ) from None
        except exceptions.RetryError as error:
            cause = error.cause or error
            raise SourceUnavailable(
                f"{table}: still refused after {self.access.retry_for_s:g} s "
                f"({_first_line(cause)}); the next night goes on there, or raise the quota"
            ) from None
        except exceptions.Forbidden as error:
            raise SourceUnavailable(
                f"{table}: refused ({_first_line(error)}); grant BigQuery Data Viewer on the data "
                f"set and BigQuery Job User and Read Session User on {self.access.project}"
            ) from None
        except (exceptions.GoogleAPICallError, requests.RequestException, grpc.RpcError) as error:
            raise SourceUnavailable(
                f"{table}: BigQuery failed ({_first_line(error)}); the next night goes on there"
            ) from None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _read_client(access: Access, credentials: Any) -> BigQueryReadClient:
    endpoint = access.storage_endpoint
    if endpoint is not None and is_here(endpoint):
        channel = grpc.insecure_channel(endpoint)
        transport = BigQueryReadGrpcTransport(channel=channel)
        return BigQueryReadClient(transport=transport)  # type: ignore[no-untyped-call]
    return BigQueryReadClient(  # type: ignore[no-untyped-call]
        credentials=credentials, client_options=ClientOptions(api_endpoint=endpoint)
    )


def _storage_batches(
    reader: BigQueryReadClient, session: types.ReadSession
) -> Iterator[pyarrow.RecordBatch]:
    # A table without a row has no stream, and no schema.
    for stream in session.streams:
        schema = pyarrow.ipc.read_schema(pyarrow.py_buffer(session.arrow_schema.serialized_schema))
        for response in reader.read_rows(stream.name):  # type: ignore[no-untyped-call]
            message = response.arrow_record_batch.serialized_record_batch
            yield pyarrow.ipc.read_record_batch(pyarrow.py_buffer(message), schema)


def _is_passing(error: BaseException) -> bool:
    told = getattr(error, "errors", None) or ()
    reasons = {entry.get("reason") for entry in told if isinstance(entry, dict)}
    return bool(reasons & PASSING_REASONS) or isinstance(error, PASSING_ERRORS)


def _literal(at: datetime | date) -> str:
    """An instant, or the start of a day, in SQL."""
    return (
        f"TIMESTAMP '{at:%Y-%m-%d %H:%M:%S.%f}+00:00'"
        if isinstance(at, datetime)
        else (f"TIMESTAMP '{at:%Y-%m-%d} 00:00:00+00:00'")
    )


def _between(first: datetime, last: datetime) -> str:
    """The partitions of these days and those between; a partition may be an hour."""
    end = last.date() + DAY
    return (
        f" AND {INGESTION_TIME} >= {_literal(first.date())} AND {INGESTION_TIME} < {_literal(end)}"
    )


def _size(count: int) -> str:
    """Bytes for a person, in Google's own units."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def _first_line(error: BaseException) -> str:
    """What was said, in one line and without what was sent."""
    message = getattr(error, "message", None) or (error.args[0] if error.args else error)
    return " ".join(str(message).split())[:200]
