"""What a bill says of the thing that it charges for, as one flat JSON object per row.

Clouds spread these facts over maps, columns of their own and JSON texts. Few distinct ones make up
many rows, so each distinct one is read once.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

Facts = dict[str, str]


def facts_json(
    columns: Mapping[str, pl.Series], height: int, read: Callable[[Facts], Facts]
) -> pl.Series:
    """The JSON object that `read` makes of the texts of a row; null where it is empty.

    `read` gets the texts that are not null, by column, and returns what the object holds.
    """
    if not columns:
        return pl.repeat(None, height, dtype=pl.String, eager=True)
    frame = pl.DataFrame([column.rename(name) for name, column in columns.items()])
    distinct = frame.unique(maintain_order=True)
    texts = [
        json_text(read({name: value for name, value in row.items() if value is not None}))
        for row in distinct.iter_rows(named=True)
    ]
    facts = distinct.with_columns(pl.Series("_facts", texts, dtype=pl.String))
    joined = frame.join(
        facts, on=frame.columns, how="left", nulls_equal=True, maintain_order="left"
    )
    return joined["_facts"]


def flat(text: str | None) -> Facts:
    """A JSON object as names and texts; what is nested or null in it is left out."""
    try:
        content = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {str(k): _plain(v) for k, v in content.items() if v not in (None, "") and _is_flat(v)}


def json_text(facts: Facts) -> str | None:
    """The facts as one JSON object, keys sorted; null where there are none."""
    if not facts:
        return None
    return json.dumps(facts, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _is_flat(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
