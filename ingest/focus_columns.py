"""The columns of FOCUS 1.0, 1.1 and 1.2, and how the header of an export is matched to them.

Source: FinOps Open Cost and Usage Specification 1.0 (43 columns), 1.1 (50) and 1.2 (57).
"""

import re
from collections.abc import Collection, Sequence

import polars as pl

from ingest.errors import FileRejected
from ingest.table_csv import Header

MONEY = pl.Decimal(38, 18)
INSTANT = pl.Datetime("us", "UTC")

# Every column of FOCUS 1.2 in alphabetical order; 1.0 and 1.1 are subsets.
COLUMNS: dict[str, pl.DataType] = {
    "AvailabilityZone": pl.String(),
    "BilledCost": MONEY,
    "BillingAccountId": pl.String(),
    "BillingAccountName": pl.String(),
    "BillingAccountType": pl.String(),
    "BillingCurrency": pl.String(),
    "BillingPeriodEnd": INSTANT,
    "BillingPeriodStart": INSTANT,
    "CapacityReservationId": pl.String(),
    "CapacityReservationStatus": pl.String(),
    "ChargeCategory": pl.String(),
    "ChargeClass": pl.String(),
    "ChargeDescription": pl.String(),
    "ChargeFrequency": pl.String(),
    "ChargePeriodEnd": INSTANT,
    "ChargePeriodStart": INSTANT,
    "CommitmentDiscountCategory": pl.String(),
    "CommitmentDiscountId": pl.String(),
    "CommitmentDiscountName": pl.String(),
    "CommitmentDiscountQuantity": pl.Float64(),
    "CommitmentDiscountStatus": pl.String(),
    "CommitmentDiscountType": pl.String(),
    "CommitmentDiscountUnit": pl.String(),
    "ConsumedQuantity": pl.Float64(),
    "ConsumedUnit": pl.String(),
    "ContractedCost": MONEY,
    "ContractedUnitPrice": pl.Float64(),
    "EffectiveCost": MONEY,
    "InvoiceId": pl.String(),
    "InvoiceIssuerName": pl.String(),
    "ListCost": MONEY,
    "ListUnitPrice": pl.Float64(),
    "PricingCategory": pl.String(),
    "PricingCurrency": pl.String(),
    "PricingCurrencyContractedUnitPrice": pl.Float64(),
    "PricingCurrencyEffectiveCost": pl.Float64(),
    "PricingCurrencyListUnitPrice": pl.Float64(),
    "PricingQuantity": pl.Float64(),
    "PricingUnit": pl.String(),
    "ProviderName": pl.String(),
    "PublisherName": pl.String(),
    "RegionId": pl.String(),
    "RegionName": pl.String(),
    "ResourceId": pl.String(),
    "ResourceName": pl.String(),
    "ResourceType": pl.String(),
    "ServiceCategory": pl.String(),
    "ServiceName": pl.String(),
    "ServiceSubcategory": pl.String(),
    "SkuId": pl.String(),
    "SkuMeter": pl.String(),
    "SkuPriceDetails": pl.String(),
    "SkuPriceId": pl.String(),
    "SubAccountId": pl.String(),
    "SubAccountName": pl.String(),
    "SubAccountType": pl.String(),
    "Tags": pl.String(),
}
JSON_COLUMNS = ("SkuPriceDetails", "Tags")

# Without these a charge cannot be dated, priced or named: the file is refused.
REQUIRED = (
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "BillingPeriodStart",
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
    "ProviderName",
    "ServiceName",
    "ChargeCategory",
)
# A charge without one of these values cannot be dated or summed: the row is refused. A null
# provider, service or category keeps its money and its row.
NEVER_NULL = (
    "BillingPeriodStart",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "BilledCost",
    "EffectiveCost",
    "BillingCurrency",
)
# FOCUS 1.3 renames ProviderName; either will do.
STAND_INS = {"ProviderName": "ServiceProviderName"}
# Fewer known columns than this, and the file is not a damaged FOCUS export but something else.
LEAST_KNOWN = 3


def match_header(source_file: str, names: Sequence[str]) -> Header:
    """Match a file's column names to FOCUS: exactly first, then ignoring case, space and `_`.

    Raises FileRejected: duplicate_header, not_this_format or missing_column.
    """
    names = [name.strip() or f"_column_{i}" for i, name in enumerate(names, start=1)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise _duplicate(source_file, repeated)
    known = {name: i for i, name in enumerate(names) if name in COLUMNS}
    by_spelling = {_plain(column): column for column in COLUMNS}
    for i, name in enumerate(names):
        column = by_spelling.get(_plain(name))
        if column is None or column == name:
            continue
        if column in known:
            raise _duplicate(source_file, [names[known[column]], name])
        known[column] = i
    for column, other in STAND_INS.items():
        positions = [i for i, name in enumerate(names) if _plain(name) == _plain(other)]
        if column not in known and positions:
            known[column] = positions[0]
    if len(known) < LEAST_KNOWN:
        raise FileRejected(
            source_file,
            "not_this_format",
            "this is not a FOCUS export: its header has hardly a FOCUS column; "
            "move the file elsewhere or narrow the `path` of the source",
        )
    check_required(source_file, known, REQUIRED)
    extra = {name: i for i, name in enumerate(names) if i not in known.values()}
    return Header(tuple(names), known, extra)


def check_required(source_file: str, known: Collection[str], required: Sequence[str]) -> None:
    """Refuse a file without a column that every charge needs. Raises FileRejected."""
    missing = [column for column in required if column not in known]
    if missing:
        raise FileRejected(
            source_file,
            "missing_column",
            f"the file has no column {', '.join(missing)}; select it in the export's settings "
            "and have the export delivered again",
        )


def _plain(name: str) -> str:
    return re.sub(r"[\s_]", "", name).lower()


def _duplicate(source_file: str, names: Sequence[str]) -> FileRejected:
    return FileRejected(
        source_file,
        "duplicate_header",
        f"the header names one column twice ({', '.join(names)}), so it is not known which one "
        "counts; remove one in the export's settings",
    )
