"""Runs that used, emitted, cost or lasted far more than their job usually does."""

import streamlit as st

from app import charts, queries, state, ui

STATES = ["open", "acknowledged", "expected", "fixed", "false_alarm"]
METRICS = ["facility_energy_kwh", "effective_cost", "emissions_location_g_co2e", "duration_s"]

context = state.context()
fmt = context.format
st.title(context.text("anomalies.title"))
if ui.nothing(context):
    st.stop()

counts = {row["status"]: row for row in context.ask(queries.anomaly_counts).iter_rows(named=True)}
compared = sum(row["comparisons"] for name, row in counts.items() if name != "not_enough_history")
if not compared:
    st.info(context.text("anomalies.no_history"))
    st.stop()
if "anomaly" not in counts:
    st.success(context.text("anomalies.none"), icon=":material/check_circle:")
    st.stop()

left, right = st.columns(2)
metrics = state.choose_many(
    left, "metrics", context.text("anomalies.metric"), METRICS,
    lambda name: context.label("anomaly.metric", name), context.language,
)  # fmt: skip
states = state.choose_many(
    right, "state", context.text("anomalies.state"), STATES,
    lambda name: context.label("state", name), context.language,
)  # fmt: skip
found = context.ask(queries.anomalies, list(metrics), list(states))
if found.is_empty():
    st.info(context.text("anomalies.nothing_left"))
    st.stop()

st.caption(
    context.text(
        "anomalies.caption",
        found=fmt.count(counts["anomaly"]["comparisons"]),
        compared=fmt.count(compared),
    )
    + " "
    + context.text("anomalies.hint")
)
chosen = found.row(ui.anomalies_table(context, found), named=True)

st.subheader(context.text("anomalies.why", job=ui.plain(chosen["job_name"] or chosen["run_id"])))
st.markdown(
    context.text(
        "anomalies.why.caption",
        value=ui.anomaly_value(context, chosen, "value"),
        baseline=ui.anomaly_value(context, chosen, "baseline_value"),
        ratio=fmt.times(chosen["ratio"]),
    ).replace("$", "\\$")
)
if all(chosen[part] is None for part in charts.PARTS):
    st.info(context.text("anomalies.no_parts"))
else:
    ui.chart(charts.anomaly_parts(chosen, fmt), f"parts_{chosen['anomaly_id']}")
ui.run_link(context, "anomalies.open", chosen["run_id"])
if chosen["baseline_run_id"]:
    ui.run_link(context, "anomalies.open_baseline", chosen["baseline_run_id"])
