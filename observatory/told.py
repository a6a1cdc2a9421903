"""What deliveries told otherwise, and what they told for the first time.

Rows are compared by what they say, wherever they stand: a file that grew still tells what it told
before, and so does a row that moved to another file.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl

from ingest.landing import MANIFEST
from observatory.knowledge import kind_of

_BILL = "focus__charges"
# How rows name their run where they have no column `run_id`. Rows that name none are about any.
_RUN_OF = {
    "slurm__sacct": """concat('slurm:', "Cluster", ':', "x_job_id")""",
    "codecarbon__emissions": """('codecarbon:' || "run_id")""",
}
# Where a row stands says nothing.
_PLACE = ("source_file", "source_row", "filename")

_TABLES = """
    create table told (run_id varchar, is_otherwise boolean);
    create table lines_restated (
        resource_id varchar, month date, unit varchar, change decimal(38, 18)
    );
"""

_TOLD = """
    insert into told
    select run_id, bool_or(copies < 0)
    from (
        select about as run_id, content, sum(sign) as copies
        from rows_of_both
        group by all
        having sum(sign) <> 0
    )
    group by run_id
"""

# A line of the bill is known by when, where and for what it was used. Where one of its rows is
# gone, its amount is told otherwise; so it is where the provider calls a new row a correction.
_LINES_RESTATED = """
    insert into lines_restated
    select resource_id, month, unit, sum(change)
    from (
        select
            "ResourceId" as resource_id,
            cast(date_trunc('month', "ChargePeriodStart") as date) as month,
            "BillingCurrency" as unit,
            hash(
                "ChargePeriodStart", "BillingAccountId", "SubAccountId", "ServiceName"
            ) as line,
            content,
            lower("ChargeClass") as charge_class,
            sum(sign) as copies,
            sum(sign * "EffectiveCost") as change
        from rows_of_both
        group by all
        having sum(sign) <> 0
    )
    group by resource_id, month, unit, line
    having (bool_or(copies < 0) or bool_or(charge_class = 'correction')) and sum(change) <> 0
"""


def read(
    connection: duckdb.DuckDBPyConnection, landing: Path, from_at: datetime, to_at: datetime
) -> None:
    """Make the tables of what was received after an instant and until another.

    `told`: the runs of which anything was told, and whether something told before is told no more
    or otherwise; null is any run. `lines_restated`: by how much lines of the bill that had been
    told changed, per resource, month of use and currency.
    """
    connection.execute(_TABLES)
    for dataset, (old, new) in _superseded(landing, from_at, to_at).items():
        files = _list([*old, *new])
        rows = f"read_parquet({files}, union_by_name = true, filename = true)"
        columns = connection.sql(f"from {rows}").columns
        about = _RUN_OF.get(dataset, "run_id" if "run_id" in columns else "null")
        content = ", ".join(f'"{column}"' for column in columns if column not in _PLACE)
        connection.execute(
            f"""
            create or replace temp view rows_of_both as
            select
                *,
                {about} as about,
                hash({content}) as content,
                case when list_contains({_list(old)}, filename) then -1 else 1 end as sign
            from {rows}
            """  # noqa: S608
        )
        connection.execute(_LINES_RESTATED if dataset == _BILL else _TOLD)


def _superseded(
    landing: Path, from_at: datetime, to_at: datetime
) -> dict[str, tuple[list[str], list[str]]]:
    """Of each dataset of data, the files of scopes that were delivered anew: old ones, new ones."""
    manifest = pl.read_parquet(landing / MANIFEST / "*.parquet").sort(
        "received_at_utc", "delivery_id"
    )
    old, new = (
        {
            (row["dataset"], row["scope"]): row["delivery_id"]
            for row in manifest.filter(pl.col("received_at_utc") <= at).rows(named=True)
            if kind_of(row["dataset"]) == "data"
        }
        for at in (from_at, to_at)
    )
    found: dict[str, tuple[list[str], list[str]]] = {}
    for (dataset, scope), delivery_id in new.items():
        if old.get((dataset, scope)) != delivery_id:
            files = found.setdefault(dataset, ([], []))
            for kind, chosen in enumerate((old.get((dataset, scope)), delivery_id)):
                if chosen and (path := landing / dataset / f"{chosen}.parquet").exists():
                    files[kind].append(str(path))
    return {dataset: files for dataset, files in found.items() if any(files)}


def _list(files: Sequence[str]) -> str:
    quoted = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    return f"cast([{quoted}] as varchar[])"
