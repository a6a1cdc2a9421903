"""What meters say of the power model, how far off it is before and after, what to meter next."""

import polars as pl
import streamlit as st

from app import calibrated, charts, queries, state, ui

context = state.context()
fmt = context.format
st.title(context.text("calibration.title"))
ui.banner(context)
found = context.ask(queries.calibrations)
if found.is_empty():
    st.info(context.text("calibration.empty"))
else:
    calibrated.sentence(context, found)
    st.subheader(context.text("calibration.points"))
    chosen = calibrated.choose(context, found)
    points = context.ask(queries.calibration_points, chosen["calibration_id"])
    st.markdown(calibrated.said(context, chosen))
    ui.chart(charts.calibration(points, fmt), f"points_{chosen['calibration_id']}")
    st.caption(context.text("calibration.points.caption"))
    left_out = points.filter(pl.col("is_outlier"))
    if not left_out.is_empty():
        with st.expander(context.text("calibration.left_out", n=fmt.count(left_out.height))):
            calibrated.left_out_table(context, left_out)
    st.subheader(context.text("calibration.accuracy"))
    st.caption(context.text("calibration.accuracy.caption"))
    calibrated.table(context, found)

advice = context.ask(queries.metering_advice)
st.subheader(context.text("calibration.advice"))
if advice.is_empty():
    st.info(context.text("calibration.advice.empty"))
else:
    st.caption(context.text("calibration.advice.caption"))
    calibrated.advice_table(context, advice)
