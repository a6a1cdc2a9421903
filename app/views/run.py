"""One run: its figures, hour by hour, and where each comes from."""

import polars as pl
import streamlit as st

from app import charts, derivation, queries, state, ui

context = state.context()
fmt = context.format

st.title(context.text("run.title"))
run_id = state.type_text(
    st, "run_id", context.text("run.id"), context.language, context.text("run.id.placeholder")
)
if not run_id:
    st.info(context.text("run.ask"))
    st.stop()

found = context.ask(queries.run, run_id)
if found.is_empty():
    run_id = context.ask(queries.run_named, run_id) or run_id
    found = context.ask(queries.run, run_id)
if found.is_empty():
    day = fmt.day(context.snapshot.as_of)
    st.warning(context.text("run.not_found", run_id=run_id.replace("`", "'"), day=day))
    similar = context.ask(queries.similar_run_ids, run_id)
    if not similar.is_empty():
        st.markdown(context.text("run.similar"))
        for near in similar["run_id"]:
            st.page_link("views/run.py", label=ui.plain(near), query_params={"run_id": near})
    st.stop()

run = found.row(0, named=True)
st.subheader(ui.plain(run["job_name"] or run["run_id"]))
derivation.badges(context, run)
ui.tiles(derivation.tiles(context, run))
unusual = context.ask(queries.run_anomalies, run_id).to_dicts()
if unusual:
    told = "  \n".join(ui.anomaly_sentence(context, anomaly) for anomaly in unusual)
    st.warning(told, icon=":material/notifications:")

with st.container(border=True):
    derivation.facts(context, run, context.ask(queries.run_metrics, run_id))

st.subheader(context.text("run.hours"))
hours = context.ask(queries.run_hours, run_id)
if hours.is_empty():
    st.info(context.text("run.hours.empty"))
else:
    ui.chart(charts.run_hours(hours, fmt), "hours")
    st.caption(context.text("run.hours.caption"))

st.subheader(context.text("run.derivation"))
derivation.energy(context, run, context.ask(queries.run_inputs, run_id))
derivation.facility(context, run)
derivation.emissions(context, run)
derivation.embodied(context, run, context.ask(queries.run_embodied, run_id))
derivation.water(context, run)
derivation.cost(context, run, context.ask(queries.run_cost_parts, run_id))
derivation.uncertainty(context, run, context.ask(queries.run_sources_of_error, run_id))
derivation.intensities(context, context.ask(queries.run_intensities, run_id))

st.subheader(context.text("run.history"))
history = context.ask(queries.job_history, run_id)
if history.filter(pl.col("facility_energy_kwh").is_not_null()).height < 2:
    st.info(context.text("run.history.alone"))
    st.stop()
other = ui.chart(charts.job_history(history, fmt), f"history_{run_id}", selectable=True)
st.caption(context.text("run.history.caption", job=ui.plain(run["job_name"])))
if other and other != run_id:
    ui.open_run(other)
