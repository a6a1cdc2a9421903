"""What a warehouse hands on to the next one: the rows of models that remember deliveries.

A delivery never changes, so what a model worked out of it alone stays true as long as the models
do. Such a model (materialised `incremental`) starts from the rows of the warehouse before; the
models themselves forget and add deliveries (macros/dialect/incremental.sql). The result is that of
a build from nothing, only sooner.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from observatory.version import Models

logger = logging.getLogger(__name__)


def note(warehouse: Path, manifest: Mapping[str, Any], models: Models) -> None:
    """Note in `main.remembered` which tables of a build may be handed on, and who made them."""
    tables = [
        (node["schema"], node["alias"], models.models_sha256)
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and node["config"]["materialized"] == "incremental"
    ]
    with duckdb.connect(warehouse) as connection:
        connection.execute(
            "create or replace table remembered "
            "(schema_name varchar, table_name varchar, models_sha256 varchar)"
        )
        if tables:
            connection.executemany("insert into remembered values (?, ?, ?)", tables)


def hand_on(before: Path, warehouse: Path, models: Models) -> None:
    """Copy the tables of a warehouse that the same models made to the one that is to be built.

    A warehouse that is not there, that others made or that cannot be read hands on nothing: all of
    it is worked out anew.
    """
    if not before.is_file():
        return
    try:
        with duckdb.connect(warehouse) as connection:
            connection.execute(f"attach {_quoted(str(before))} as before (read_only)")
            tables = connection.execute(
                "select schema_name, table_name from before.main.remembered "
                "where models_sha256 = ?",
                [models.models_sha256],
            ).fetchall()
            for schema, table in tables:
                connection.execute(f'create schema if not exists "{schema}"')
                connection.sql(f'from before."{schema}"."{table}"').create(f"{schema}.{table}")
    except duckdb.Error as error:
        logger.info("%s hands nothing on (%s): it is built from nothing", before, error)
        warehouse.unlink(missing_ok=True)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
