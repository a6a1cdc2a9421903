"""Row contracts: what a landed row must be, and what becomes of a row that is not.

A `Dataset` names a landed table, its columns (a polars schema; file order) and its contract (a
pandera schema whose checks run on typed frames). A source turns its input into `Batch`es:
rows that already have the dataset's types, and rejected rows with their reason.
`split` is the one place where a frame is divided into the two.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaErrors

# What typing found wrong with rows: (field, reason code, detail, mask of the rows).
Problem = tuple[str, str, str, pl.Series]

# Every landed row starts with where it came from.
ORIGIN: Mapping[str, pl.DataType] = {"source_file": pl.String(), "source_row": pl.Int64()}

REJECTED_SCHEMA = pl.Schema(
    {
        "source_file": pl.String(),
        "source_row": pl.Int64(),  # null: the whole file
        "field": pl.String(),  # null: the row as a whole
        "reason": pl.String(),  # stable snake_case code
        "detail": pl.String(),  # a sentence with the remedy
        "raw": pl.String(),  # the row as it came, whole
    }
)


@dataclass(frozen=True)
class Dataset:
    """A landed table: `<source>__<table>`, its columns after `ORIGIN`, and its row checks."""

    name: str
    columns: Mapping[str, pl.DataType]
    checks: Mapping[str, pa.Column] = field(default_factory=dict)

    @property
    def schema(self) -> pl.Schema:
        """Column name → dtype, in file order, the origin first."""
        return pl.Schema({**ORIGIN, **self.columns})

    def contract(self) -> pa.DataFrameSchema:
        """The pandera schema: types of every column, plus the checks given by the source."""
        return pa.DataFrameSchema(
            {
                name: self.checks.get(name, pa.Column(dtype, nullable=True))
                for name, dtype in self.schema.items()
            },
            strict=True,
            ordered=True,
        )


@dataclass(frozen=True)
class Batch:
    """A piece of one delivery: `rows` in the dataset's schema, `rejected` in REJECTED_SCHEMA.

    `incomplete` means that part of this scope's input could not be read: such a delivery may be
    the first of its scope, but never replaces an earlier, complete one.
    """

    dataset: Dataset
    scope: str
    rows: pl.DataFrame
    rejected: pl.DataFrame
    incomplete: bool = False


@dataclass(frozen=True)
class Failure:
    """A part of a source's input that could not be had; what else it brings still lands.

    The message says which part, why, and what to do.
    """

    message: str


@dataclass(frozen=True)
class Complete:
    """All batches of a scope have come: its delivery is committed at once.

    What was committed stays when the source fails after it, or is killed: so a night that fetches
    many scopes goes on where it ended. `marks` says what was fetched, object → ETag or watermark;
    `SourceContext.delivered` gives them back the next night. An incomplete delivery keeps none.
    """

    dataset: Dataset
    scope: str
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Unchanged:
    """What landing holds of a scope is what the source has, by its marks: nothing was fetched."""

    dataset: Dataset
    scope: str


# What a source may say while it reads.
Told = Batch | Failure | Complete | Unchanged


def empty_rejected() -> pl.DataFrame:
    """No rejected row, typed."""
    return pl.DataFrame(schema=REJECTED_SCHEMA)


def rejected_file(source_file: str, reason: str, detail: str) -> pl.DataFrame:
    """The single rejected row that stands for a file nobody could read."""
    return pl.DataFrame(
        [
            {
                "source_file": source_file,
                "source_row": None,
                "field": None,
                "reason": reason,
                "detail": detail,
                "raw": None,
            }
        ],
        schema=REJECTED_SCHEMA,
    )


def split(
    dataset: Dataset,
    typed: pl.DataFrame,
    raw: pl.Series,
    problems: Iterable[Problem] = (),
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Divide typed rows into those that keep the contract and those that do not.

    `typed` has the dataset's columns; `raw` is the row as it came (same length); of the problems
    that typing itself already found, the first one wins.
    Returns (rows, rejected); their heights add up to the height of `typed`.
    """
    findings = [
        pl.DataFrame(
            {"_row": mask.arg_true()},
        ).with_columns(
            pl.lit(name).alias("field"),
            pl.lit(reason).alias("reason"),
            pl.lit(detail).alias("detail"),
        )
        for name, reason, detail, mask in problems
        if mask.any()
    ]
    findings.append(_contract_findings(dataset, typed))
    found = pl.concat(
        [
            finding.select(pl.col("_row").cast(pl.UInt32), "field", "reason", "detail")
            for finding in findings
        ]
    ).unique("_row", keep="first", maintain_order=True)
    if found.is_empty():
        return typed, empty_rejected()
    rejected = (
        typed.select("source_file", "source_row")
        .with_columns(raw.cast(pl.String).alias("raw"))
        .with_row_index("_row")
        .join(found, on="_row", how="inner", maintain_order="left")
        .select(pl.col(name).cast(dtype) for name, dtype in REJECTED_SCHEMA.items())
    )
    keep = typed.with_row_index("_row").join(found, on="_row", how="anti", maintain_order="left")
    return keep.drop("_row"), rejected


def _contract_findings(dataset: Dataset, typed: pl.DataFrame) -> pl.DataFrame:
    """What pandera finds: one line per row and broken check."""
    none = pl.DataFrame(
        schema={
            "_row": pl.UInt32,
            "field": pl.String,
            "reason": pl.String,
            "detail": pl.String,
        }
    )
    try:
        dataset.contract().validate(typed, lazy=True)
    except SchemaErrors as errors:
        cases: pl.DataFrame = errors.failure_cases
        whole = cases.filter(pl.col("index").is_null())
        if not whole.is_empty():
            # Not a matter of rows: the source built a frame that is not the dataset's.
            raise TypeError(f"{dataset.name}: {whole.rows(named=True)[0]}") from errors
        return cases.select(
            pl.col("index").cast(pl.UInt32).alias("_row"),
            pl.col("column").cast(pl.String).alias("field"),
            pl.when(pl.col("check") == "not_nullable")
            .then(pl.lit("missing_value"))
            .otherwise(pl.lit("value_not_allowed"))
            .alias("reason"),
            pl.format(
                "{} must satisfy {}, got {}",
                pl.col("column").cast(pl.String),
                pl.col("check").cast(pl.String),
                pl.col("failure_case").cast(pl.String).fill_null("nothing").str.slice(0, 200),
            ).alias("detail"),
        ).sort("_row", maintain_order=True)
    return none
