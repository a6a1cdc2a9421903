"""The parts of the page of the bill, and what other pages say of it."""

from datetime import date
from typing import Any

import polars as pl
import streamlit as st

from app import charts, queries, state, ui
from app.i18n import TEXTS, reason_label

Row = dict[str, Any]
ALLOCATIONS = tuple(charts.ALLOCATION_COLOUR)
# Resources that the page lists, and that the file holds.
LISTED, DOWNLOADED = 25, 100_000
# How many of them are told in words.
TOLD = 5


def month_name(context: state.Context, code: str) -> str:
    """'2026-11' is 'Nov 2026'."""
    if code == "all":
        return context.text("bill.month.all")
    return context.format.month(date.fromisoformat(f"{code}-01"))


def sentence(
    context: state.Context,
    parts: pl.DataFrame,
    month: str,
    last_day: date,
    basis: queries.Basis,
    currency: str,
) -> None:
    """What the bill came to, whom it belongs to, and until which day it is known."""
    fmt = context.format
    shares = ", ".join(
        f"{fmt.ratio(row['cost_ratio'])} {context.text('bill.on.' + row['name'])}"
        for row in parts.iter_rows(named=True)
        if row["name"] in ALLOCATIONS and row["cost_ratio"] is not None
    )
    told = context.text(
        "bill.sentence",
        month=month_name(context, month),
        cost=fmt.money(_sum(parts["cost"]), currency),
        basis=context.text(f"bill.basis.{basis}").lower(),
        day=fmt.day(last_day),
    )
    st.markdown(f"{told} {shares}.".replace("$", "\\$") if shares else told.replace("$", "\\$"))


def tiles(context: state.Context, parts: pl.DataFrame, currency: str) -> list[ui.Tile]:
    """The bill, its five parts, and the energy and emissions of all its lines."""
    fmt, text = context.format, context.text
    by_name = {row["name"]: row for row in parts.iter_rows(named=True)}

    def part(name: str) -> ui.Tile:
        row = by_name.get(name, {"cost": 0.0, "cost_ratio": 0.0})
        hover = (
            f"{fmt.ratio(row['cost_ratio'])} {text('bill.of_bill')}. {text(f'bill.{name}.help')}"
        )
        return ui.Tile(text(f"allocation.{name}"), fmt.money(row["cost"], currency), hover)

    methods = [method for row in by_name.values() for method in row["methods"]]
    known = sum(method["cost"] for method in methods if method["energy_kwh"] is not None)
    return [
        ui.Tile(text("bill.sum"), fmt.money(_sum(parts["cost"]), currency), text("bill.sum.help")),
        *(part(name) for name in ALLOCATIONS),
        ui.Tile(
            text("tile.energy"),
            fmt.energy(_sum(parts["energy_kwh"])),
            text("bill.energy.help", cost=fmt.money(known, currency)).replace("$", "\\$"),
        ),
        ui.Tile(
            text("tile.emissions"),
            fmt.mass(_sum(parts["emissions_g_co2e"])),
            text("bill.emissions.help"),
        ),
    ]


def _sum(column: pl.Series) -> float | None:
    """The sum of what is known; null where nothing is."""
    known = column.drop_nulls()
    return None if known.is_empty() else float(known.sum())


# --- what is on no run ---


def unallocated(
    context: state.Context,
    parts: pl.DataFrame,
    basis: queries.Basis,
    month: date | None,
    currency: str,
) -> None:
    """How much it is, what would fix it, and the costliest resources; all of them as a file."""
    fmt, text = context.format, context.text
    found = parts.filter(pl.col("name") == "unallocated")
    if found.is_empty():
        st.success(text("bill.unallocated.none"), icon=":material/check_circle:")
        return
    whole = found.row(0, named=True)
    cost = fmt.money(whole["cost"], currency)
    st.markdown(
        text("bill.unallocated.sentence", cost=cost, share=fmt.ratio(whole["cost_ratio"])).replace(
            "$", "\\$"
        )
    )
    fixes = context.ask(queries.bill_fixes, basis, month, currency)
    if fixes.is_empty():
        st.info(text("bill.unallocated.unlisted"))
        return
    by_code = {row["fix_code"]: row for row in fixes.iter_rows(named=True)}
    fix = state.choose_one(
        st, "fix", text("bill.fix.choose"), ["all", *by_code],
        lambda code: _fix_choice(context, code, by_code.get(code), currency),
        context.language, as_buttons=True,
    )  # fmt: skip
    code = "" if fix == "all" else fix
    listed = context.ask(queries.bill_unallocated, basis, month, currency, code, LISTED)
    rows = listed.to_dicts()
    st.markdown("\n".join(f"- {_told(context, row)}" for row in rows[:TOLD]))
    if len(rows) > TOLD:
        _resources_table(context, listed, currency)
    every = context.ask(queries.bill_unallocated, basis, month, currency, code, DOWNLOADED)
    st.download_button(
        text("bill.download", count=fmt.count(every.height)),
        _with_fixes(context, every).write_csv(),
        file_name=f"unallocated-{month:%Y-%m}.csv" if month else "unallocated.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _fix_choice(context: state.Context, code: str, row: Row | None, currency: str) -> str:
    if row is None:
        return context.text("bill.fix.all")
    cost = context.format.money(row["cost"], currency).replace("$", "\\$")
    return f"{context.label('bill.fix.short', code)} · {cost}"


def fix_sentence(context: state.Context, row: Row) -> str:
    """What puts a resource on a run, and on a team."""
    key = f"bill.fix.{row['fix_code']}"
    value = row["run_tag"] or row["job_tag"] or ""
    # A code of a later version reads as it is.
    told = (
        context.text(key, value=value)
        if key in TEXTS[context.language]
        else context.label("", row["fix_code"])
    )
    return told if row["team"] else f"{told} {context.text('bill.fix.team')}"


def _told(context: state.Context, row: Row) -> str:
    """'**i-0abc** · Amazon EC2 · aws 111 · eu-west-1: **€120.00**. It carries no tag …'"""
    where = " · ".join(
        ui.plain(part)
        for part in (row["service_name"], row["provider"], row["sub_account_id"], row["region"])
        if part
    )
    cost = context.format.money(row["cost"], row["cost_currency"])
    return (
        f"**{ui.plain(_resource(context, row))}** · {where}: **{ui.plain(cost)}**. "
        f"{ui.plain(fix_sentence(context, row))}"
    )


def _resource(context: state.Context, row: Row) -> str:
    """The short name of a resource: the end of its path."""
    name = row["resource_name"] or str(row["resource_id"] or "").rstrip("/").rpartition("/")[2]
    return name or row["resource_id"] or context.text("bill.no_resource")


def _with_fixes(context: state.Context, listed: pl.DataFrame) -> pl.DataFrame:
    fixes = [fix_sentence(context, row) for row in listed.iter_rows(named=True)]
    return listed.with_columns(pl.Series("fix", fixes, dtype=pl.String))


def _resources_table(context: state.Context, listed: pl.DataFrame, currency: str) -> None:
    text = context.text
    number = st.column_config.NumberColumn
    rows = listed.to_dicts()
    shown = pl.DataFrame(
        {
            "resource": [_resource(context, row) for row in rows],
            "cost": listed["cost"],
            "fix": [context.label("bill.fix.short", row["fix_code"]) for row in rows],
            "service": listed["service_name"],
            "account": listed["sub_account_id"],
            "region": listed["region"],
            "team": listed["team"],
            "last_used": listed["last_used_on"],
        }
    )
    st.dataframe(
        shown,
        hide_index=True,
        placeholder=text("unknown"),
        column_config={
            name: st.column_config.Column(text(f"column.{name}")) for name in shown.columns
        }
        | {
            "cost": number(text("column.cost", currency=currency), format="%.2f"),
            "last_used": st.column_config.DateColumn(text("column.last_used"), format="YYYY-MM-DD"),
        },
    )


# --- the table by a dimension, and what is known ---


def table(context: state.Context, rows: pl.DataFrame, dimension: str, currency: str) -> None:
    """Every name of the dimension with its cost, share, energy and emissions."""
    fmt, text = context.format, context.text
    number = st.column_config.NumberColumn
    shown = rows.select(
        pl.Series(
            "name", [charts.bill_name(name, dimension, fmt) for name in rows["name"]], pl.String
        ),
        "cost",
        "cost_ratio",
        "unallocated_cost",
        "energy_kwh",
        (pl.col("emissions_g_co2e") / 1000).alias("emissions_kg"),
        pl.Series("method", [charts.methods_text(mix, fmt) for mix in rows["methods"]], pl.String),
    )
    st.dataframe(
        shown if dimension != "allocation" else shown.drop("unallocated_cost"),
        hide_index=True,
        placeholder=text("unknown"),
        column_config={
            "name": st.column_config.Column(text(f"bill.by.{dimension}")),
            "cost": number(text("column.cost", currency=currency), format="%.2f"),
            "cost_ratio": number(text("column.share"), format="percent"),
            "unallocated_cost": number(
                text("column.unallocated", currency=currency), format="%.2f"
            ),
            "energy_kwh": number(text("column.energy"), format="%.3f"),
            "emissions_kg": number(text("column.emissions"), format="%.3f"),
            "method": st.column_config.Column(text("column.method")),
        },
    )


def coverage(
    context: state.Context, basis: queries.Basis, month: date | None, currency: str
) -> None:
    """How much of the bill has a class, energy or a reason why not, and the largest gaps."""
    fmt, text = context.format, context.text
    known = context.ask(queries.bill_coverage, basis, month, currency).row(0, named=True)

    def share(of: str, whole_of: str) -> str:
        return fmt.ratio(known[of] / known[whole_of] if known[whole_of] else None)

    classed = {
        "cost": fmt.ratio(1 - known["classless_cost"] / known["cost"] if known["cost"] else None),
        "lines": fmt.ratio(1 - known["classless_lines"] / known["lines"]),
    }
    st.markdown(
        text(
            "bill.coverage.sentence",
            classed_lines=classed["lines"],
            classed_cost=classed["cost"],
            energy_lines=share("energy_lines", "lines"),
            energy_cost=share("energy_cost", "cost"),
            reason_lines=share("reason_lines", "lines"),
            reason_cost=share("reason_cost", "cost"),
        )
    )
    gaps = context.ask(queries.bill_gaps, basis, month, currency)
    if gaps.is_empty():
        st.success(text("bill.gaps.none"), icon=":material/check_circle:")
        return
    st.markdown(f"**{text('bill.gaps')}**")
    st.table(
        pl.DataFrame(
            {
                text("column.cost.title"): [fmt.money(cost, currency) for cost in gaps["cost"]],
                text("column.rows"): [fmt.count(lines) for lines in gaps["lines"]],
                text("bill.by.service"): [
                    f"{row['service_name'] or fmt.unknown()} · {row['provider'] or fmt.unknown()}"
                    for row in gaps.iter_rows(named=True)
                ],
                text("column.reason"): [
                    reason_label(context.language, reason) for reason in gaps["missing_reason"]
                ],
            }
        ),
        border="horizontal",
        hide_index=True,
    )


# --- on other pages ---


def overview_line(context: state.Context) -> None:
    """What of the period's bill is on no run, with the way there."""
    fmt, text = context.format, context.text
    bill = context.ask(queries.bill_of_period)
    if bill.is_empty():
        return
    with st.container(border=True):
        for row in bill.iter_rows(named=True):
            currency = row["cost_currency"]
            ratio = (
                row["unallocated_cost"] / row["effective_cost"] if row["effective_cost"] else None
            )
            st.markdown(
                text(
                    "overview.bill",
                    cost=fmt.money(row["effective_cost"], currency),
                    share=fmt.ratio(ratio),
                    unallocated=fmt.money(row["unallocated_cost"], currency),
                ).replace("$", "\\$")
            )
        st.page_link(
            "views/bill.py",
            label=text("overview.bill.open"),
            icon=":material/arrow_forward:",
            query_params={"lang": context.language},
        )
