"""Slurm: every job and step of a cluster's accounting, as `sacct` prints it with a delimiter.

    sacct --allusers --duplicates --parsable2 --noconvert --delimiter=$'\\x1f' --format=ALL -S …

`sacct --json` is understood too (`ingest.slurm_json`); a file is known by its content. Of text, any
delimiter is understood, and any choice of columns that holds JobIDRaw or JobID, State, Start,
End, and ElapsedRaw or Elapsed. One row lands per record: the allocation and each of its steps.
What one must know about sacct:

- Nothing is escaped. A delimiter inside a job name or comment makes a record too wide, a newline
  in SubmitLine breaks it over several lines. Both are mended where only one reading makes every
  typed column valid, else the record is rejected; `--delimiter=$'\\x1f'` avoids the question.
- Times carry no zone: they are local to the cluster (`timezone`). In the hour that happens twice
  in autumn the earlier instant is taken, unless a job would then end before it starts; a time
  inside the gap of spring is moved forward by the gap.
- Energy of a batch-only job stands only in its `.batch` row; batch and steps overlap, so summing
  all rows counts twice. Both land as they are: staging decides.
- GPU utilisation (`gres/gpuutil`) is the highest sample of a task in TRESUsageInMax and the last
  sample in TRESUsageInTot (Slurm, jobacct_gather): neither is a mean over the job.
- A job id is used again after a controller reset or a requeue: (cluster, job id, submit) is unique.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, timedelta
from typing import Self

import pandera.polars as pa
import polars as pl
from pydantic import Field, ValidationInfo, field_validator, model_validator

from ingest.contracts import Batch, Dataset, Failure, empty_rejected, rejected_file
from ingest.errors import FileRejected, SourceUnavailable
from ingest.files import InputFile, discover
from ingest.slurm_columns import COLUMNS, NEVER_NULL
from ingest.slurm_command import accounting_of, find_sacct
from ingest.slurm_json import is_json, read_json
from ingest.slurm_records import read_records
from ingest.slurm_rows import Cluster, land
from ingest.sources import SourceContext, SourceSettings, TimeZone, resolved

NAME = "slurm"
SACCT = Dataset(
    "slurm__sacct",
    COLUMNS,
    {name: pa.Column(pl.String(), nullable=False) for name in ("source_file", *NEVER_NULL)},
)
DATASETS = (SACCT,)


class Settings(SourceSettings):
    """`[sources.slurm]`: where the sacct exports are and which cluster they speak of."""

    path: str | None = Field(
        None,
        examples=["/exports/slurm"],
        description="A file, a folder (searched recursively) or a glob.",
    )
    command: str | None = Field(
        None,
        examples=["sacct"],
        description="Instead of a path: the `sacct` to call, by name on PATH or by place.",
    )
    days: int = Field(
        7, ge=1, le=366, description="Of the command: how many days back each night asks for."
    )
    timeout_s: float = Field(
        300.0, gt=0, allow_inf_nan=False, description="Of the command: seconds for one day."
    )

    cluster: str | None = Field(
        None, description="The cluster's name, where the export has no Cluster column."
    )
    timezone: TimeZone = Field(
        "UTC", description="IANA zone of the cluster's clock (sacct prints none)"
    )
    site: str | None = Field(
        None, description="The [sites.NAME] the cluster stands in; default: the cluster's name."
    )

    @field_validator("path")
    @classmethod
    def _resolve(cls, value: str | None, info: ValidationInfo) -> str | None:
        return None if value is None else resolved(value, info)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.command is None):
            raise ValueError("give either `path` or `command`")
        return self


def read(settings: Settings, context: SourceContext) -> Iterator[Batch | Failure]:
    """One delivery per file or day of the command, in batches of about 16 MiB of text."""
    if settings.command is not None:
        yield from _called(settings.command, settings, context)
        return
    assert settings.path is not None  # noqa: S101 - the settings have one of the two
    for file in discover(settings.path):
        yield from _batches(file, settings, context)


def _called(command: str, settings: Settings, context: SourceContext) -> Iterator[Batch | Failure]:
    """One delivery per day of UTC, today's so far; a day that fails leaves the others."""
    found = find_sacct(command)
    today = context.now.astimezone(UTC).date()
    for ago in reversed(range(settings.days)):
        day = today - timedelta(days=ago)
        try:
            with accounting_of(found, day, settings.cluster, settings.timeout_s) as file:
                yield from _batches(file, settings, context)
        except SourceUnavailable as error:
            yield Failure(str(error))


def _batches(file: InputFile, settings: Settings, context: SourceContext) -> Iterator[Batch]:
    """A file's batches, at least one; a bad file is one rejected row."""
    scope = f"{context.instance}/{file.name}"
    nothing = pl.DataFrame(schema=SACCT.schema)
    yield Batch(SACCT, scope, nothing, empty_rejected())
    try:
        for rows, rejected in _read_file(file, settings):
            yield Batch(SACCT, scope, rows, rejected)
    except FileRejected as error:
        refused = rejected_file(file.name, error.reason, error.detail)
        yield Batch(SACCT, scope, nothing, refused, incomplete=True)


def _read_file(file: InputFile, settings: Settings) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """(rows, rejected) of one file, piece by piece. Raises FileRejected.

    Rows are typed in a second thread while the caller writes those of the block before.
    """
    cluster = Cluster(settings.cluster, settings.site, settings.timezone)
    with ThreadPoolExecutor(max_workers=1) as typing:
        before: Future[tuple[pl.DataFrame, pl.DataFrame]] | None = None
        broken: FileRejected | None = None
        try:
            read = read_json if is_json(file) else read_records
            for block in read(file, settings.cluster is not None):
                typed = typing.submit(land, SACCT, block, cluster)
                if before is not None:
                    yield before.result()
                before = typed
        except FileRejected as error:
            broken = error
        if before is not None:
            yield before.result()
        if broken is not None:
            raise broken
