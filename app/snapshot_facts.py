"""What the page Data quality says about the snapshot itself."""

from typing import Any

import polars as pl
import streamlit as st

from app import state, ui


def tiles(context: state.Context, oldest: dict[str, Any]) -> list[ui.Tile]:
    """Version, as-of, the outcome of the night, the age of the oldest factor."""
    fmt, text = context.format, context.text
    night = context.snapshot.night
    age = oldest["factor_age_years"]
    hover = None
    if age is not None:
        hover = text(
            "quality.tile.oldest.help",
            zone=oldest["factor_zone"] or fmt.unknown(),
            year=oldest["factor_year"] or fmt.unknown(),
            source=oldest["factor_source_id"] or fmt.unknown(),
        )
    outcome = context.label("night", night.get("status"))
    passed = context.snapshot.about.get("tests_passed")
    tests = (
        text("quality.tile.tests.value", count=fmt.count(passed))
        if isinstance(passed, int)
        else fmt.unknown()
    )
    return [
        ui.Tile(text("quality.tile.night"), outcome, str(night.get("message") or "") or None),
        ui.Tile(text("quality.tile.as_of"), fmt.day(context.snapshot.as_of),
                f"{text('quality.tile.version')}: {context.snapshot.version}"),
        ui.Tile(
            text("quality.tile.oldest"),
            fmt.unknown() if age is None
            else text("quality.tile.oldest.value", age=fmt.number(age, 2)),
            hover,
        ),
        ui.Tile(text("quality.tile.tests"), tests),
    ]  # fmt: skip


def factors_table(context: state.Context, factors: pl.DataFrame) -> None:
    """Which grid factors answered, and for how much."""
    fmt, text = context.format, context.text
    rows = factors.to_dicts()
    st.table(
        pl.DataFrame(
            {
                text("column.source"): [r["factor_source_id"] or fmt.unknown() for r in rows],
                text("column.version"): [r["factor_version"] or fmt.unknown() for r in rows],
                text("column.year"): [str(r["factor_year"] or fmt.unknown()) for r in rows],
                text("column.resolution"): [
                    context.label("rung", r["factor_resolution"]) for r in rows
                ],
                text("column.age"): [fmt.number(r["factor_age_years"], 2) for r in rows],
                text("column.runs"): [fmt.count(r["runs"]) for r in rows],
                text("column.energy.title"): [fmt.energy(r["facility_energy_kwh"]) for r in rows],
            }
        ),
        border="horizontal",
        hide_index=True,
    )


def versions(context: state.Context) -> None:
    """Factor versions and row counts of version.json."""
    fmt, text, about = context.format, context.text, context.snapshot.about
    st.caption(
        text(
            "quality.snapshot.built",
            built=fmt.instant(state.read_instant(about.get("built_at"))),
            code=about.get("code_version") or fmt.unknown(),
        )
    )
    for name, header in (("factor_versions", "column.version"), ("row_counts", "column.rows")):
        with st.expander(text(f"quality.snapshot.{name}")):
            entries = about.get(name)
            if isinstance(entries, list) and entries and isinstance(entries[0], dict):
                _factor_versions(context, entries)
                continue
            pairs = _pairs(entries)
            if not pairs:
                st.caption(text("quality.snapshot.none"))
                continue
            st.table(
                pl.DataFrame(
                    {
                        text("column.mart"): list(pairs),
                        text(header): [
                            fmt.count(value) if isinstance(value, int) else str(value)
                            for value in pairs.values()
                        ],
                    }
                ),
                border="horizontal",
                hide_index=True,
            )


def _factor_versions(context: state.Context, entries: list[dict[str, Any]]) -> None:
    headers = {
        "factor_table": context.text("column.mart"),
        "source_id": context.text("column.source"),
        "version": context.text("column.version"),
        "published_on": context.text("column.published"),
    }
    rows = [{name: str(entry.get(name) or "") or None for name in headers} for entry in entries]
    ui.table(pl.DataFrame(rows, schema=dict.fromkeys(headers, pl.String)), headers, context)


def _pairs(value: object) -> dict[str, object]:
    if isinstance(value, dict):
        return {str(name): entry for name, entry in value.items()}
    return {}
