"""What the observatory lands of its own doing: nights, and what they restated."""

import polars as pl

from ingest.contracts import Dataset

NIGHTS = Dataset(
    "_nights",
    {
        "night_id": pl.String(),
        "started_at_utc": pl.Datetime("us", "UTC"),
        "finished_at_utc": pl.Datetime("us", "UTC"),
        "as_of_utc": pl.Datetime("us", "UTC"),
        "status": pl.String(),  # ok | partial | failed
        "published_version": pl.String(),
        "code_version": pl.String(),
        "message": pl.String(),
        "sources": pl.String(),  # JSON list
    },
)
# What a night changed in months that were over when the numbers before it were published. A
# delivery's scope is the version that was current: what came after it counts once, even if a night
# was killed before it published.
RESTATEMENTS = Dataset(
    "_restatements",
    {
        "month": pl.Date(),
        "metric": pl.String(),
        "unit": pl.String(),
        "before": pl.Float64(),
        "after": pl.Float64(),
        "change": pl.Float64(),
        "cause": pl.String(),
        "cause_number": pl.Int64(),
        "runs": pl.Int64(),
        "from_version": pl.String(),
        "to_version": pl.String(),
        "from_as_of_utc": pl.Datetime("us", "UTC"),
        "to_as_of_utc": pl.Datetime("us", "UTC"),
    },
)
DATASETS = (NIGHTS, RESTATEMENTS)
