"""The columns of AWS cost and usage reports, and how the header of a file is matched to them.

The names are those of CUR 2.0. Legacy reports write `lineItem/UsageType` in CSV and
`line_item_usage_type` in Parquet; what CUR 2.0 keeps in a map, they spread over columns
(`resourceTags/user:team`, `product_vcpu`): it goes back into the map.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from ingest.errors import FileRejected
from ingest.focus_columns import INSTANT, LEAST_KNOWN, MONEY, check_required
from ingest.table_csv import Header

TEXT, NUMBER = pl.String(), pl.Float64()
MAPS = ("cost_category", "discount", "product", "resource_tags")

_TEXTS = """
bill_bill_type bill_billing_entity bill_invoice_id bill_invoicing_entity bill_payer_account_id
bill_payer_account_name capacity_reservation_capacity_reservation_arn
capacity_reservation_capacity_reservation_status capacity_reservation_capacity_reservation_type
identity_line_item_id identity_time_interval line_item_availability_zone line_item_blended_rate
line_item_currency_code line_item_legal_entity line_item_line_item_description
line_item_line_item_type line_item_net_unblended_rate line_item_operation line_item_product_code
line_item_resource_id line_item_tax_type line_item_unblended_rate line_item_usage_account_id
line_item_usage_account_name line_item_usage_type pricing_currency pricing_lease_contract_length
pricing_offering_class pricing_public_on_demand_rate pricing_purchase_option pricing_rate_code
pricing_rate_id pricing_term pricing_unit product_comment product_fee_code product_fee_description
product_from_location product_from_location_type product_from_region_code product_instance_family
product_instance_type product_instancesku product_location product_location_type product_operation
product_pricing_unit product_product_family product_region_code product_servicecode product_sku
product_to_location product_to_location_type product_to_region_code product_usagetype
reservation_availability_zone reservation_end_time reservation_modification_status
reservation_reservation_a_r_n reservation_start_time reservation_subscription_id
savings_plan_end_time savings_plan_instance_type_family savings_plan_offering_type
savings_plan_payment_option savings_plan_purchase_term savings_plan_region
savings_plan_savings_plan_a_r_n savings_plan_start_time split_line_item_parent_resource_id
"""
_MONEY = """
discount_bundled_discount discount_total_discount line_item_blended_cost
line_item_net_unblended_cost line_item_unblended_cost pricing_public_on_demand_cost
reservation_amortized_upfront_cost_for_usage reservation_amortized_upfront_fee_for_billing_period
reservation_effective_cost reservation_net_amortized_upfront_cost_for_usage
reservation_net_amortized_upfront_fee_for_billing_period reservation_net_effective_cost
reservation_net_recurring_fee_for_usage
reservation_net_unused_amortized_upfront_fee_for_billing_period
reservation_net_unused_recurring_fee reservation_net_upfront_value
reservation_recurring_fee_for_usage
reservation_unused_amortized_upfront_fee_for_billing_period reservation_unused_recurring_fee
reservation_upfront_value savings_plan_amortized_upfront_commitment_for_billing_period
savings_plan_net_amortized_upfront_commitment_for_billing_period
savings_plan_net_recurring_commitment_for_billing_period
savings_plan_net_savings_plan_effective_cost savings_plan_recurring_commitment_for_billing_period
savings_plan_savings_plan_effective_cost savings_plan_total_commitment_to_date
savings_plan_used_commitment split_line_item_net_split_cost split_line_item_net_unused_cost
split_line_item_public_on_demand_split_cost split_line_item_public_on_demand_unused_cost
split_line_item_split_cost split_line_item_unused_cost
"""
_NUMBERS = """
line_item_normalization_factor line_item_normalized_usage_amount line_item_usage_amount
reservation_normalized_units_per_reservation reservation_number_of_reservations
reservation_total_reserved_normalized_units reservation_total_reserved_units
reservation_units_per_reservation reservation_unused_normalized_unit_quantity
reservation_unused_quantity savings_plan_savings_plan_rate split_line_item_actual_usage
split_line_item_reserved_usage split_line_item_split_usage split_line_item_split_usage_ratio
"""
_INSTANTS = """
bill_billing_period_end_date bill_billing_period_start_date line_item_usage_end_date
line_item_usage_start_date
"""

# Every column of the CUR 2.0 table, in alphabetical order.
COLUMNS: dict[str, pl.DataType] = dict(
    sorted(
        {
            **dict.fromkeys(_TEXTS.split(), TEXT),
            **dict.fromkeys(_MONEY.split(), MONEY),
            **dict.fromkeys(_NUMBERS.split(), NUMBER),
            **dict.fromkeys(_INSTANTS.split(), INSTANT),
            **dict.fromkeys(MAPS, TEXT),
        }.items()
    )
)

# Without these a line cannot be dated, summed or told from others: the file is refused.
REQUIRED = (
    "bill_billing_period_start_date",
    "line_item_currency_code",
    "line_item_line_item_type",
    "line_item_product_code",
    "line_item_unblended_cost",
    "line_item_usage_end_date",
    "line_item_usage_start_date",
    "line_item_usage_type",
)
# A line without one of these values cannot be dated or summed: the row is refused.
NEVER_NULL = (
    "bill_billing_period_start_date",
    "line_item_currency_code",
    "line_item_unblended_cost",
    "line_item_usage_end_date",
    "line_item_usage_start_date",
)


@dataclass(frozen=True)
class Layout:
    """Where a file holds what: positions by column, of members of maps, and of the unknown."""

    known: dict[str, int]
    members: dict[str, dict[str, int]]  # map → its key → position
    extra: dict[str, int]


@lru_cache(maxsize=64)
def layout(names: tuple[str, ...]) -> Layout:
    """Where the columns of a header are. Of two names for one column, the first one is taken."""
    known: dict[str, int] = {}
    members: dict[str, dict[str, int]] = {}
    extra: dict[str, int] = {}
    for position, name in enumerate(names):
        column, key = cur_name(name)
        if key is not None:
            members.setdefault(column, {}).setdefault(key, position)
        elif column in COLUMNS and column not in known:
            known[column] = position
        else:
            extra[name] = position
    return Layout(known, members, extra)


def cur_name(name: str) -> tuple[str, str | None]:
    """The name in CUR 2.0: a column, or a map and the key in it."""
    section, slash, rest = name.strip().partition("/")
    if not slash:
        column = name.strip().lower()
        found = next((m for m in MAPS if column.startswith(f"{m}_")), None)
        if column in COLUMNS or found is None:
            return column, None
        return found, name.strip()[len(found) + 1 :]
    column = f"{_snake(section)}_{_snake(rest)}"
    found = _snake(section)
    if column in COLUMNS or found not in MAPS:
        return column, None
    return found, rest if found in ("resource_tags", "cost_category") else _snake(rest)


def match_header(source_file: str, names: Sequence[str]) -> Header:
    """Match a file's column names to those of CUR 2.0.

    Raises FileRejected: duplicate_header, not_this_format or missing_column.
    """
    names = [name.strip() or f"_column_{i}" for i, name in enumerate(names, start=1)]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise FileRejected(
            source_file,
            "duplicate_header",
            f"the header names one column twice ({', '.join(repeated)}), so it is not known which "
            "one counts; have the export delivered again",
        )
    found = layout(tuple(names))
    if len(found.known) < LEAST_KNOWN:
        raise FileRejected(
            source_file,
            "not_this_format",
            "this is not an AWS cost and usage report: its header has hardly one of its columns; "
            "move the file elsewhere or narrow the `path` of the source (a FOCUS export is read "
            "by [sources.focus])",
        )
    check_required(source_file, found.known, REQUIRED)
    return Header(tuple(names), found.known, found.extra)


def _snake(name: str) -> str:
    """usageType → usage_type, ReservationARN → reservation_a_r_n, as AWS itself does it."""
    spaced = re.sub(r"(?<!^)(?=[A-Z])", "_", name)
    return re.sub(r"_+", "_", re.sub(r"[^A-Za-z0-9]", "_", spaced)).strip("_").lower()
