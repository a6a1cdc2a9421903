"""The parts of the Calibration page: what was proved, of which hardware, and what to meter next."""

from typing import Any

import polars as pl
import streamlit as st

from app import state, ui

Row = dict[str, Any]


def name(context: state.Context, row: Row) -> str:
    """A calibration's hardware and component, as in a list."""
    return f"{row['key']} · {context.label('component', row['component'])}"


def sentence(context: state.Context, found: pl.DataFrame) -> None:
    """How many calibrations there are, and how many are in use."""
    fmt = context.format
    metered = found.filter(pl.col("key_level") == "component")
    st.markdown(
        context.text(
            "calibration.sentence",
            metered=fmt.count(metered["points"].sum()),
            tried=fmt.count(found.height),
            used=fmt.count(found["is_applied"].sum()),
        )
    )


def choose(context: state.Context, found: pl.DataFrame) -> Row:
    """The calibration whose points are drawn, of those that are for one kind of hardware."""
    per_hardware = found.filter(pl.col("key_level") == "hardware")
    shown = per_hardware.to_dicts() or found.to_dicts()
    rows = {f"{row['component']}: {row['key']}": row for row in shown}
    picked = state.choose_one(
        st, "hardware", context.text("calibration.hardware"), list(rows),
        lambda code: name(context, rows[code]), context.language,
    )  # fmt: skip
    return rows[picked]


def said(context: state.Context, row: Row) -> str:
    """What a calibration is, and how far off the model is without it and with it."""
    fmt = context.format
    values = {
        "runs": fmt.count(row["runs"]),
        "jobs": fmt.count(row["jobs"]),
        "before": fmt.ratio(row["mape_before"]),
        "reason": context.label("calibration.reason", row["reason"]),
    }
    if row["scale"] is None:
        return context.text("calibration.unfitted", **values)
    formula = [f"{fmt.number(row['scale'])} × {context.text('calibration.model')}"]
    unit = context.label("calibration.unit", row["quantity_unit"])
    for power_w, root in ((row["constant_w"], ""), (row["sqrt_w"], " × √u")):
        if power_w:
            sign = "+" if power_w > 0 else "−"
            formula.append(f"{sign} {fmt.number(abs(power_w))} W/{unit}{root}")
    return context.text(
        "calibration.fitted",
        **values,
        after=fmt.ratio(row["mape_after"]),
        inside=fmt.ratio(row["interval_coverage_ratio"]),
        low=fmt.ratio(row["interval_coverage_low_ratio"]),
        high=fmt.ratio(row["interval_coverage_high_ratio"]),
        formula=" ".join(formula),
    )


def table(context: state.Context, found: pl.DataFrame) -> None:
    """Every calibration with its errors, also those that were declined, and why."""
    fmt = context.format
    rows = found.to_dicts()
    shown = {
        "hardware": [row["key"] for row in rows],
        "component": [context.label("component", row["component"]) for row in rows],
        "level": [context.label("calibration.level", row["key_level"]) for row in rows],
        "runs": [row["runs"] for row in rows],
        "jobs": [row["jobs"] for row in rows],
        "outliers": [row["outliers"] for row in rows],
        "before": [fmt.ratio(row["mape_before"]) for row in rows],
        "after": [fmt.ratio(row["mape_after"]) for row in rows],
        "inside": [fmt.ratio(row["interval_coverage_ratio"]) for row in rows],
        "outcome": [context.label("calibration.reason", row["reason"]) for row in rows],
    }
    headers = {column: context.text(f"calibration.column.{column}") for column in shown}
    ui.table(pl.DataFrame(shown), headers, context)


def left_out_table(context: state.Context, points: pl.DataFrame) -> None:
    """Metered runs that had no part in a calibration."""
    fmt = context.format
    rows = points.to_dicts()
    shown = {
        "run": [row["run_id"] for row in rows],
        "job": [row["job_name"] for row in rows],
        "meter": [row["meter"] for row in rows],
        "modelled": [fmt.energy(row["modelled_energy_kwh"]) for row in rows],
        "measured": [fmt.energy(row["measured_energy_kwh"]) for row in rows],
    }
    headers = {column: context.text(f"calibration.column.{column}") for column in shown}
    ui.table(pl.DataFrame(shown, schema_overrides={"job": pl.String}), headers, context)


def advice_table(context: state.Context, advice: pl.DataFrame) -> None:
    """What to meter next, the most to learn first."""
    fmt = context.format
    rows = advice.to_dicts()
    shown = {
        "rank": [row["advice_rank"] for row in rows],
        "job": [row["job_name"] for row in rows],
        "hardware": [row["hardware"] for row in rows],
        "component": [context.label("component", row["component"]) for row in rows],
        "metered_jobs": [row["metered_jobs"] for row in rows],
        "unmetered": [fmt.energy(row["unmetered_energy_kwh"]) for row in rows],
        "unsure": [fmt.energy(row["sigma_kwh"]) for row in rows],
        "learned": [fmt.energy(row["learned_kwh"]) for row in rows],
        "run": [row["run_id"] for row in rows],
    }
    headers = {column: context.text(f"calibration.column.{column}") for column in shown}
    ui.table(pl.DataFrame(shown), headers, context)
