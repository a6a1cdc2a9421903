"""All runs: filter, sort, open one."""

from datetime import timedelta

import streamlit as st

from app import charts, queries, state, ui
from app.filters import with_run_filters

PAGE_SIZE = 25

base = state.context()
st.title(base.text("runs.title"))
context = with_run_filters(base)
fmt = context.format
if ui.nothing(context):
    st.stop()

sorting, ordering, paging = st.columns(3)
sort = state.choose_one(
    sorting, "sort", context.text("runs.sort"), queries.SORTS,
    lambda name: context.text(f"runs.sort.{name}"), context.language,
)  # fmt: skip
order = state.choose_one(
    ordering, "order", context.text("runs.order"), ["desc", "asc"],
    lambda name: context.text(f"runs.order.{name}"), context.language,
)  # fmt: skip
runs = context.ask(queries.count_runs)
pages = [str(number + 1) for number in range(-(-runs // PAGE_SIZE))]
page = state.choose_one(
    paging, "page", context.text("runs.page", pages=fmt.count(len(pages))), pages, str,
    context.language,
)  # fmt: skip

st.caption(
    context.text(
        "runs.count",
        runs=ui.how_many(context, runs),
        first=fmt.day(context.filters.from_utc),
        last=fmt.day(context.filters.to_utc - timedelta(days=1)),
    )
)
offset = (int(page) - 1) * PAGE_SIZE
listed = context.ask(queries.list_runs, sort, order == "desc", PAGE_SIZE, offset)
if run_id := ui.runs_table(context, listed):
    ui.open_run(run_id)

st.subheader(context.text("runs.scatter"))
points = context.ask(queries.scatter)
if points.is_empty():
    st.info(context.text("runs.scatter.empty"))
    st.stop()
st.caption(context.text("runs.scatter.caption"))
drawn = charts.scatter(points, points["cost_currency"][0], fmt)
if run_id := ui.chart(drawn, "scatter", selectable=True):
    ui.open_run(run_id)
if left_out := runs - points.height:
    st.caption(context.text("runs.scatter.left_out", runs=ui.how_many(context, left_out)))
