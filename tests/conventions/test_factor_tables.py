"""A factor table is one seed, one landed dataset and one staging model that all consumers read."""

import re
from typing import Any

from promises import ROOT

from observatory.factor_tables import factor_tables


def staging(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The staging models of factor tables, by table."""
    return {
        node["name"].removeprefix("stg_factors__"): node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["name"].startswith("stg_factors__")
    }


def test_every_versioned_seed_has_a_landed_dataset_and_a_staging_model(
    dbt_manifest: dict[str, Any],
) -> None:
    seeds = {path.stem for path in (ROOT / "seeds" / "factors").glob("*.csv")}
    assert seeds == set(factor_tables()), "a seed of seeds/factors lacks published_on, recorded_on"
    assert seeds == set(staging(dbt_manifest)) - {"deliveries"}
    for table, model in staging(dbt_manifest).items():
        if table != "deliveries":
            parents = set(model["depends_on"]["nodes"])
            assert f"seed.observatory.{table}" in parents, table
            assert f"source.observatory.landing._factors__{table}" in parents, table


def test_staging_has_the_columns_and_the_key_that_the_seed_declares(
    dbt_manifest: dict[str, Any],
) -> None:
    for name, table in factor_tables().items():
        lists = {
            variable: re.findall(r'"([a-z0-9_]+)"', listed)
            for variable, listed in re.findall(
                r"{%\s*set (columns|key) = \[(.*?)\]\s*%}",
                staging(dbt_manifest)[name]["raw_code"],
                flags=re.S,
            )
        }
        assert lists == {"columns": list(table.columns), "key": list(table.key)}, name


def test_list_and_diff_know_every_table(dbt_manifest: dict[str, Any]) -> None:
    values = dbt_manifest["nodes"]["model.observatory.int_factors__values"]
    known = {parent.rpartition("stg_factors__")[2] for parent in values["depends_on"]["nodes"]}
    assert known == set(factor_tables()), "add the table to macros/factor_tables.sql"


def test_a_delivered_row_must_say_when_it_was_published() -> None:
    for name, table in factor_tables().items():
        assert not table.checks["published_on"].nullable, name


def test_only_staging_reads_the_seeds_of_factors(dbt_manifest: dict[str, Any]) -> None:
    seeds = {f"seed.observatory.{name}" for name in factor_tables()}
    readers = {
        f"{node['name']} reads {parent}"
        for node in dbt_manifest["nodes"].values()
        if node["resource_type"] == "model" and not node["name"].startswith("stg_factors__")
        for parent in node["depends_on"]["nodes"]
        if parent in seeds
    }
    assert not readers, "read stg_factors__<seed> instead: it also has the rows landed since"
