"""Grid intensity as it lands, whatever source it comes from: one dataset per source, one shape.

A row is what a provider says of one zone and interval. Intervals may be of any length (15 minutes,
an hour, a month, a year); they land as they are.
"""

from collections.abc import Mapping

import pandera.polars as pa
import polars as pl

from ingest.bounds import MAX_GRID_INTENSITY_G_PER_KWH
from ingest.contracts import Dataset

INSTANT = pl.Datetime("us", "UTC")
SIGNALS = ("average", "marginal")
ACCOUNTINGS = ("lifecycle", "operational")
BASES = ("consumption", "production")

COLUMNS: Mapping[str, pl.DataType] = {
    "grid_zone": pl.String(),
    "from_at_utc": INSTANT,
    "to_at_utc": INSTANT,  # half-open
    "intensity_g_per_kwh": pl.Float64(),  # null: the provider has no value for the interval
    "signal": pl.String(),
    "accounting": pl.String(),
    "basis": pl.String(),  # null: the provider does not say
    "is_estimated": pl.Boolean(),  # null where there is no value
    "estimation_method": pl.String(),
    "is_final": pl.Boolean(),  # it will not be asked for again
    "published_at_utc": INSTANT,  # null: the provider does not say
    "source_version": pl.String(),
}


def dataset_for(source: str) -> Dataset:
    """The landed table of a source's intensities."""
    return Dataset(
        f"{source}__intensity",
        COLUMNS,
        {
            "source_file": pa.Column(pl.String(), nullable=False),
            "grid_zone": pa.Column(pl.String(), nullable=False),
            "from_at_utc": pa.Column(INSTANT, nullable=False),
            "to_at_utc": pa.Column(INSTANT, nullable=False),
            "intensity_g_per_kwh": pa.Column(
                pl.Float64(), pa.Check.in_range(0, MAX_GRID_INTENSITY_G_PER_KWH), nullable=True
            ),
            "signal": pa.Column(pl.String(), pa.Check.isin(SIGNALS), nullable=False),
            "accounting": pa.Column(pl.String(), pa.Check.isin(ACCOUNTINGS), nullable=False),
            "basis": pa.Column(pl.String(), pa.Check.isin(BASES), nullable=True),
            "is_final": pa.Column(pl.Boolean(), nullable=False),
        },
    )
