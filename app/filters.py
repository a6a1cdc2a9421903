"""The filters in the sidebar, which every page that lists runs shares."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl
import streamlit as st

from app import queries, state
from app.i18n import Language, translate
from app.marts import BILL_DIMENSIONS, DIMENSIONS, Filters

ALL = Filters(datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("3000-01-01"))
SHARED = ("team", "project", "model", "region")
_FAMILIES = {"status": "status", "method": "rung"}


@dataclass(frozen=True)
class Choice:
    """The filters chosen, and whether the snapshot has any run at all."""

    filters: Filters
    has_runs: bool


def texts(language: Language) -> Callable[..., str]:
    """`translate` of one language."""
    return lambda key, **values: translate(language, key, **values)


def choose(everything: state.Context, page: str) -> Choice:
    """Draws the shared filters. The page of one run has none: it shows that run. The bill has its
    own: it comes by the month, and what is on no run has no model."""
    bounds = everything.ask(queries.bounds).row(0, named=True)
    if page == "run":
        return Choice(ALL, bounds["runs"] > 0)
    st.sidebar.subheader(everything.text("filter.title"))
    if page == "bill":
        of_bill: dict[str, Any] = {
            name: choose_dimension(everything, st.sidebar, name, queries.bill_options)
            for name in BILL_DIMENSIONS
        }
        return Choice(replace(ALL, **of_bill), bounds["runs"] > 0)
    from_utc, to_utc = state.choose_period(
        everything.language,
        bounds["first_at_utc"],
        bounds["last_at_utc"],
        everything.snapshot.as_of,
    )
    chosen: dict[str, Any] = {
        name: choose_dimension(everything, st.sidebar, name) for name in SHARED
    }
    return Choice(Filters(from_utc, to_utc, **chosen), bounds["runs"] > 0)


def choose_dimension(
    context: state.Context,
    container: st.delta_generator.DeltaGenerator,
    dimension: str,
    options: Callable[..., pl.DataFrame] = queries.options,
) -> tuple[str, ...]:
    """One multi-choice filter over the values the snapshot holds, most frequent first."""
    assert dimension in (*DIMENSIONS, *BILL_DIMENSIONS)  # noqa: S101
    known = context.ask(options, filters=ALL)
    values = known.filter(known["dimension"] == dimension)["value"].to_list()
    family = _FAMILIES.get(dimension, "")
    return state.choose_many(
        container,
        dimension,
        context.text(f"filter.{dimension}"),
        values,
        lambda value: context.label(family, value),
        context.language,
    )


def with_run_filters(context: state.Context) -> state.Context:
    """The context narrowed by the filters only the page Runs has."""
    columns = st.columns([1, 1, 1, 1.4])
    chosen: dict[str, Any] = {
        name: choose_dimension(context, column, name)
        for name, column in zip(("owner", "status", "method"), columns[:3], strict=True)
    }
    text = state.type_text(
        columns[3], "text", context.text("filter.text"), context.language,
        context.text("filter.text.placeholder"),
    )  # fmt: skip
    return replace(context, filters=replace(context.filters, **chosen, text=text))
