"""How complete and how fresh the numbers are."""

from datetime import timedelta

import streamlit as st

from app import charts, queries, restated, snapshot_facts, state, ui

context = state.context()
fmt, filters = context.format, state.until_the_snapshot(context)
st.title(context.text("quality.title"))
ui.banner(context)
ui.stale_factors(context)
ui.tiles(snapshot_facts.tiles(context, context.ask(queries.oldest_factor).row(0, named=True)))

sources = context.ask(queries.quality_by_source, filters=filters)
st.subheader(context.text("quality.sources"))
if sources.is_empty():
    st.info(context.text("quality.sources.empty"))
else:
    st.markdown(
        context.text(
            "quality.sentence",
            first=fmt.day(filters.from_utc),
            last=fmt.day(filters.to_utc - timedelta(days=1)),
            rows_in=fmt.count(sources["rows_in"].sum()),
            rows_landed=fmt.count(sources["rows_landed"].sum()),
            rows_rejected=fmt.count(sources["rows_rejected"].sum()),
        )
    )
    columns = ["source", "last_day", "rows_in", "rows_landed", "rows_rejected"]
    names = {"last_day": "day"}
    ui.table(sources, {c: context.text(f"column.{names.get(c, c)}") for c in columns}, context)

by_day = context.ask(queries.quality_by_day, filters=filters)
if not by_day.is_empty():
    st.markdown(f"**{context.text('quality.rows')}**")
    ui.chart(charts.rows_per_day(by_day, fmt), "rows")
    with st.expander(context.text("quality.days")):
        columns = ["day", "source", "rows_in", "rows_landed", "rows_rejected"]
        headers = {column: context.text(f"column.{column}") for column in columns}
        headers["missing_reasons"] = context.text("column.reasons")
        ui.table(by_day, headers, context)

st.subheader(context.text("quality.coverage"))
coverage = context.ask(queries.coverage_by_day, filters=filters)
if coverage.is_empty():
    st.info(context.text("quality.coverage.empty"))
else:
    st.caption(context.text("quality.coverage.caption"))
    ui.chart(charts.coverage(coverage, fmt), "coverage")

restated.section(context)

st.subheader(context.text("quality.factors"))
factors = context.ask(queries.factors_used)
if factors.is_empty():
    st.info(context.text("quality.factors.empty"))
else:
    snapshot_facts.factors_table(context, factors)

st.subheader(context.text("quality.snapshot"))
snapshot_facts.versions(context)
