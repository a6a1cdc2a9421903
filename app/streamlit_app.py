"""Navigation, and the frame every page shares: language, filters, snapshot. Nothing else."""

import sys
from dataclasses import replace
from pathlib import Path

# `streamlit run` puts this folder on the path, not the one that holds the package.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import duckdb
import streamlit as st

from app import filters, state, ui

st.set_page_config(
    page_title="ML carbon observatory",
    page_icon=str(Path(__file__).with_name("icon.svg")),
    layout="wide",
)
st.logo(str(Path(__file__).with_name("logo.svg")), size="large")
ui.style()
language = state.choose_language()
texts = filters.texts(language)

VIEWS = {
    "overview": ":material/monitoring:",
    "runs": ":material/list:",
    "run": ":material/search_insights:",
    "bill": ":material/receipt_long:",
    "anomalies": ":material/notifications:",
    "calibration": ":material/speed:",
    "data_quality": ":material/fact_check:",
}
page = st.navigation(
    [
        st.Page(
            f"views/{name}.py",
            title=texts(f"nav.{name}"),
            icon=icon,
            url_path=name,
            default=name == "overview",
        )
        for name, icon in VIEWS.items()
    ]
)

published = state.published_path()
snapshot = state.open_snapshot(published)
if snapshot is None:
    st.title(page.title)
    st.info(texts("snapshot.missing", path=published))
    st.stop()

try:
    everything = state.Context(snapshot, filters.ALL, language, has_runs=True)
    chosen = filters.choose(everything, page.url_path)
    state.set_context(replace(everything, filters=chosen.filters, has_runs=chosen.has_runs))
    ui.snapshot_caption(state.context())
    page.run()
except duckdb.IOException:
    st.info(texts("snapshot.replaced"))
