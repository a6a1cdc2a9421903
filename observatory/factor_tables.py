"""The factor tables: their columns and rules, as the seeds declare them.

`seeds/factors/_factors.yml` is the one description of a factor table: its column types are those
of the seed, of the landed dataset `_factors__<table>` and of the staging model, and what its data
tests ask of the seed is asked of a row before it lands. A seed of that folder with published_on
and recorded_on is a factor table; nothing else is to be said of a new one in Python.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import yaml

from ingest.contracts import Dataset
from observatory.version import PROJECT

DATASET_PREFIX = "_factors__"
DESCRIPTION = Path("seeds") / "factors" / "_factors.yml"
# Of a landed row it is the day its delivery was received, whatever the file says.
RECORDED_ON = "recorded_on"
DTYPES: Mapping[str, pl.DataType] = {
    "string": pl.String(),
    "integer": pl.Int32(),
    "bigint": pl.Int64(),
    "double": pl.Float64(),
    "boolean": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us"),
}


@dataclass(frozen=True)
class FactorTable:
    """A factor table: `columns` are the seed's, in order; `key` tells its facts and their
    publications apart; of rows that share `exclusive` the validity may not overlap (empty: any).
    """

    name: str
    columns: Mapping[str, pl.DataType]
    checks: Mapping[str, pa.Column]
    key: tuple[str, ...]
    exclusive: tuple[str, ...]

    @property
    def dataset(self) -> Dataset:
        """What is landed of it: all but `recorded_on`."""
        columns = {name: kind for name, kind in self.columns.items() if name != RECORDED_ON}
        return Dataset(DATASET_PREFIX + self.name, columns, self.checks)


@cache
def factor_tables() -> Mapping[str, FactorTable]:
    """Every factor table by name, as the seeds declare them."""
    seeds = yaml.safe_load((PROJECT / DESCRIPTION).read_text("utf-8"))["seeds"]
    return {table.name: table for table in sorted(_tables(seeds), key=lambda table: table.name)}


def datasets() -> list[Dataset]:
    """What is landed of factor tables."""
    return [table.dataset for table in factor_tables().values()]


def _tables(seeds: list[dict[str, Any]]) -> Iterator[FactorTable]:
    for seed in seeds:
        types = seed["config"]["column_types"]
        if not {"published_on", RECORDED_ON} <= set(types):
            continue
        columns = {name: DTYPES[kind] for name, kind in types.items()}
        tests = dict(_tests(seed))
        rules = tests["column_rules"]
        yield FactorTable(
            name=seed["name"],
            columns=columns,
            checks={
                name: _check(kind, name, rules)
                for name, kind in columns.items()
                if name != RECORDED_ON
            },
            key=_without_recorded(tests["unique_key"]),
            exclusive=_without_recorded(tests.get("validity_intervals_do_not_overlap", {})),
        )


def _tests(seed: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(name, arguments) of the data tests of a seed as a whole."""
    for test in seed.get("data_tests", ()):
        for name, body in test.items():
            yield name, body["arguments"]


def _without_recorded(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(column for column in arguments.get("columns", ()) if column != RECORDED_ON)


def _check(dtype: pl.DataType, column: str, rules: Mapping[str, Any]) -> pa.Column:
    """What tests/dbt/generic/column_rules.sql asks of a column."""
    checks = []
    if column in rules.get("one_of", {}):
        checks.append(pa.Check.isin(rules["one_of"][column]))
    limits = rules.get("within", {}).get(column, {})
    checks += [pa.Check.ge(limits["min"])] if "min" in limits else []
    checks += [pa.Check.le(limits["max"])] if "max" in limits else []
    return pa.Column(dtype, checks, nullable=column not in rules.get("known", ()))
