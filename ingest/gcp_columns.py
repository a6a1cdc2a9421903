"""The columns of Google Cloud's usage cost exports in BigQuery, and their rows as we land them.

Standard and detailed export alike (`gcp_billing_export_v1_…`, `gcp_billing_export_resource_v1_…`):
the fields of a struct become columns (`service.id` → `service_id`), arrays stay JSON. What an
export does not have is null, what we do not know is kept in `x_extra`.
Source: Google Cloud, "Structure of Standard data export" and "… of Detailed data export".
"""

import json
from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

import pandera.polars as pa
import polars as pl
import pyarrow

from ingest.bill_facts import Facts, facts_json, flat
from ingest.bill_rows import row_problems
from ingest.bounds import MAX_BYTE_SECONDS, MAX_COST
from ingest.contracts import Dataset, Problem, split
from ingest.focus_columns import INSTANT, MONEY
from ingest.focus_values import (
    as_float,
    as_instant,
    as_json,
    as_money,
    as_text,
    extra_json,
    nested_to_text,
)

UTC = ZoneInfo("UTC")
TEXT, FLOAT = pl.String(), pl.Float64()
LABELS, LIST = "labels", "list"  # key/value pairs as an object; any other array as it is

# Where a value stands in the export → how it is typed; its column is the path with `_` for `.`.
PATHS: dict[str, pl.DataType | str] = {
    "billing_account_id": TEXT,
    "service.id": TEXT,
    "service.description": TEXT,
    "sku.id": TEXT,
    "sku.description": TEXT,
    "usage_start_time": INSTANT,
    "usage_end_time": INSTANT,
    "project.id": TEXT,
    "project.number": TEXT,
    "project.name": TEXT,
    "project.labels": LABELS,
    "project.ancestry_numbers": TEXT,
    "project.ancestors": LIST,
    "labels": LABELS,
    "system_labels": LABELS,
    "tags": LIST,
    "location.location": TEXT,
    "location.country": TEXT,
    "location.region": TEXT,
    "location.zone": TEXT,
    "resource.name": TEXT,
    "resource.global_name": TEXT,
    "export_time": INSTANT,
    "cost": MONEY,
    "currency": TEXT,
    "currency_conversion_rate": FLOAT,
    "usage.amount": FLOAT,
    "usage.unit": TEXT,
    "usage.amount_in_pricing_units": FLOAT,
    "usage.pricing_unit": TEXT,
    "credits": LIST,
    "invoice.month": TEXT,
    "invoice.publisher_type": TEXT,
    "cost_type": TEXT,
    "adjustment_info.id": TEXT,
    "adjustment_info.description": TEXT,
    "adjustment_info.mode": TEXT,
    "adjustment_info.type": TEXT,
    "price.effective_price": FLOAT,
    "price.tier_start_amount": FLOAT,
    "price.unit": TEXT,
    "price.pricing_unit_quantity": FLOAT,
    "price.list_price": FLOAT,
    "price.effective_price_default": FLOAT,
    "price.list_price_consumption_model": FLOAT,
    "cost_at_list": MONEY,
    "cost_at_effective_price_default": MONEY,
    "cost_at_list_consumption_model": MONEY,
    "consumption_model.id": TEXT,
    "consumption_model.description": TEXT,
    "transaction_type": TEXT,
    "seller_name": TEXT,
    "subscription.instance_id": TEXT,
}
# Without these a charge cannot be dated, priced or named: the table is refused.
REQUIRED = (
    "service.description",
    "sku.description",
    "usage_start_time",
    "usage_end_time",
    "export_time",
    "cost",
    "currency",
)
NEVER_NULL = ("usage_start_time", "usage_end_time", "export_time", "cost", "currency")
MONTH = r"^(19|20)\d{2}(0[1-9]|1[0-2])$"


def column_of(path: str) -> str:
    """The landed column of a path."""
    return path.replace(".", "_")


def _type_of(kind: pl.DataType | str) -> pl.DataType:
    return TEXT if isinstance(kind, str) else kind


LINES = Dataset(
    "gcp_billing__lines",
    {
        **{column_of(path): _type_of(kind) for path, kind in PATHS.items()},
        "x_tags": TEXT,  # labels, system labels, tags and the project's labels, flat
        "x_price_details": TEXT,  # what the system labels say of the machine, flat
        "x_extra": TEXT,
    },
    {
        **{name: pa.Column(_type_of(PATHS[name]), nullable=False) for name in NEVER_NULL},
        "invoice_month": pa.Column(TEXT, pa.Check.str_matches(MONTH), nullable=True),
    },
)
# Of two labels of one key the later of these counts.
TAGS = ("project_labels", "tags", "system_labels", "labels")
# The system label that says it → what FOCUS calls the fact.
MACHINE_FACTS = {
    "compute.googleapis.com/machine_spec": "InstanceType",
    "compute.googleapis.com/cores": "CoreCount",
    "compute.googleapis.com/memory": "x_SystemMemoryMib",
    "compute.googleapis.com/is_unused_reservation": "x_SystemIsUnusedReservation",
}
MIB_PER_GIB = 1024
REMEDY = "ask Google Cloud's billing support to correct the export"


def missing_paths(names: Sequence[str]) -> list[str]:
    """Which of the required paths an export lacks, given all paths that it has."""
    return [path for path in REQUIRED if path not in names]


def rows_of(
    batch: pyarrow.RecordBatch, source_file: str, first: int
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """(rows, rejected, the number after the last) of a batch.

    Rows are numbered from `first`, and each credit of a row takes the next number.
    """
    told = dict(_flattened(batch))
    height = batch.num_rows
    columns = {"source_file": pl.repeat(source_file, height, dtype=TEXT, eager=True)}
    credits = told.get("credits")
    taken = _lengths(credits, height) + 1
    columns["source_row"] = taken.cum_sum() - taken + first
    problems = [_unreadable_credits(credits, height)]
    for path, kind in PATHS.items():
        name = column_of(path)
        columns[name], found = _typed(name, kind, told.pop(path, None), height)
        problems += found
    labels = {name: columns[name] for name in TAGS}
    columns["x_tags"] = facts_json(labels, height, _tags)
    details = {"system_labels": columns["system_labels"]}
    columns["x_price_details"] = facts_json(details, height, _machine)
    columns["x_extra"] = extra_json([s.alias(path) for path, s in told.items()], height)
    typed = pl.DataFrame({name: columns[name] for name in LINES.schema})
    problems += list(_row_problems(typed))
    raw = pl.repeat(None, height, dtype=TEXT, eager=True)
    rows, rejected = split(LINES, typed, raw, problems)
    if not rejected.is_empty():
        texts = [_text(batch, int(i)) for i in _positions(typed, rejected)]
        rejected = rejected.with_columns(pl.Series("raw", texts, dtype=TEXT))
    return rows, rejected, first + int(taken.sum())


def _flattened(batch: pyarrow.RecordBatch) -> Iterator[tuple[str, pl.Series]]:
    """Every column by its path; the fields of a struct are columns of their own."""
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        if pyarrow.types.is_decimal256(array.type):
            array = array.cast(pyarrow.string())
        series = pl.Series(pl.from_arrow(array))
        if isinstance(series.dtype, pl.Struct):
            for field in series.dtype.fields:
                yield f"{name}.{field.name}", series.struct.field(field.name)
        else:
            yield name, series


def _lengths(lists: pl.Series | None, height: int) -> pl.Series:
    if lists is None or not isinstance(lists.dtype, pl.List):
        return pl.repeat(0, height, dtype=pl.Int64, eager=True)
    return lists.list.len().fill_null(0).cast(pl.Int64)


def _unreadable_credits(credits: pl.Series | None, height: int) -> Problem:
    """Rows of which a credit has no amount, or none that can be true."""
    mask = pl.repeat(False, height, dtype=pl.Boolean, eager=True)
    if credits is not None and isinstance(credits.dtype, pl.List):
        amount = pl.element().struct.field("amount").cast(pl.Float64).abs().is_between(0, MAX_COST)
        sound = credits.list.eval(amount.fill_null(False)).list.all()
        mask = ~sound.fill_null(True)
    detail = f"a credit's amount is not between -{MAX_COST:,} and {MAX_COST:,}; {REMEDY}"
    return "credits", "out_of_range", detail, mask


def _typed(
    name: str, kind: pl.DataType | str, told: pl.Series | None, height: int
) -> tuple[pl.Series, list[Problem]]:
    if told is None:
        return pl.repeat(None, height, dtype=_type_of(kind), eager=True), []
    if kind == MONEY:
        return as_money(name, told)
    if kind == INSTANT:
        return as_instant(name, told, UTC)
    if kind == FLOAT:
        return as_float(name, told)
    if kind == LABELS:
        text, found = as_json(name, told)
        return text.replace("[]", None), found
    return as_text(nested_to_text(told)).replace("[]", None), []


def _row_problems(typed: pl.DataFrame) -> Iterator[Problem]:
    """What is wrong with rows whose values could all be read."""
    yield from row_problems(typed, "usage_start_time", "usage_end_time", NEVER_NULL, REMEDY)
    for name in ("usage_amount", "usage_amount_in_pricing_units"):
        above = (typed[name].abs() > MAX_BYTE_SECONDS).fill_null(False)
        detail = f"{name} is not between -{MAX_BYTE_SECONDS:.0e} and {MAX_BYTE_SECONDS:.0e}"
        yield name, "out_of_range", f"{detail}; {REMEDY}", above


def _tags(row: Facts) -> Facts:
    """All labels of a row by their keys."""
    found: Facts = {}
    for name in TAGS:
        found |= _pairs(row["tags"]) if name == "tags" and name in row else flat(row.get(name))
    return found


def _pairs(text: str) -> Facts:
    """The key and value of each tag; whose it is stays in `tags`."""
    content = json.loads(text)
    entries = [entry for entry in content if isinstance(entry, dict)]
    return {str(e["key"]): str(e["value"]) for e in entries if e.get("key") and e.get("value")}


def _machine(row: Facts) -> Facts:
    """The machine that a row's system labels name."""
    labels = flat(row.get("system_labels"))
    facts = {fact: labels[key] for key, fact in MACHINE_FACTS.items() if key in labels}
    mib = facts.get("x_SystemMemoryMib", "")
    if mib.isdigit():
        facts["MemorySize"] = f"{int(mib) / MIB_PER_GIB:g}"
    return facts


def _positions(typed: pl.DataFrame, rejected: pl.DataFrame) -> list[int]:
    order = {row: i for i, row in enumerate(typed["source_row"])}
    return [order[row] for row in rejected["source_row"]]


def _text(batch: pyarrow.RecordBatch, position: int) -> str:
    """One row as it came, as a JSON object."""
    (row,) = batch.slice(position, 1).to_pylist()
    return json.dumps(row, ensure_ascii=False, default=str)
