"""FOCUS rows of whatever provider: a block of a file in the landed columns."""

from zoneinfo import ZoneInfo

import pandera.polars as pa
import polars as pl

from ingest.bill_facts import Facts, facts_json, flat
from ingest.bill_files import Typed
from ingest.bill_rows import row_problems, typed_column
from ingest.contracts import Dataset
from ingest.files import InputFile
from ingest.focus_columns import COLUMNS, JSON_COLUMNS, NEVER_NULL
from ingest.focus_values import as_text, extra_json, month_of
from ingest.table_csv import Block, Header

# How files become rows; when this changes, remote files are fetched again.
READER = "focus 1"
# Columns of the providers' own that tell what a charge is for, beside SkuPriceDetails.
AWS_FACTS = ("x_Operation", "x_ServiceCode")
AZURE_FACTS = (
    "x_SkuMeterCategory",
    "x_SkuMeterName",
    "x_SkuMeterSubcategory",
    "x_SkuServiceFamily",
    "x_SkuTier",
)
AZURE_DETAILS = "x_SkuDetails"
AZURE_METER = "x_SkuMeterName"


def charges(name: str) -> Dataset:
    """A dataset of FOCUS charges."""
    return Dataset(
        name,
        {
            **COLUMNS,
            "x_price_details": pl.String(),  # what all columns say of the SKU, flat
            "x_meter": pl.String(),  # SkuMeter, or the column that stands for it
            "x_extra": pl.String(),
        },
        {column: pa.Column(COLUMNS[column], nullable=False) for column in NEVER_NULL},
    )


def typed(dataset: Dataset, file: InputFile, header: Header, block: Block, zone: ZoneInfo) -> Typed:
    """The block in the dataset's columns, what was wrong with which rows, and their period."""
    height = len(block.rows)
    problems = list(block.problems)
    columns = {"source_file": pl.repeat(file.name, height, dtype=pl.String, eager=True)}
    columns["source_row"] = block.rows
    for name, dtype in COLUMNS.items():
        if name not in header.known:
            columns[name] = pl.repeat(None, height, dtype=dtype, eager=True)
            continue
        source = block.columns[header.known[name]]
        columns[name], found = typed_column(name, dtype, source, zone, JSON_COLUMNS)
        problems += found
    extra = {name: block.columns[i].alias(name) for name, i in header.extra.items()}
    told = {
        name: as_text(extra[name])
        for name in (*AWS_FACTS, *AZURE_FACTS, AZURE_DETAILS)
        if name in extra and not extra[name].dtype.is_nested()
    }
    details = columns["SkuPriceDetails"]
    columns["x_price_details"] = (
        facts_json({"SkuPriceDetails": details, **told}, height, _facts) if told else details
    )
    meter = columns["SkuMeter"]
    columns["x_meter"] = (
        meter.zip_with(meter.is_not_null(), told[AZURE_METER]) if AZURE_METER in told else meter
    )
    columns["x_extra"] = extra_json(list(extra.values()), height)
    rows = pl.DataFrame({name: columns[name] for name in dataset.schema})
    problems += row_problems(rows, "ChargePeriodStart", "ChargePeriodEnd", NEVER_NULL)
    start = "BillingPeriodStart"
    return rows, problems, month_of(block.columns[header.known[start]], rows[start])


def _facts(row: Facts) -> Facts:
    """Everything that the columns say of a SKU."""
    details = flat(row.get(AZURE_DETAILS))
    facts = {**details, **flat(row.get("SkuPriceDetails"))}
    facts |= {name: row[name] for name in (*AWS_FACTS, *AZURE_FACTS) if name in row}
    # Azure calls the size of a machine its ServiceType.
    if "ServiceType" in facts and facts["ServiceType"].startswith(("Standard_", "Basic_")):
        facts.setdefault("InstanceType", facts["ServiceType"])
    return facts
