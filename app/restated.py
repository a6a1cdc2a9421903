"""What changed in months that were published before, and why: a part of the page Data quality."""

from typing import Any

import polars as pl
import streamlit as st

from app import queries, state, ui

_BILL = "bill_effective_cost"


def section(context: state.Context) -> None:
    """A sentence and a table, newest night first."""
    text, fmt = context.text, context.format
    st.subheader(text("restated.title"))
    rows = context.ask(queries.restatements).to_dicts()
    if not rows:
        st.info(text("restated.empty"))
        return
    months = {row["month"] for row in rows}
    st.markdown(
        text(
            "restated.sentence",
            months=fmt.count(len(months)),
            first=f"{min(months):%Y-%m}",
            last=f"{max(months):%Y-%m}",
        )
    )
    shown = pl.DataFrame(
        {
            "published": [fmt.day(row["to_as_of_utc"]) for row in rows],
            "month": [f"{row['month']:%Y-%m}" for row in rows],
            "metric": [_metric(context, row["metric"]) for row in rows],
            "before": [_figure(context, row, row["before"]) for row in rows],
            "after": [_figure(context, row, row["after"]) for row in rows],
            "change": [_change(context, row) for row in rows],
            "why": [context.label("restated.cause", row["cause"]) for row in rows],
            "runs": [fmt.count(row["runs"]) if row["runs"] else "" for row in rows],
        }
    )
    ui.table(shown, {name: text(f"column.{name}") for name in shown.columns}, context)
    newest = rows[0]
    st.caption(text("restated.compare", before=newest["from_version"], after=newest["to_version"]))


def _metric(context: state.Context, metric: str) -> str:
    return context.label("restated.metric", _BILL if metric.startswith(_BILL) else metric)


def _figure(context: state.Context, row: dict[str, Any], value: float | None) -> str:
    fmt, unit = context.format, row["unit"]
    if unit == "kWh":
        return fmt.energy(value)
    if unit == "gCO2e":
        return fmt.mass(value)
    return fmt.water(value) if unit == "L" else fmt.money(value, unit)


def _change(context: state.Context, row: dict[str, Any]) -> str:
    sign = "+" if row["change"] > 0 else "−"
    change = sign + _figure(context, row, abs(row["change"]))
    relative = context.format.change(row["after"], row["before"])
    return f"{change} ({relative})" if relative else change
