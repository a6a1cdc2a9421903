"""AWS cost and usage reports: CUR 2.0 (Data Exports) and legacy CUR, Parquet or CSV.gz.

From S3 or from a copy of the tree on disk. Of each billing period, the files that the newest
manifest names, whether the export overwrites its versions or keeps them; a period of which a file
is missing is held back. Legacy names become those of CUR 2.0, maps are JSON, unknown columns are
kept in `x_extra`, costs to the last digit. A line that cannot be dated or summed is rejected whole.
"""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pandera.polars as pa
import polars as pl

from ingest.bill_facts import Facts, facts_json, flat, json_text
from ingest.bill_files import Typed, read_bills
from ingest.bill_rows import row_problems, typed_column
from ingest.contracts import Dataset, Problem, Told
from ingest.cur_columns import COLUMNS, MAPS, NEVER_NULL, layout, match_header
from ingest.files import InputFile
from ingest.focus_values import as_text, extra_json, month_of
from ingest.objects import ObjectSourceSettings
from ingest.sources import SourceContext, SourceSettings
from ingest.table_csv import Block, Header

NAME = "aws_cur"
LINES = Dataset(
    "aws_cur__lines",
    {
        **COLUMNS,
        "x_service_name": pl.String(),  # the product's name, from the map
        "x_region": pl.String(),
        "x_price_details": pl.String(),  # what all columns say of the product, flat
        "x_extra": pl.String(),
    },
    {name: pa.Column(COLUMNS[name], nullable=False) for name in NEVER_NULL},
)
DATASETS = (LINES,)
# How files become rows; when this changes, remote files are fetched again.
READER = "aws_cur 1"
ZONE = ZoneInfo("UTC")  # reports are in UTC

# Facts of a product: their name in FOCUS or one of our own → its columns, or keys of the map.
FACTS = {
    "InstanceType": ("product_instance_type", "instance_type", "instance_name"),
    "CoreCount": ("vcpu",),
    "MemorySize": ("memory",),
    "GpuCount": ("gpu",),
    "x_GpuMemory": ("gpu_memory",),
    "x_PhysicalProcessor": ("physical_processor",),
    "x_Operation": ("line_item_operation",),
    "x_ServiceCode": ("product_servicecode", "servicecode"),
    "x_ProductCode": ("line_item_product_code",),
    "x_ProductFamily": ("product_product_family", "product_family"),
    "x_InstanceFamily": ("product_instance_family",),
    "x_VolumeApiName": ("volume_api_name",),
    "x_VolumeType": ("volume_type",),
    "x_StorageClass": ("storage_class",),
    "x_DeploymentOption": ("deployment_option",),
    "x_DatabaseEngine": ("database_engine",),
    "x_TransferType": ("transfer_type",),
    "x_FromRegion": ("product_from_region_code",),
    "x_ToRegion": ("product_to_region_code",),
    "x_OperatingSystem": ("operating_system",),
    "x_MarketOption": ("marketoption",),
    "x_BillingEntity": ("bill_billing_entity",),
}
FACT_COLUMNS = tuple(
    dict.fromkeys(name for names in FACTS.values() for name in names if name in COLUMNS)
)
PLACES = ("product_region_code", "line_item_availability_zone")
SERVICE_NAME = "product_name"
# What a line under a commitment costs, the commitment's price spread over it.
AMORTISED = {
    "DiscountedUsage": "reservation_effective_cost",
    "SavingsPlanCoveredUsage": "savings_plan_savings_plan_effective_cost",
}
REGION = "region"


class Settings(ObjectSourceSettings):
    """`[sources.aws_cur]`."""


def read(settings: SourceSettings, context: SourceContext) -> Iterator[Told]:
    """Lines by export and billing period, in the order of the files and their rows."""
    assert isinstance(settings, Settings)  # noqa: S101 - the registry pairs them
    yield from read_bills(settings, context, LINES, match_header, typed, READER)


def typed(file: InputFile, header: Header, block: Block) -> Typed:
    """The block in the dataset's columns, what was wrong with which rows, and their period."""
    height = len(block.rows)
    places = layout(header.names)
    problems = list(block.problems)
    columns = {"source_file": pl.repeat(file.name, height, dtype=pl.String, eager=True)}
    columns["source_row"] = block.rows
    for name, dtype in COLUMNS.items():
        if name in places.known:
            source = block.columns[places.known[name]]
            columns[name], found = typed_column(name, dtype, source, ZONE, MAPS)
            problems += found
        else:
            columns[name] = pl.repeat(None, height, dtype=dtype, eager=True)
        if name in places.members:
            members = {key: as_text(block.columns[i]) for key, i in places.members[name].items()}
            columns[name] = _with_members(columns[name], members, height)
    told = {name: columns[name] for name in FACT_COLUMNS} | {"product": columns["product"]}
    told |= {name: columns[name] for name in PLACES}
    facts = facts_json(told, height, _facts)
    columns["x_service_name"] = facts.str.json_path_match("$.service_name")
    columns["x_region"] = facts.str.json_path_match("$.region")
    columns["x_price_details"] = facts.str.json_path_match("$.details")
    extra = [block.columns[i].alias(name) for name, i in places.extra.items()]
    columns["x_extra"] = extra_json(extra, height)
    rows = pl.DataFrame({name: columns[name] for name in LINES.schema})
    problems += _row_problems(rows)
    start = "bill_billing_period_start_date"
    return rows, problems, month_of(block.columns[places.known[start]], rows[start])


def _with_members(whole: pl.Series, members: dict[str, pl.Series], height: int) -> pl.Series:
    """A map with the entries that the file spreads over columns."""

    def merged(row: Facts) -> Facts:
        own = flat(row.pop("", None))
        return {**own, **row}

    return facts_json({"": whole, **members}, height, merged)


def _facts(row: Facts) -> Facts:
    """What the columns and the map say of the product: its service, its region, the rest."""
    product = flat(row.get("product"))
    known = {**product, **row}
    found = {
        name: next(known[key] for key in keys if key in known)
        for name, keys in FACTS.items()
        if any(key in known for key in keys)
    }
    region = row.get("product_region_code") or product.get(REGION)
    if region is None and (zone := row.get("line_item_availability_zone", "")):
        # eu-west-1a is in eu-west-1; a local zone (us-west-2-lax-1a) is not read this way.
        region = zone[:-1] if zone[-1:].isalpha() and zone.count("-") == 2 else zone
    told = {"details": json_text(found) or "{}"}
    if region:
        told["region"] = region
    if SERVICE_NAME in product:
        told["service_name"] = product[SERVICE_NAME]
    return told


def _row_problems(rows: pl.DataFrame) -> list[Problem]:
    """What is wrong with rows whose values could all be read."""
    start, end = "line_item_usage_start_date", "line_item_usage_end_date"
    problems = list(row_problems(rows, start, end, NEVER_NULL))
    kinds = rows["line_item_line_item_type"]
    for kind, name in AMORTISED.items():
        unknown = (kinds == kind).fill_null(False) & rows[name].is_null()
        detail = (
            f"a line of type {kind} has no {name}, so its part of the commitment is not known; "
            "select that column in the export's settings and have the export delivered again"
        )
        problems.append((name, "missing_value", detail, unknown))
    return problems
