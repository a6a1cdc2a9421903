"""What the bill paid for, whom it belongs to, and what puts the rest of it on a run."""

from datetime import date
from typing import cast

import polars as pl
import streamlit as st

from app import billed, charts, queries, state, ui

ALL_MONTHS = "all"
BASES: list[queries.Basis] = ["effective", "billed"]
DIMENSIONS: list[queries.BillDimension] = [
    "service", "allocation", "provider", "account", "team", "project", "region",
]  # fmt: skip

context = state.context()
fmt = context.format
st.title(context.text("bill.title"))
ui.banner(context)
months = context.ask(queries.bill_months)
if months.is_empty():
    has_bill = not context.ask(queries.bill_options).is_empty()
    st.info(context.text("bill.nothing" if has_bill else "bill.empty"))
    st.stop()

choices = st.columns([1, 1.3, 1])
picked = state.choose_one(
    choices[0], "month", context.text("bill.month"),
    [*(f"{month:%Y-%m}" for month in months["month"]), ALL_MONTHS],
    lambda code: billed.month_name(context, code), context.language,
)  # fmt: skip
month = None if picked == ALL_MONTHS else date.fromisoformat(f"{picked}-01")
basis = cast(
    "queries.Basis",
    state.choose_one(
        choices[1], "basis", context.text("bill.basis"), BASES,
        lambda code: context.text(f"bill.basis.{code}"), context.language,
        as_buttons=True, help_text=context.text("bill.basis.help"),
    ),
)  # fmt: skip
currencies = context.ask(queries.bill_currencies, month)["cost_currency"].to_list()
currency = currencies[0]
if len(currencies) > 1:
    currency = state.choose_one(
        choices[2], "currency", context.text("bill.currency"), currencies, str,
        context.language, as_buttons=True, help_text=context.text("bill.currency.help"),
    )  # fmt: skip

parts = context.ask(queries.bill_by, basis, month, currency, "allocation")
counted = months if month is None else months.filter(pl.col("month") == month)
billed.sentence(context, parts, picked, max(counted["last_day"]), basis, currency)
ui.tiles(billed.tiles(context, parts, currency))

st.subheader(context.text("bill.split"))
split = context.ask(queries.bill_split, basis)
for unit in [currency, *sorted(set(split["cost_currency"]) - {currency})]:
    shown = split.filter(pl.col("cost_currency") == unit)
    if not shown.is_empty():
        ui.chart(charts.bill_months(shown, unit, fmt), f"months_{unit}")
st.caption(context.text("bill.split.caption"))

st.subheader(context.text("bill.unallocated"))
billed.unallocated(context, parts, basis, month, currency)

st.subheader(context.text("bill.by"))
dimension = cast(
    "queries.BillDimension",
    state.choose_one(
        st, "by", context.text("bill.by.label"), DIMENSIONS,
        lambda name: context.text(f"bill.by.{name}"), context.language, as_buttons=True,
    ),
)  # fmt: skip
rows = context.ask(queries.bill_by, basis, month, currency, dimension)
bars = context.ask(queries.bill_by_split, basis, month, currency, dimension)
ui.chart(charts.bill_names(bars, rows, dimension, currency, fmt), f"by_{dimension}")
billed.table(context, rows, dimension, currency)

st.subheader(context.text("bill.coverage"))
billed.coverage(context, basis, month, currency)
