"""The models keep the promises of their names: over dbt's manifest, not over text."""

import re
from typing import Any

import pytest
from promises import DIMENSIONS, MART_COLUMNS, promised

NUMBERS = re.compile(r"(u?(tiny|small|big|huge)?int(eger)?|double|float|real|decimal.*|numeric.*)")
# How a measure adds up. `none`: it does not (an identifier, a limit, a coefficient).
AGGREGATIONS = {"sum", "weighted_mean", "last", "min", "max", "none"}
# The unit in `meta` and what it puts into the name.
UNIT_TOKENS = {
    "kWh": r"_kwh",
    "W": r"_w(_|$)",
    "J": r"_j$",
    "gCO2e": r"_g_co2e",
    "gCO2e/kWh": r"_g_per_kwh",
    "L": r"_l$",
    "L/kWh": r"_l_per_kwh",
    "s": r"_s$",
    "h": r"(^|_)(h|hours)$",
    "years": r"_(age_years|years)$",
    "GiB": r"_gib",
    "bytes": r"_bytes$",
    "%": r"_pct$",
}
# A number called so must say its unit.
QUANTITIES = re.compile(r"(^|_)(energy|power|emissions|intensity|duration|water|memory)(_|$)")
UNIT_IN_NAME = re.compile(
    r"_(kwh|w|j|g_co2e|g_per_kwh|l|l_per_kwh|s|h|hours|gib|bytes|ratio|pct|mw|wh)"
    r"(_p05|_p95|_low|_high|_per_[a-z_]+|_in|_before|_after)?$"
)
NOT_A_QUANTITY = re.compile(
    r"(_(method|id|ids|key|reason|reasons|resolution|basis|origin|unit|source|kind|name|count|year"
    r"|version|rank|rung|rungs|code|text|accounting|zone|note|json|model|share|scope|utc|date|type|arithmetic)"
    r"$|^(is|has|n|ln|source)_)"
)


def models(manifest: dict[str, Any], layer: str = "") -> list[dict[str, Any]]:
    nodes = (n for n in manifest["nodes"].values() if n["resource_type"] == "model")
    found = [n for n in nodes if n["path"].startswith(layer)]
    return sorted(found, key=lambda n: n["name"])


def meta(column: dict[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {
        **column.get("meta", {}),
        **(column.get("config") or {}).get("meta", {}),
    }
    return merged


def numbers(model: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        column
        for column in model["columns"].values()
        if NUMBERS.fullmatch((column.get("data_type") or "").lower())
    ]


def bare_sql(text: str) -> str:
    """SQL without comments, quoted text and jinja."""
    text = re.sub(r"\{#.*?#\}", " ", text, flags=re.S)
    text = re.sub(r"--[^\n]*|/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", " _ ", text, flags=re.S)
    return re.sub(r"'(?:[^']|'')*'|\"[^\"]*\"", " _ ", text)


def test_every_promised_mart_is_there(dbt_manifest: dict[str, Any]) -> None:
    names = {model["name"] for model in models(dbt_manifest, "marts/")}
    assert {*MART_COLUMNS, *DIMENSIONS} <= names


@pytest.mark.parametrize("mart", sorted(MART_COLUMNS))
def test_promised_columns_come_first_and_in_order(dbt_manifest: dict[str, Any], mart: str) -> None:
    (model,) = [m for m in models(dbt_manifest, "marts/") if m["name"] == mart]
    columns = list(model["columns"])
    assert columns[: len(promised(mart))] == promised(mart)


def test_marts_have_enforced_contracts_and_a_key(dbt_manifest: dict[str, Any]) -> None:
    for model in models(dbt_manifest, "marts/"):
        assert model["config"]["contract"]["enforced"], model["name"]
        key = {**model.get("meta", {}), **model["config"].get("meta", {})}.get("key")
        assert key, f"{model['name']}: config.meta.key is missing"
        assert set(key) <= set(model["columns"]), model["name"]


def test_every_model_is_described_and_says_its_grain(dbt_manifest: dict[str, Any]) -> None:
    without = [m["name"] for m in models(dbt_manifest) if not m["description"].strip()]
    assert not without
    grainless = [
        m["name"]
        for m in models(dbt_manifest)
        if not re.search(r"[Oo]ne row( per|:|\.|$)|[Gg]rain", m["description"])
    ]
    assert not grainless, "a description ends with the grain: 'One row per …'"


def test_every_column_is_described(dbt_manifest: dict[str, Any]) -> None:
    without = [
        f"{model['name']}.{name}"
        for model in models(dbt_manifest)
        for name, column in model["columns"].items()
        if not column["description"].strip()
    ]
    assert not without


def test_every_mart_number_declares_unit_and_aggregation(dbt_manifest: dict[str, Any]) -> None:
    wrong = [
        f"{model['name']}.{column['name']}: {meta(column)}"
        for model in models(dbt_manifest, "marts/")
        for column in numbers(model)
        if not meta(column).get("unit") or meta(column).get("aggregation") not in AGGREGATIONS
    ]
    assert not wrong


def test_the_unit_ends_the_name(dbt_manifest: dict[str, Any]) -> None:
    wrong = []
    for model in models(dbt_manifest, "marts/"):
        for column in numbers(model):
            unit = str(meta(column).get("unit", ""))
            token = UNIT_TOKENS.get(unit)
            if token and not re.search(token, column["name"]):
                # A figure whose unit depends on another column has no unit of its own.
                wrong.append(f"{model['name']}.{column['name']} is in {unit}")
            for other, pattern in UNIT_TOKENS.items():
                ends = re.search(
                    pattern + "$" if not pattern.endswith("$") else pattern, column["name"]
                )
                if ends and unit != other and unit in UNIT_TOKENS:
                    if re.search(UNIT_TOKENS[unit], column["name"]):
                        continue
                    wrong.append(f"{model['name']}.{column['name']} is in {unit}, not {other}")
    assert not wrong


def test_a_ratio_is_called_a_ratio(dbt_manifest: dict[str, Any]) -> None:
    wrong = [
        f"{model['name']}.{column['name']}: {meta(column).get('unit')}"
        for model in models(dbt_manifest, "marts/")
        for column in numbers(model)
        if column["name"].endswith("_ratio") and meta(column).get("unit") != "ratio"
    ]
    assert not wrong


def test_no_quantity_without_its_unit_in_any_layer(dbt_manifest: dict[str, Any]) -> None:
    wrong = [
        f"{model['name']}.{name}"
        for model in models(dbt_manifest)
        for name in model["columns"]
        if QUANTITIES.search(name)
        and not UNIT_IN_NAME.search(name)
        and not NOT_A_QUANTITY.search(name)
    ]
    assert not wrong


def test_money_has_its_currency_beside_it(dbt_manifest: dict[str, Any]) -> None:
    wrong = [
        model["name"]
        for model in models(dbt_manifest, "marts/")
        if any(re.search(r"(effective|billed|list)_cost$", name) for name in model["columns"])
        and not any(name.endswith("currency") for name in model["columns"])
        # Promised without one: a model's figures are in the reporting currency.
        and "cost_currency" in MART_COLUMNS.get(model["name"], "cost_currency")
    ]
    assert not wrong


def test_names_follow_their_layer(dbt_manifest: dict[str, Any]) -> None:
    patterns = {
        "staging/": r"stg_[a-z0-9_]+__[a-z0-9_]+",
        "intermediate/": r"int_[a-z0-9_]+__[a-z0-9_]+",
        "marts/": r"(fct|dim)_[a-z0-9_]+",
    }
    for layer, pattern in patterns.items():
        for model in models(dbt_manifest, layer):
            assert re.fullmatch(pattern, model["name"]), model["path"]
    assert all(m["path"].split("/")[0] + "/" in patterns for m in models(dbt_manifest))


def test_layers_read_only_what_they_may(dbt_manifest: dict[str, Any]) -> None:
    allowed = {
        "staging/": ("source.", "seed.", "model.stg_"),
        "intermediate/": ("model.stg_", "model.int_", "seed."),
        "marts/": ("model.stg_", "model.int_", "model.fct_", "model.dim_", "seed."),
    }
    for layer, prefixes in allowed.items():
        for model in models(dbt_manifest, layer):
            for parent in model["depends_on"]["nodes"]:
                kind, *_, name = parent.split(".")
                read = "source." if kind == "source" else f"{kind}.{name}"
                assert read.startswith(prefixes), f"{model['path']} reads {parent}"


def lines_of_code(model: dict[str, Any]) -> int:
    """Lines that are neither blank nor a comment: groups and reasons cost nothing."""
    lines = (line.strip() for line in model["raw_code"].splitlines())
    return sum(1 for line in lines if line and not line.startswith("--"))


def test_a_model_is_one_idea(dbt_manifest: dict[str, Any]) -> None:
    # A mart may be longer, because its promised columns are many.
    limits = {"staging/": 120, "intermediate/": 120, "marts/": 150}
    long = {
        model["name"]: lines_of_code(model)
        for layer, limit in limits.items()
        for model in models(dbt_manifest, layer)
        if lines_of_code(model) > limit
    }
    assert not long


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"\bselect\s+distinct\b", "distinct hides a fan-out: aggregate first"),
        (r"\bqualify\b", "Spark has none: filter a window in the next step"),
        (r"\basof\s+join\b", "Spark has none: hour buckets and a filter"),
        (r"\blist_\w+\s*\([^)]*->", "lambdas stay in macros/dialect"),
        (r"\b(now\s*\(|current_(timestamp|date)\b|today\s*\()", "clocks come from as_of"),
        (r",\s*\bfrom\b", "Spark refuses a trailing comma"),
        (
            r"\b(SELECT|FROM|WHERE|JOIN|GROUP|ORDER|WITH|CASE|WHEN|THEN|ELSE|END|AND|OR|CAST|AS)\b",
            "keywords are lower case",
        ),
    ],
)
def test_sql_stays_in_what_both_engines_share(
    dbt_manifest: dict[str, Any], pattern: str, why: str
) -> None:
    found = [m["path"] for m in models(dbt_manifest) if re.search(pattern, bare_sql(m["raw_code"]))]
    assert not found, why
