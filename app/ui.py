"""Pieces every page is drawn from: tiles, banners, tables, links."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl
import streamlit as st

from app import queries, state
from app.i18n import reason_label
from app.marts import DIMENSIONS

_STYLE = """
<style>
[data-testid="stMainBlockContainer"] { padding: 3.2rem 2.4rem 3rem; max-width: 1240px; }
@media (max-width: 640px) {
  [data-testid="stMainBlockContainer"] { padding: 3.4rem 1rem 2rem; }
  [data-testid="stColumn"]:has([data-testid="stMetric"]) {
    min-width: calc(50% - .5rem); flex: 1 1 calc(50% - .5rem);
  }
}
[data-testid="stMetric"] { background: #ffffff; }
[data-testid="stMetricValue"] { font-variant-numeric: tabular-nums; font-weight: 600; }
[data-testid="stMetricLabel"] p { color: #5c6b69; }
</style>
"""

# Places that a warning lists.
PLACES_NAMED = 6


@dataclass(frozen=True)
class Tile:
    """One figure: its label, its formatted value, what hovering tells, and its change."""

    label: str
    value: str
    help: str | None = None
    change: str | None = None
    change_help: str | None = None
    colour: Literal["normal", "inverse", "off"] = "off"


def style() -> None:
    """The few rules the theme has no setting for."""
    st.html(_STYLE)


def tiles(shown: Sequence[Tile], per_row: int = 4) -> None:
    """Rows of figures; they wrap on a narrow screen."""
    for start in range(0, len(shown), per_row):
        row = shown[start : start + per_row]
        for column, tile in zip(st.columns(per_row), row, strict=False):
            hover = " \n\n".join(text for text in (tile.help, tile.change_help) if text)
            column.metric(
                tile.label,
                tile.value,
                delta=tile.change.replace("−", "-") if tile.change else None,
                delta_color="off" if (tile.change or "").startswith("±") else tile.colour,
                delta_arrow="off" if (tile.change or "").startswith("±") else "auto",
                help=hover or None,
                border=True,
                height="stretch",
            )


def plain(text: object) -> str:
    """A text from the data, safe inside Markdown: a job may be called `*` or `[x](y)`."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~:$-])", r"\\\1", str(text))


def snapshot_caption(context: state.Context) -> None:
    """Which numbers these are, in the sidebar."""
    text = context.text(
        "snapshot.caption",
        day=context.format.day(context.snapshot.as_of),
        version=context.snapshot.version,
    )
    st.sidebar.caption(text)


def banner(context: state.Context) -> None:
    """Says when the last night failed, was incomplete, or when the numbers are old."""
    night, day = context.snapshot.night, context.format.day(context.snapshot.as_of)
    why = _why(context)
    if night.get("status") == "failed":
        st.warning(context.text("banner.failed", day=day, why=why), icon=":material/warning:")
    elif night.get("status") == "partial":
        st.info(context.text("banner.partial", why=why), icon=":material/info:")
    elif night.get("status") == "unreadable":
        st.warning(context.text("banner.unreadable"), icon=":material/warning:")
    as_of = context.snapshot.as_of
    if as_of and night.get("status") != "failed":
        age = state.now() - as_of
        if age > state.OLD_AFTER:
            lasted = context.format.duration(age.total_seconds() // 86400 * 86400 or None)
            st.info(context.text("banner.old", day=day, age=lasted), icon=":material/schedule:")


def stale_factors(context: state.Context) -> None:
    """Says where runs take old factors, kind by kind, and what to do."""
    for (kind,), rows in context.ask(queries.stale_factors).group_by("kind", maintain_order=True):
        places = [
            f"{row['provider']} {row['region']} ({row['newest_factor_year']})"
            for row in rows.to_dicts()
        ]
        if (more := len(places) - PLACES_NAMED) > 0:
            count = context.format.count(more)
            places[PLACES_NAMED:] = [context.text("banner.stale.more", count=count)]
        after = rows["stale_after_years"][0]
        years = context.format.number(after, 1 if after.is_integer() else 2)
        said = context.text(f"banner.stale.{kind}", years=years, places=", ".join(places))
        st.warning(said, icon=":material/history:")


def _why(context: state.Context) -> str:
    night = context.snapshot.night
    failed = [str(test) for test in night.get("failed_tests") or []]
    if failed:
        return ", ".join(f"`{test}`" for test in failed[:5]) + (" …" if len(failed) > 5 else "")
    return str(night.get("message") or context.text("banner.no_detail")).rstrip(".")


def nothing(context: state.Context) -> bool:
    """True, and a sentence, when the filters leave no run."""
    if not context.has_runs:
        st.info(context.text("filter.no_runs"))
        return True
    if not context.ask(queries.count_runs):
        st.info(context.text("filter.nothing"))
        return True
    return False


def how_many(context: state.Context, runs: int) -> str:
    """'1 run', '1,204 runs'."""
    key = "overview.runs.one" if runs == 1 else "overview.runs.many"
    return context.text(key, count=context.format.count(runs))


def idle_line(context: state.Context) -> None:
    """What known hosts stood idle for. It belongs to nobody: not shown where one team, model or
    owner is asked for."""
    filters, fmt = context.filters, context.format
    of_nobody = [name for name in DIMENSIONS if name != "region"]
    if filters.text or any(filters.list_of(name) for name in of_nobody):
        return
    idle = context.ask(queries.idle_hosts).row(0, named=True)
    if idle["hosts"]:
        st.caption(
            context.text(
                "overview.idle",
                hosts=fmt.count(idle["hosts"]),
                energy=fmt.energy(idle["facility_energy_kwh"]),
                mass=fmt.mass(idle["emissions_location_g_co2e"]),
                used=fmt.energy(idle["run_energy_kwh"]),
            )
        )


def chart(drawn: Any, key: str, *, selectable: bool = False) -> str | None:
    """Draws a chart at the page's width; returns the run_id that was clicked, if any."""
    if not selectable:
        st.altair_chart(drawn, width="stretch", key=key)
        return None
    event: Any = st.altair_chart(drawn, width="stretch", key=key, on_select="rerun")
    picked = event.get("selection", {}).get("run") or []
    return str(picked[0]["run_id"]) if picked else None


def table(frame: pl.DataFrame, headers: dict[str, str], context: state.Context) -> None:
    """A small table that needs no scrolling; unknown values say so."""
    st.dataframe(
        frame.select(list(headers)),
        hide_index=True,
        column_config={
            name: _column_of(frame.schema[name], header) for name, header in headers.items()
        },
        placeholder=context.text("unknown"),
    )


def _column_of(kind: pl.DataType, header: str) -> Any:
    if kind.is_integer():
        return st.column_config.NumberColumn(header, format="localized")
    if kind == pl.Date:
        return st.column_config.DateColumn(header, format="YYYY-MM-DD")
    return st.column_config.Column(header)


def selected_row(event: Any) -> int | None:
    """The row a reader selected in a dataframe, by its box or by any of its cells."""
    selection = event.get("selection", {})
    rows = selection.get("rows") or [cell[0] for cell in selection.get("cells") or []]
    return int(rows[0]) if rows else None


def open_run(run_id: str) -> None:
    """Goes to the page of one run."""
    st.switch_page("views/run.py", query_params={"run_id": run_id})


# --- overview ---


def overview_tiles(
    context: state.Context,
    now: dict[str, Any],
    before: dict[str, Any],
    spread: dict[str, Any],
    money: pl.DataFrame,
) -> list[Tile]:
    """The figures of the period, with their change against the period before."""
    fmt, text = context.format, context.text
    compared = bool(before["has_full_history"]) and before["runs"] > 0
    currency = now["cost_currency"]

    def interval(column: str, write: Any) -> str:
        low, high = spread[f"{column}_p05"], spread[f"{column}_p95"]
        if low is None:
            return text("no_interval")
        return text("interval_90", interval=fmt.interval(write(low), write(high)))

    def share(known: int) -> float | None:
        return known / now["runs"] if now["runs"] else None

    def tile(
        label: str, value: str, hover: str, column: str, write: Any, lower_is_better: bool = True
    ) -> Tile:
        change = fmt.change(now[column], before[column]) if compared else None
        told = text("tile.previous", value=write(before[column])) if change else None
        return Tile(label, value, hover, change, told, "inverse" if lower_is_better else "off")

    others = ", ".join(
        fmt.money(row["effective_cost"], row["cost_currency"])
        for row in money.iter_rows(named=True)
        if row["cost_currency"] != currency
    )
    cost_hover = text("tile.cost.help")
    if others:
        cost_hover += " " + text("tile.cost.more", costs=others)
    energy_hover = text("tile.energy.help", it=fmt.energy(now["it_energy_kwh"]))
    mass_hover = text("tile.emissions.help", market=fmt.mass(now["emissions_market_g_co2e"]))
    wasted_hover = text(
        "tile.wasted.help",
        runs=how_many(context, now["wasted_runs"]),
        share=fmt.ratio(
            now["wasted_energy_kwh"] / now["facility_energy_kwh"]
            if now["facility_energy_kwh"] and now["wasted_energy_kwh"] is not None
            else None
        ),
    )

    def covered(name: str, column: str) -> Tile:
        known = fmt.count(now[column])
        hover = text(f"tile.{name}.help", known=known, all=fmt.count(now["runs"]))
        return Tile(text(f"tile.{name}"), fmt.ratio(share(now[column])), hover)

    def as_money(value: float | None) -> str:
        return fmt.money(value, currency).replace("$", "\\$")

    return [
        tile(text("tile.energy"), fmt.energy(now["facility_energy_kwh"]),
             f"{energy_hover} {interval('facility_energy_kwh', fmt.energy)}",
             "facility_energy_kwh", fmt.energy),
        tile(text("tile.emissions"), fmt.mass(now["emissions_location_g_co2e"]),
             f"{mass_hover} {interval('emissions_location_g_co2e', fmt.mass)}",
             "emissions_location_g_co2e", fmt.mass),
        tile(text("tile.embodied"), fmt.mass(now["emissions_embodied_g_co2e"]),
             f"{text('tile.embodied.help')} {interval('emissions_embodied_g_co2e', fmt.mass)}",
             "emissions_embodied_g_co2e", fmt.mass),
        tile(text("tile.water"), fmt.water(now["water_l"]), text("tile.water.help"),
             "water_l", fmt.water),
        tile(text("tile.cost"), fmt.money(now["effective_cost"], currency),
             cost_hover.replace("$", "\\$"), "effective_cost", as_money),
        tile(text("tile.runs"), how_many(context, now["runs"]), "", "runs", fmt.count,
             lower_is_better=False),
        tile(text("tile.wasted"), fmt.energy(now["wasted_energy_kwh"]), wasted_hover,
             "wasted_energy_kwh", fmt.energy),
        Tile(text("tile.measured"), fmt.ratio(now["measured_energy_ratio"]),
             text("tile.measured.help")),
        covered("coverage", "runs_with_energy"),
        covered("cost_coverage", "runs_with_cost"),
        covered("embodied_coverage", "runs_with_embodied"),
        covered("water_coverage", "runs_with_water"),
    ]  # fmt: skip


def missing_table(context: state.Context, gaps: pl.DataFrame, runs: int) -> None:
    """Runs without a figure, with the reasons."""
    if gaps.is_empty():
        st.success(context.text("overview.missing.none"), icon=":material/check_circle:")
        return
    shown = pl.DataFrame(
        {
            context.text("column.runs"): [context.format.count(n) for n in gaps["runs"]],
            context.text("column.share"): [context.format.ratio(n / runs) for n in gaps["runs"]],
            context.text("column.figure"): [
                context.text(f"overview.missing.{figure}") for figure in gaps["figure"]
            ],
            context.text("column.reason"): [
                reason_label(context.language, reason) for reason in gaps["reason"]
            ],
        }
    )
    st.table(shown, border="horizontal", hide_index=True)


# --- runs ---


def runs_table(context: state.Context, listed: pl.DataFrame) -> str | None:
    """One page of runs; returns the run_id of a selected row."""
    currencies = listed["cost_currency"].drop_nulls().unique().to_list()
    currency = currencies[0] if len(currencies) == 1 else None
    shown = listed.select(
        pl.col("job_name").fill_null(pl.col("run_id")),
        "model_name",
        pl.col("status").map_elements(
            lambda code: context.label("status", code), return_dtype=pl.String
        ),
        "started_at_utc",
        pl.col("duration_s") / 3600,
        "facility_energy_kwh",
        _bounds(context, listed, "facility_energy_kwh"),
        "emissions_kg_co2e",
        _bounds(context, listed, "emissions_kg_co2e"),
        # Money in one currency is a number in its column; in several, each cell names its own.
        pl.col("effective_cost")
        if currency or not currencies
        else pl.Series(
            "effective_cost",
            [
                context.format.money(amount, unit)
                for amount, unit in listed.select("effective_cost", "cost_currency").iter_rows()
            ],
        ),
        pl.col("energy_method").map_elements(
            lambda code: context.label("short", code), return_dtype=pl.String
        ),
    )
    number = st.column_config.NumberColumn
    interval = st.column_config.Column(context.text("column.interval"), width=104)
    cost = context.text("column.cost", currency=currency or "·")
    event: Any = st.dataframe(
        shown,
        hide_index=True,
        key="runs_table",
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        placeholder=context.text("unknown"),
        height="content",
        column_config={
            "job_name": st.column_config.Column(context.text("column.job"), width=184),
            "model_name": st.column_config.Column(context.text("column.model"), width=102),
            "status": st.column_config.Column(context.text("column.status"), width=80),
            "started_at_utc": st.column_config.DatetimeColumn(
                context.text("column.started"), format="YYYY-MM-DD HH:mm", width=116
            ),
            "duration_s": number(context.text("column.duration"), format="%.2f", width=66),
            "facility_energy_kwh": number(context.text("column.energy"), format="%.3f", width=86),
            "facility_energy_kwh_bounds": interval,
            "emissions_kg_co2e": number(context.text("column.emissions"), format="%.3f", width=76),
            "emissions_kg_co2e_bounds": interval,
            "effective_cost": number(cost, format="%.2f", width=76)
            if currency or not currencies
            else st.column_config.Column(context.text("column.cost.title")),
            "energy_method": st.column_config.Column(context.text("column.method"), width=96),
        },
    )
    row = selected_row(event)
    return None if row is None or row >= listed.height else str(listed["run_id"][row])


def _bounds(context: state.Context, listed: pl.DataFrame, column: str) -> pl.Series:
    """The 90 % interval of each row, in the unit of its column; null where it is unknown."""
    write = context.format.number
    bounds = listed.select(f"{column}_p05", f"{column}_p95").iter_rows()
    texts = [None if low is None else f"{write(low)} – {write(high)}" for low, high in bounds]
    return pl.Series(f"{column}_bounds", texts, dtype=pl.String)


# --- anomalies ---


def anomaly_value(context: state.Context, anomaly: dict[str, Any], column: str) -> str:
    """The value or the baseline of an anomaly, in the unit of its metric."""
    fmt, value = context.format, anomaly[column]
    return {
        "facility_energy_kwh": lambda: fmt.energy(value),
        "emissions_location_g_co2e": lambda: fmt.mass(value),
        "duration_s": lambda: fmt.duration(value),
        "effective_cost": lambda: fmt.money(value, anomaly.get("cost_currency")),
    }.get(anomaly["metric"], lambda: fmt.number(value))()


def anomaly_sentence(context: state.Context, anomaly: dict[str, Any]) -> str:
    """'Energy: × 4.2 the usual for this job (ran longer).'"""
    return context.text(
        "run.anomaly",
        metric=context.label("anomaly.metric", anomaly["metric"]),
        ratio=context.format.times(anomaly["ratio"]),
        cause=plain(context.label("cause", anomaly["main_cause"])),
    )


def anomalies_table(context: state.Context, found: pl.DataFrame) -> int:
    """The flagged runs; returns the row to explain (the selected one, else the first)."""
    fmt = context.format
    rows = found.to_dicts()
    shown = pl.DataFrame(
        {
            "ratio": [row["ratio"] for row in rows],
            "job": [row["job_name"] or row["run_id"] for row in rows],
            "metric": [context.label("anomaly.metric", row["metric"]) for row in rows],
            "value": [anomaly_value(context, row, "value") for row in rows],
            "baseline": [anomaly_value(context, row, "baseline_value") for row in rows],
            "cause": [context.label("cause", row["main_cause"]) for row in rows],
            "owner": [row["owner"] for row in rows],
            "state": [context.label("state", row["state"]) for row in rows],
            "detected": [fmt.instant(row["detected_at_utc"]).removesuffix(" UTC") for row in rows],
        },
        schema_overrides={"owner": pl.String, "ratio": pl.Float64},
    )
    config: dict[str, Any] = {
        name: st.column_config.Column(context.text(f"column.{name}")) for name in shown.columns
    }
    config["ratio"] = st.column_config.NumberColumn(
        context.text("column.ratio"), format="× %.2f", width=70
    )
    event = st.dataframe(
        shown,
        hide_index=True,
        key="anomalies_table",
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        placeholder=context.text("unknown"),
        column_config=config,
    )
    row = selected_row(event)
    return row if row is not None and row < found.height else 0


def run_link(context: state.Context, key: str, run_id: str) -> None:
    """A link to the page of one run."""
    st.page_link(
        "views/run.py",
        label=f"{context.text(key)} · {plain(run_id)}",
        icon=":material/arrow_forward:",
        query_params={"run_id": run_id, "lang": context.language},
    )
