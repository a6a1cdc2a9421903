"""The organisation's own rules of what a line of the bill pays for: a CSV like the product's.

The columns are those of seeds/reference/billing_line_rules.csv; docs/factors.md describes them.
"""

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ingest.errors import ConfigError

PATTERNS = (
    "provider_code",
    "service_name_like",
    "text_like",
    "consumed_unit_like",
    "hardware_named",
)
REQUIRED = ("rule_id", "resource_class", "allocation_hint", "energy_rule")
COLUMNS = (*REQUIRED, "priority", *PATTERNS, "charge_category", "note")
RESOURCE_CLASSES = ("compute", "accelerator", "storage", "network", "managed", "other")
ALLOCATION_HINTS = ("ml", "not_ml", "shared")
CHARGE_CATEGORIES = ("%", "Usage", "Purchase", "Tax", "Credit", "Adjustment")
HARDWARE = ("%", "", "machine", "accelerator")
ENERGY_RULES = (
    "instance_hours",
    "accelerator_hours",
    "vcpu_hours",
    "mcpu_hours",
    "memory_gib_hours",
    "serverless_vcpu_hours",
    "serverless_arm_vcpu_hours",
    "serverless_memory_gib_hours",
    "lambda_gb_hours",
    "lambda_arm_gb_hours",
    "dpu_hours",
    "azure_sql_vcore_hours",
    "storage_ssd",
    "storage_hdd",
    "disk_ssd",
    "disk_hdd",
    "network_internet",
    "network_inter_region",
    "network_intra_region",
)
_REASON = re.compile(r"none:[a-z][a-z0-9_]*")


def read_line_rules(path: Path) -> list[dict[str, Any]]:
    """The rules of the file, in its order. A pattern that is left out or empty fits anything.

    Raises ConfigError, which names the file, the line and the remedy.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restkey="", strict=True)
            header = list(reader.fieldnames or [])
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"billing.line_rules: cannot read {path}: {error}") from error
    unknown = [name for name in header if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in header]
    if unknown or missing or len(set(header)) < len(header):
        wrong = (
            f"unknown column {unknown[0]!r}"
            if unknown
            else f"no column {missing[0]!r}"
            if missing
            else "a column twice"
        )
        raise ConfigError(f"{path}: {wrong}; the columns are {', '.join(COLUMNS)}")
    rules: dict[str, dict[str, Any]] = {}
    for number, (line, row) in enumerate(rows, start=1):
        if None in row.values() or "" in row:
            raise ConfigError(f"{path}:{line}: not as many fields as the header")
        rule = _rule(f"{path}:{line}", row, number)
        if rule["rule_id"] in rules:
            raise ConfigError(f"{path}:{line}: rule_id {rule['rule_id']!r} is there twice")
        rules[rule["rule_id"]] = rule
    return list(rules.values())


def _rule(where: str, row: Mapping[str, str], number: int) -> dict[str, Any]:
    told = {name: value.strip() for name, value in row.items()}
    if not told["rule_id"]:
        raise ConfigError(f"{where}: rule_id is empty")
    for name, allowed in (
        ("resource_class", RESOURCE_CLASSES),
        ("allocation_hint", ALLOCATION_HINTS),
        ("charge_category", CHARGE_CATEGORIES),
        ("hardware_named", HARDWARE),
    ):
        if told.get(name, "%") not in ("", *allowed) or (name in REQUIRED and not told[name]):
            raise ConfigError(
                f"{where}: {name} {told[name]!r} is none of {', '.join(filter(None, allowed))}"
            )
    energy_rule = told["energy_rule"]
    if energy_rule not in ENERGY_RULES and not _REASON.fullmatch(energy_rule):
        raise ConfigError(
            f"{where}: energy_rule {energy_rule!r} is none of {', '.join(ENERGY_RULES)}, "
            "none:<reason>"
        )
    priority = told.get("priority") or str(number)
    if not re.fullmatch(r"[0-9]{1,9}", priority):
        raise ConfigError(f"{where}: priority {priority!r} is no whole number")
    return {
        **{name: told[name] for name in REQUIRED},
        "priority": int(priority),
        **{name: told.get(name, "").lower() or "%" for name in PATTERNS},
        "charge_category": told.get("charge_category") or "%",
        "note": told.get("note") or None,
    }
