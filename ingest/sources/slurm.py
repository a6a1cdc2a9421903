"""Slurm: every job and step of a cluster's accounting, as `sacct` prints it with a delimiter.

    sacct --allusers --duplicates --parsable2 --noconvert --delimiter=$'\\x1f' --format=ALL -S …

Any delimiter is understood, and any choice of columns that holds JobIDRaw or JobID, State, Start,
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

import pandera.polars as pa
import polars as pl
from pydantic import Field

from ingest.contracts import Batch, Dataset, rejected_file
from ingest.errors import FileRejected
from ingest.files import InputFile, discover
from ingest.slurm_columns import COLUMNS, NEVER_NULL
from ingest.slurm_records import read_records
from ingest.slurm_rows import Cluster, land
from ingest.sources import FileSourceSettings, SourceContext, TimeZone

NAME = "slurm"
SACCT = Dataset(
    "slurm__sacct",
    COLUMNS,
    {name: pa.Column(pl.String(), nullable=False) for name in ("source_file", *NEVER_NULL)},
)
DATASETS = (SACCT,)


class Settings(FileSourceSettings):
    """`[sources.slurm]`: where the sacct exports are and which cluster they speak of."""

    cluster: str | None = Field(
        None, description="The cluster's name, where the export has no Cluster column."
    )
    timezone: TimeZone = Field(
        "UTC", description="IANA zone of the cluster's clock (sacct prints none)"
    )
    site: str | None = Field(
        None, description="The [sites.NAME] the cluster stands in; default: the cluster's name."
    )


def read(settings: Settings, context: SourceContext) -> Iterator[Batch]:
    """One delivery per file, in batches of about 16 MiB of text; a bad file is one rejected row."""
    for file in discover(settings.path):
        scope = f"{context.instance}/{file.name}"
        try:
            for rows, rejected in _read_file(file, settings):
                yield Batch(SACCT, scope, rows, rejected)
        except FileRejected as error:
            yield Batch(
                SACCT,
                scope,
                pl.DataFrame(schema=SACCT.schema),
                rejected_file(file.name, error.reason, error.detail),
                incomplete=True,
            )


def _read_file(file: InputFile, settings: Settings) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """(rows, rejected) of one file, piece by piece. Raises FileRejected.

    Rows are typed in a second thread while the caller writes those of the block before.
    """
    cluster = Cluster(settings.cluster, settings.site, settings.timezone)
    with ThreadPoolExecutor(max_workers=1) as typing:
        before: Future[tuple[pl.DataFrame, pl.DataFrame]] | None = None
        broken: FileRejected | None = None
        try:
            for block in read_records(file, has_cluster=settings.cluster is not None):
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
