"""What did our machine learning use, emit and cost?"""

from datetime import timedelta

import polars as pl
import streamlit as st

from app import billed, charts, queries, state, ui

context = state.context()
fmt, filters = context.format, context.filters

st.title(context.text("overview.title"))
ui.banner(context)
ui.stale_factors(context)
if ui.nothing(context):
    st.stop()

periods = context.ask(queries.totals)
now = periods.row(by_predicate=pl.col("period") == "current", named=True)
before = periods.row(by_predicate=pl.col("period") == "previous", named=True)
spread = context.ask(queries.interval).row(0, named=True)
money = context.ask(queries.costs)
currency = now["cost_currency"]

sentence = context.text(
    "overview.sentence",
    first=fmt.day(filters.from_utc),
    last=fmt.day(filters.to_utc - timedelta(days=1)),
    runs=ui.how_many(context, now["runs"]),
    energy=fmt.energy(now["facility_energy_kwh"]),
    mass=fmt.mass(now["emissions_location_g_co2e"]),
    cost=fmt.money(now["effective_cost"], currency),
)
if now["wasted_energy_kwh"]:
    sentence += " " + context.text(
        "overview.sentence.wasted", energy=fmt.energy(now["wasted_energy_kwh"])
    )
st.markdown(sentence.replace("$", "\\$"))
ui.tiles(ui.overview_tiles(context, now, before, spread, money))
st.caption(
    context.text(
        "overview.also",
        market=fmt.mass(now["emissions_market_g_co2e"]),
    )
)
ui.idle_line(context)
billed.overview_line(context)

days = (filters.to_utc - filters.from_utc).days
grain: queries.Grain = "day" if days <= 100 else "week" if days <= 800 else "month"
st.subheader(context.text("overview.time"))
period = (filters.from_utc, filters.to_utc)
series = context.ask(queries.over_time, grain)
ui.chart(charts.over_time(series, grain, period, currency, fmt), "time")
st.caption(context.text("overview.time.caption", grain=context.text(f"grain.{grain}")))

st.subheader(context.text("overview.breakdown"))
metric = state.choose_one(
    st, "metric", context.text("metric"), ["energy", "emissions", "cost", "runs"],
    lambda name: context.text(f"metric.{name}"), context.language, as_buttons=True,
)  # fmt: skip
dimensions: list[queries.Dimension] = ["team", "model_name", "region"]
for column, dimension in zip(st.columns(3), dimensions, strict=True):
    with column:
        st.markdown(f"**{context.text(f'overview.by.{dimension}')}**")
        parts = context.ask(queries.breakdown, dimension, metric)
        ui.chart(charts.breakdown(parts, metric, currency, fmt), f"by_{dimension}")

st.subheader(context.text("overview.how"))
answers = context.ask(queries.method_mix)
for column, ladder in zip(st.columns(3), charts.LADDERS, strict=True):
    with column:
        st.markdown(f"**{context.text(f'overview.how.{ladder}')}**")
        rungs = answers.filter(pl.col("ladder") == ladder)
        ui.chart(charts.mix(rungs, ladder, fmt), f"mix_{ladder}")

st.subheader(context.text("overview.missing"))
ui.missing_table(context, context.ask(queries.missing), now["runs"])
