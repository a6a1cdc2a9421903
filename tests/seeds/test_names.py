"""Names of machines and regions: the rules agree with the lists, on every engine."""

import csv
import re
from pathlib import Path

import pytest

REFERENCE = Path(__file__).parents[2] / "seeds" / "reference"
Row = dict[str, str]


def read(name: str) -> list[Row]:
    with (REFERENCE / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


RULES = sorted(read("instance_name_rules"), key=lambda rule: int(rule["priority"]))
GRAMMARS = {row["provider_code"]: row for row in read("instance_name_grammars")}
TYPES = read("instance_types")


def number(text: str) -> float | None:
    return float(text) if text else None


def first(rules: list[Row], *columns: str) -> Row | None:
    """The first rule that tells any of the columns."""
    return next((rule for rule in rules if any(rule[column] for column in columns)), None)


def named(provider: str, name: str) -> tuple[float, float | None, str, float | None] | None:
    """vCPUs, GiB, accelerator and count by the rules; None if no rule names the machine."""
    grammar = GRAMMARS[provider]
    (bare,) = re.findall(grammar["name_regex"], name.lower())[:1]
    fitting = [
        rule
        for rule in RULES
        if rule["provider_code"] == provider and re.search(rule["name_regex"], bare)
    ]
    told = re.search(grammar["units_regex"], bare)
    units = float(told[1]) if told else 1.0
    size = first(fitting, "vcpus", "vcpus_per_unit")
    if size is None:
        return None
    vcpus = number(size["vcpus"]) or units * float(size["vcpus_per_unit"])
    device = first(fitting, "accelerator_model")
    count: float | None = 0.0
    if device:
        per_device = number(device["units_per_accelerator"])
        count = number(device["accelerator_count"]) or (units / per_device if per_device else None)
    memory = first(fitting, "memory_gib", "memory_gib_per_vcpu", "memory_gib_per_accelerator")
    gib = None
    if memory:
        gib = (
            number(memory["memory_gib"])
            or vcpus * (number(memory["memory_gib_per_vcpu"]) or 0)
            or (count or 0) * (number(memory["memory_gib_per_accelerator"]) or 0)
        )
    return vcpus, gib, device["accelerator_model"] if device else "", count


@pytest.mark.parametrize(("provider", "at_least"), [("aws", 0.99), ("azure", 0.99), ("gcp", 0.95)])
def test_rules_give_the_size_of_the_machines_that_the_lists_have(
    provider: str, at_least: float
) -> None:
    right, wrong = 0, []
    for row in TYPES:
        size = named(provider, row["instance_type"]) if row["provider_code"] == provider else None
        # Constrained vCPUs are the model's to read.
        if size is None or row["vcpus"] != row["powered_vcpus"]:
            continue
        vcpus, gib, _, _ = size
        if vcpus == float(row["vcpus"]) and gib == pytest.approx(
            float(row["memory_gib"]), rel=0.01
        ):
            right += 1
        else:
            wrong.append((row["instance_type"], size))
    assert right > 200
    assert right / (right + len(wrong)) >= at_least, wrong


def test_rules_give_the_accelerators_of_the_machines_that_the_lists_have() -> None:
    for row in TYPES:
        size = named(row["provider_code"], row["instance_type"])
        if size is None:
            continue
        _, _, model, count = size
        assert model == row["accelerator_model"], row["instance_type"]
        assert count in (None, float(row["accelerator_count"] or 0)), row["instance_type"]


def patterns() -> list[tuple[str, str, int]]:
    """Every regular expression of these lists and how many groups it must have."""
    found = [(rule["rule_id"], rule["name_regex"], -1) for rule in RULES]
    found += [(rule["rule_id"], rule["zone_regex"], 1) for rule in read("region_zone_rules")]
    for provider, grammar in GRAMMARS.items():
        found += [
            (f"{provider}.{column}", text, 1)
            for column, text in grammar.items()
            if column.endswith("_regex") and text
        ]
    return found


@pytest.mark.parametrize(("name", "pattern", "groups"), patterns())
def test_expressions_stay_in_what_both_engines_read(name: str, pattern: str, groups: int) -> None:
    # A backslash is eaten by Spark's string literals, RE2 knows no look-around.
    assert "\\" not in pattern and "(?=" not in pattern and "(?!" not in pattern
    compiled = re.compile(pattern)
    assert groups in (-1, compiled.groups)


def test_a_name_of_a_region_means_one_region_only() -> None:
    regions = {(row["provider_code"], row["region"]) for row in read("cloud_regions")}
    for row in read("region_aliases"):
        assert re.sub(r"[^a-z0-9]", "", row["alias"].lower()) == row["alias_key"]
        if row["region"]:
            assert (row["provider_code"], row["region"]) in regions, row
            assert not row["missing_reason"]
        else:
            assert row["missing_reason"] in ("global_region", "multi_region"), row
