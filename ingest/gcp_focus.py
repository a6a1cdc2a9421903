"""Google Cloud's bill as FOCUS in BigQuery: Google's own export, or the view that it publishes."""

from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow

from ingest.contracts import split
from ingest.files import InputFile
from ingest.focus_columns import match_header
from ingest.focus_rows import charges, typed
from ingest.table_parquet import block_of

FOCUS = charges("gcp_billing__focus")
EXPORT_TIME = "x_ExportTime"
UTC = ZoneInfo("UTC")
# Google's view writes `usage` where FOCUS says `Usage`.
SPELLED = ("ChargeCategory", "ChargeClass")


def rows_of(
    batch: pyarrow.RecordBatch, source_file: str, first: int
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """(rows, rejected, the number after the last) of a batch. Raises FileRejected."""
    header = match_header(source_file, batch.schema.names)
    block = block_of(batch, first)
    rows, problems, _ = typed(FOCUS, InputFile(Path(), source_file), header, block, UTC)
    rows = rows.with_columns(
        pl.col(name).str.slice(0, 1).str.to_uppercase() + pl.col(name).str.slice(1)
        for name in SPELLED
    )
    no_text = pl.repeat(None, rows.height, dtype=pl.String, eager=True)
    kept, rejected = split(FOCUS, rows, no_text, problems)
    if not rejected.is_empty():
        texts = block.raw(rejected["source_row"].to_list())
        raw = [texts[row] for row in rejected["source_row"]]
        rejected = rejected.with_columns(pl.Series("raw", raw, dtype=pl.String))
    return kept, rejected, first + batch.num_rows
