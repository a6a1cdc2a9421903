"""DataFrame -> chart. Pure: no Streamlit, no query.

Times are drawn in UTC whatever the reader's zone. Tooltips are texts formatted beforehand, so every
number in them has its unit.
"""

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import altair as alt
import polars as pl

from app.format import Formatter
from app.i18n import translate, value_label

ENERGY, EMISSIONS, COST, RUNS = "#2f7f8f", "#5b8c5a", "#b98a3e", "#7a8594"
ACCENT, QUIET, WARM, WHISKER = "#1f6f6b", "#b9c6c4", "#c2603f", "#33413f"
METRIC_COLOUR = {"energy": ENERGY, "emissions": EMISSIONS, "cost": COST, "runs": RUNS}
METRIC_COLUMN = {
    "energy": "facility_energy_kwh",
    "emissions": "emissions_location_g_co2e",
    "cost": "effective_cost",
    "runs": "runs",
}
# The quantities whose 90 % interval is known.
UNSURE = ("energy", "emissions")

# Each ladder from what is known best to what is not known: green, blue, sand, grey.
_SHADES = ["#1f6f6b", "#4c9b8f", "#8cc3b2", "#6d97bf", "#a8c3dc", "#d8c48f", "#d39a5b"]
_MISSING = "#d3d8d6"
LADDERS = {
    "energy": ["measured", "measured_partial", "calibrated", "utilization", "allocation",
               "external_estimate", "spend"],
    "factor": ["hourly_measured", "hourly_estimated", "monthly", "hourly_profile", "region_yearly",
               "zone_yearly", "country_yearly", "world_yearly"],
    "cost": ["billed_resource", "billed_tag", "billed_share", "own_rate", "site_rate",
             "list_price"],
}  # fmt: skip

# Whom lines of the bill belong to.
ALLOCATION_COLOUR = {
    "run": ACCENT,
    "idle": "#d8c48f",
    "unallocated": WARM,
    "shared": "#a8c3dc",
    "not_ml": QUIET,
}

_FRENCH_DAYS = ["dim.", "lun.", "mar.", "mer.", "jeu.", "ven.", "sam."]
_FRENCH_MONTHS = ["janv.", "févr.", "mars", "avr.", "mai", "juin",
                  "juil.", "août", "sept.", "oct.", "nov.", "déc."]  # fmt: skip
_FRENCH = {
    "number": {
        "decimal": ",", "thousands": "\u202f", "grouping": [3], "currency": ["", "\u00a0€"],
        "percent": "\u202f%",
    },
    "time": {
        "dateTime": "%A %e %B %Y à %X", "date": "%d/%m/%Y", "time": "%H:%M:%S",
        "periods": ["", ""], "days": _FRENCH_DAYS, "shortDays": _FRENCH_DAYS,
        "months": _FRENCH_MONTHS, "shortMonths": _FRENCH_MONTHS,
    },
}  # fmt: skip

PARTS = ("ln_hours", "ln_devices", "ln_power", "ln_intensity", "ln_price")
_GRAIN_SPAN = {"day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=28)}
_UTC = alt.Scale(type="utc")
_DAYS = "utcFormat(datum.value, '%e %b')"
_HOURS = f"utchours(datum.value) == 0 ? {_DAYS} : utcFormat(datum.value, '%H:%M')"
_MONTHS = "utcFormat(datum.value, '%b %Y')"


def localised(chart: Any, fmt: Formatter) -> Any:
    """The chart with the numbers and dates of its axes in the reader's language.

    Streamlit drops the locale of `usermeta.embedOptions`, but keeps the one of `config`.
    """
    return chart if fmt.language == "en" else chart.configure(locale=_FRENCH)


def metric_text(fmt: Formatter, metric: str, currency: str | None) -> Callable[[Any], str]:
    """How to write a value of 'energy' (kWh), 'emissions' (g), 'cost' or 'runs'."""
    writers: dict[str, Callable[[Any], str]] = {
        "energy": fmt.energy,
        "emissions": fmt.mass,
        "cost": lambda value: fmt.money(value, currency),
        "runs": fmt.count,
    }
    return writers[metric]


def axis_unit(metric: str, largest: float, currency: str | None) -> tuple[float, str]:
    """(divisor, unit) that keep an axis readable."""
    scales = {
        "energy": [(1e6, "GWh"), (1e3, "MWh"), (1.0, "kWh"), (1e-3, "Wh")],
        "emissions": [(1e6, "t CO₂e"), (1e3, "kg CO₂e"), (1.0, "g CO₂e")],
    }.get(metric, [(1.0, currency or "?" if metric == "cost" else "")])
    return next((scale for scale in scales if largest >= scale[0]), scales[-1])


def over_time(
    frame: pl.DataFrame,
    grain: str,
    period: tuple[datetime, datetime],
    currency: str | None,
    fmt: Formatter,
) -> Any:
    """Energy, emissions and cost under each other, on one time axis: the whole of `period`."""
    span = _GRAIN_SPAN[grain]
    base = frame.with_columns(
        pl.col("at_utc").dt.replace_time_zone("UTC").alias("from"),
        (pl.col("at_utc") + span * 0.86).dt.replace_time_zone("UTC").alias("until"),
        pl.col("at_utc").map_elements(fmt.day, return_dtype=pl.String).alias("when"),
        pl.col("runs").map_elements(fmt.count, return_dtype=pl.String).alias("how_many"),
    )
    metrics = ("energy", "emissions", "cost")
    panels = [
        _time_panel(base, metric, currency, fmt, _day_axis(*period, grain), metric == metrics[-1])
        for metric in metrics
    ]
    return localised(alt.vconcat(*panels, spacing=14).resolve_scale(x="shared"), fmt)


def _time_panel(
    base: pl.DataFrame,
    metric: str,
    currency: str | None,
    fmt: Formatter,
    days: tuple[alt.Scale, alt.Axis],
    is_last: bool,
) -> Any:
    column = METRIC_COLUMN[metric]
    largest = float(base[column].max() or 0)  # type: ignore[arg-type]
    divisor, unit = axis_unit(metric, largest, currency)
    write = metric_text(fmt, metric, currency)
    bars = base.select(
        "from",
        "until",
        "when",
        "how_many",
        pl.lit(0.0).alias("low"),
        (pl.col(column) / divisor).cast(pl.Float64).alias("high"),
        _texts(base[column], write).alias("shown"),
        pl.lit(METRIC_COLOUR[metric]).alias("colour"),
    )
    name = translate(fmt.language, f"metric.{metric}")
    tooltip = [
        alt.Tooltip("when:N", title=translate(fmt.language, "column.day")),
        alt.Tooltip("shown:N", title=name),
        alt.Tooltip("how_many:N", title=translate(fmt.language, "metric.runs")),
    ]
    data = bars
    if metric in UNSURE:
        bars = bars.with_columns(_interval_texts(base, column, write, fmt).alias("interval"))
        # Thin bars in the same view: Streamlit fits no layers into a column of views.
        half = (pl.col("until") - pl.col("from")) * 0.03
        middle = pl.col("from") + (pl.col("until") - pl.col("from")) * 0.5
        whiskers = bars.with_columns(
            (middle - half).alias("from"),
            (middle + half).alias("until"),
            (base[f"{column}_p05"] / divisor).alias("low"),
            (base[f"{column}_p95"] / divisor).alias("high"),
            pl.lit(WHISKER).alias("colour"),
        )
        data = pl.concat([bars, whiskers.drop_nulls("low")])
        tooltip.insert(
            2, alt.Tooltip("interval:N", title=translate(fmt.language, f"interval.{metric}"))
        )
    scale, axis = days
    if not is_last:
        axis = alt.Axis(title=None, labels=False, ticks=False, grid=False)
    return (
        alt.Chart(
            data, title=alt.Title(f"{name} ({unit})", anchor="start", frame="group", fontSize=13)
        )
        .mark_rect()
        .encode(
            x=alt.X("from:T", scale=scale, axis=axis),
            x2="until:T",
            y=alt.Y("high:Q", title=None, axis=alt.Axis(tickCount=3, minExtent=38)),
            y2="low:Q",
            color=alt.Color("colour:N", scale=None, legend=None),
            tooltip=tooltip,
        )
        .properties(height=92, width="container")
    )


def _day_axis(first: datetime, last: datetime, grain: str = "day") -> tuple[Any, Any]:
    """The UTC scale of [first, last), and an axis with at most nine days marked, none twice."""
    days = max(1, (last - first).days)
    step = timedelta(days=-(-days // 9))
    count = -(-days // step.days)
    marks = [_instant(first + number * step) for number in range(count)]
    scale = alt.Scale(type="utc", domain=[_instant(first), _instant(last)], nice=False)
    label = _MONTHS if grain == "month" else _DAYS
    return scale, alt.Axis(title=None, grid=False, values=marks, labelExpr=label)


def _instant(value: datetime) -> Any:
    return alt.DateTime(
        year=value.year, month=value.month, date=value.day, hours=value.hour, utc=True
    )


def breakdown(frame: pl.DataFrame, metric: str, currency: str | None, fmt: Formatter) -> Any:
    """Horizontal bars with the figure written at their end."""
    language = fmt.language
    column = METRIC_COLUMN[metric]
    unknown = translate(language, "unknown")
    other = translate(language, "other")
    data = frame.with_columns(
        pl.when(pl.col("is_other"))
        .then(pl.lit(other))
        .otherwise(pl.col("name").fill_null(unknown))
        .alias("label"),
        pl.col(column).cast(pl.Float64).fill_null(0.0).alias("value"),
        _texts(frame[column], metric_text(fmt, metric, currency)).alias("shown"),
        _texts(frame["facility_energy_kwh"], fmt.energy).alias("energy"),
        _interval_texts(frame, "facility_energy_kwh", fmt.energy, fmt).alias("energy_interval"),
        _texts(frame["emissions_location_g_co2e"], fmt.mass).alias("emissions"),
        _interval_texts(frame, "emissions_location_g_co2e", fmt.mass, fmt).alias(
            "emissions_interval"
        ),
        _texts(frame["effective_cost"], lambda v: fmt.money(v, currency)).alias("cost"),
        _texts(frame["runs"], fmt.count).alias("how_many"),
        _texts(frame["measured_energy_ratio"], fmt.ratio).alias("measured"),
    )
    largest = float(data["value"].max() or 0)  # type: ignore[arg-type]
    tooltip = [alt.Tooltip("label:N", title=" ")] + [
        alt.Tooltip(f"{field}:N", title=translate(language, title))
        for field, title in {
            "energy": "metric.energy",
            "energy_interval": "interval.energy",
            "emissions": "metric.emissions",
            "emissions_interval": "interval.emissions",
            "cost": "metric.cost",
            "how_many": "metric.runs",
            "measured": "tile.measured",
        }.items()
    ]
    base = alt.Chart(data).encode(
        y=alt.Y(
            "label:N",
            sort=data["label"].to_list(),
            axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=110, labelPadding=6),
        ),
        x=alt.X("value:Q", axis=None, scale=alt.Scale(domain=[0, (largest or 1) * 1.75])),
        tooltip=tooltip,
    )
    bars = base.mark_bar(color=METRIC_COLOUR[metric], cornerRadiusEnd=3, height={"band": 0.66})
    figures = base.mark_text(align="left", dx=5, fontSize=12, color="#3b4a48").encode(
        text="shown:N"
    )
    return localised((bars + figures).properties(height=max(60, 30 * data.height)), fmt)


def mix(frame: pl.DataFrame, ladder: str, fmt: Formatter) -> Any:
    """Which rung answered: one bar by energy, one by runs. `frame` is one ladder of method_mix."""
    language = fmt.language
    order = [rung for rung in LADDERS[ladder] if rung in frame["rung"].to_list()]
    order += sorted(set(frame["rung"].to_list()) - set(order) - {"missing"})
    colours = [
        _SHADES[min(LADDERS[ladder].index(r), len(_SHADES) - 1) if r in LADDERS[ladder] else -1]
        for r in order
    ]
    if "missing" in frame["rung"].to_list():
        order, colours = [*order, "missing"], [*colours, _MISSING]
    names = {rung: value_label(language, "rung", rung) for rung in order}
    parts = []
    for basis, column in (("mix.by_energy", "facility_energy_kwh"), ("mix.by_runs", "runs")):
        total = float(frame[column].sum() or 0)
        if not total:
            continue
        write: Callable[[Any], str] = fmt.energy if column != "runs" else fmt.count
        parts.append(
            frame.filter(pl.col(column) > 0).select(
                pl.lit(translate(language, basis)).alias("basis"),
                pl.col("rung").replace_strict(names).alias("name"),
                pl.col("rung")
                .replace_strict({rung: i for i, rung in enumerate(order)}, return_dtype=pl.Int64)
                .alias("place"),
                (pl.col(column) / total).alias("share"),
                _texts(frame.filter(pl.col(column) > 0)[column], write).alias("amount"),
            )
        )
    data = pl.concat(parts)
    data = data.with_columns(_texts(data["share"], fmt.ratio).alias("shown"))
    return localised(
        alt.Chart(data)
        .mark_bar(height={"band": 0.7})
        .encode(
            y=alt.Y(
                "basis:N",
                sort=[translate(language, "mix.by_energy"), translate(language, "mix.by_runs")],
                axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=120),
            ),
            x=alt.X(
                "share:Q",
                stack="zero",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(title=None, format="%", tickCount=4, grid=False),
            ),
            order="place:Q",
            color=alt.Color(
                "name:N",
                scale=alt.Scale(domain=[names[rung] for rung in order], range=colours),
                legend=alt.Legend(title=None, orient="bottom", columns=1, labelLimit=260),
            ),
            tooltip=[
                alt.Tooltip("name:N", title=" "),
                alt.Tooltip("shown:N", title=translate(language, "column.share")),
                alt.Tooltip("amount:N", title="="),
            ],
        )
        .properties(height=168 + 20 * len(order)),
        fmt,
    )


def scatter(frame: pl.DataFrame, currency: str | None, fmt: Formatter) -> Any:
    """Cost against emissions, both logarithmic; a point can be clicked (selection 'run')."""
    language = fmt.language
    data = frame.with_columns(
        (pl.col("emissions_location_g_co2e") / 1000).alias("kg"),
        pl.col("job_name").fill_null(pl.col("run_id")).alias("job"),
        pl.col("status")
        .map_elements(lambda s: value_label(language, "status", s), return_dtype=pl.String)
        .fill_null(translate(language, "unknown"))
        .alias("outcome"),
        (pl.col("status") == "succeeded").fill_null(value=False).alias("is_success"),
        _texts(frame["facility_energy_kwh"], fmt.energy).alias("energy"),
        _interval_texts(frame, "facility_energy_kwh", fmt.energy, fmt).alias("energy_interval"),
        _texts(frame["emissions_location_g_co2e"], fmt.mass).alias("mass"),
        _interval_texts(frame, "emissions_location_g_co2e", fmt.mass, fmt).alias("mass_interval"),
        _texts(frame["effective_cost"], lambda v: fmt.money(v, currency)).alias("cost"),
        _texts(frame["energy_method"], lambda m: value_label(language, "rung", m)).alias("method"),
    )
    picked = alt.selection_point(name="run", fields=["run_id"], on="click", empty=False)
    title = {
        key: translate(language, key) for key in ("column.cost.title", "column.emissions.title")
    }
    outcomes = data.unique("outcome").sort("is_success", "outcome", descending=[True, False])
    spare = [WARM, "#c9a24d", "#8a6fa8", "#7a8594", "#d58fa0", "#5b8c5a", "#4a5568", "#a3763d"]
    colours, others = [], 0
    for is_success in outcomes["is_success"]:
        colours.append(ENERGY if is_success else spare[others % len(spare)])
        others += not is_success
    return localised(
        alt.Chart(data)
        .mark_circle(size=70, opacity=0.7)
        .encode(
            x=alt.X(
                "effective_cost:Q",
                scale=alt.Scale(type="log", nice=False, padding=12),
                axis=_log_axis(
                    f"{title['column.cost.title']} ({currency})", data["effective_cost"]
                ),
            ),
            y=alt.Y(
                "kg:Q",
                scale=alt.Scale(type="log", nice=False, padding=12),
                axis=_log_axis(f"{title['column.emissions.title']} (kg CO₂e)", data["kg"]),
            ),
            color=alt.Color(
                "outcome:N",
                scale=alt.Scale(domain=outcomes["outcome"].to_list(), range=colours),
                legend=alt.Legend(title=None, orient="top"),
            ),
            tooltip=[
                alt.Tooltip("job:N", title=translate(language, "column.job")),
                alt.Tooltip("run_id:N", title=translate(language, "column.run")),
                alt.Tooltip("cost:N", title=title["column.cost.title"]),
                alt.Tooltip("mass:N", title=title["column.emissions.title"]),
                alt.Tooltip("mass_interval:N", title=translate(language, "interval.emissions")),
                alt.Tooltip("energy:N", title=translate(language, "column.energy.title")),
                alt.Tooltip("energy_interval:N", title=translate(language, "interval.energy")),
                alt.Tooltip("method:N", title=translate(language, "column.method")),
            ],
        )
        .add_params(picked)
        .properties(height=360),
        fmt,
    )


def _log_axis(title: str, values: pl.Series) -> Any:
    lowest, highest = values.min(), values.max()
    powers = range(
        math.floor(math.log10(float(lowest or 1))),  # type: ignore[arg-type]
        math.ceil(math.log10(float(highest or 1))) + 1,  # type: ignore[arg-type]
    )
    # Under two decades the powers of ten alone would leave an axis with one label or none.
    steps = (1, 2, 5) if len(powers) <= 3 else (1,)
    marks = [step * 10.0**power for power in powers for step in steps]
    return alt.Axis(title=title, format="~g", values=marks)


def run_hours(frame: pl.DataFrame, fmt: Formatter) -> Any:
    """Bars of energy per hour and the line of the grid's intensity, each on its own axis."""
    language = fmt.language
    largest = float(frame["facility_energy_kwh"].max() or 0)  # type: ignore[arg-type]
    divisor, unit = axis_unit("energy", largest, None)
    data = frame.select(
        pl.col("hour_start_utc").dt.replace_time_zone("UTC").alias("from"),
        (pl.col("hour_start_utc") + timedelta(minutes=54))
        .dt.replace_time_zone("UTC")
        .alias("until"),
        (pl.col("hour_start_utc") + timedelta(minutes=27)).dt.replace_time_zone("UTC").alias("mid"),
        (pl.col("facility_energy_kwh") / divisor).alias("energy"),
        pl.col("grid_intensity_g_per_kwh").alias("intensity"),
        pl.col("hour_start_utc").map_elements(fmt.instant, return_dtype=pl.String).alias("when"),
        _texts(frame["facility_energy_kwh"], fmt.energy).alias("energy_shown"),
        _texts(frame["grid_intensity_g_per_kwh"], fmt.intensity).alias("intensity_shown"),
        _texts(frame["emissions_location_g_co2e"], fmt.mass).alias("mass_shown"),
        _texts(frame["factor_resolution"], lambda rung: value_label(language, "rung", rung)).alias(
            "rung"
        ),
    )
    titles = {
        "when": "column.hour",
        "energy_shown": "column.energy.title",
        "intensity_shown": "column.intensity",
        "mass_shown": "column.emissions.title",
        "rung": "column.resolution",
    }
    tooltip = [
        alt.Tooltip(f"{name}:N", title=translate(language, key)) for name, key in titles.items()
    ]
    base = alt.Chart(data)
    bars = base.mark_rect(color=ENERGY, opacity=0.75).encode(
        x=alt.X(
            "from:T",
            scale=_UTC,
            axis=alt.Axis(title=None, grid=False, tickCount=8, labelExpr=_HOURS),
        ),
        x2="until:T",
        y=alt.Y(
            "energy:Q",
            axis=alt.Axis(
                title=f"{translate(language, 'metric.energy')} ({unit})", tickCount=4,
                titleColor=ENERGY,
            ),
        ),
        y2=alt.datum(0),
        tooltip=tooltip,
    )  # fmt: skip
    line = base.mark_line(color=WARM, point=alt.OverlayMarkDef(color=WARM, size=24)).encode(
        x=alt.X("mid:T", scale=_UTC),
        y=alt.Y(
            "intensity:Q",
            scale=alt.Scale(zero=True),
            axis=alt.Axis(
                title=f"{translate(language, 'column.intensity')} (g CO₂e/kWh)", tickCount=4,
                titleColor=WARM, grid=False,
            ),
        ),
        tooltip=tooltip,
    )  # fmt: skip
    return localised(
        alt.layer(bars, line).resolve_scale(y="independent").properties(height=250), fmt
    )


def job_history(frame: pl.DataFrame, fmt: Formatter) -> Any:
    """A strip of the job's runs over time; this run stands out, and any can be clicked."""
    language = fmt.language
    known = frame.filter(pl.col("facility_energy_kwh").is_not_null())
    largest = float(known["facility_energy_kwh"].max() or 0)  # type: ignore[arg-type]
    divisor, unit = axis_unit("energy", largest, None)
    data = known.select(
        "run_id",
        "is_this_run",
        pl.col("at_utc").dt.replace_time_zone("UTC").alias("at"),
        (pl.col("facility_energy_kwh") / divisor).alias("energy"),
        pl.col("at_utc").map_elements(fmt.instant, return_dtype=pl.String).alias("when"),
        _texts(known["facility_energy_kwh"], fmt.energy).alias("shown"),
        _texts(known["duration_s"], fmt.duration).alias("lasted"),
        _texts(known["status"], lambda s: value_label(language, "status", s)).alias("outcome"),
    )
    picked = alt.selection_point(name="run", fields=["run_id"], on="click", empty=False)
    return localised(
        alt.Chart(data)
        .mark_point(filled=True, size=110)
        .encode(
            x=alt.X(
                "at:T",
                scale=alt.Scale(type="utc", padding=14),
                axis=alt.Axis(title=None, grid=False, tickCount=6, labelExpr=_DAYS),
            ),
            y=alt.Y(
                "energy:Q",
                scale=alt.Scale(zero=True),
                axis=alt.Axis(
                    title=f"{translate(language, 'metric.energy')} ({unit})", tickCount=4
                ),
            ),
            color=alt.condition("datum.is_this_run", alt.value(ACCENT), alt.value(QUIET)),
            size=alt.condition("datum.is_this_run", alt.value(190), alt.value(90)),
            tooltip=[
                alt.Tooltip("run_id:N", title=translate(language, "column.run")),
                alt.Tooltip("when:N", title=translate(language, "column.started")),
                alt.Tooltip("shown:N", title=translate(language, "column.energy.title")),
                alt.Tooltip("lasted:N", title=translate(language, "column.duration.title")),
                alt.Tooltip("outcome:N", title=translate(language, "column.status")),
            ],
        )
        .add_params(picked)
        .properties(height=170),
        fmt,
    )


def anomaly_parts(anomaly: dict[str, Any], fmt: Formatter) -> Any:
    """The factors whose product is the ratio, as bars of their logarithms."""
    parts = {name: anomaly[name] for name in PARTS if anomaly.get(name) is not None}
    data = pl.DataFrame(
        {
            "part": [translate(fmt.language, f"anomaly.part.{name}") for name in parts],
            "ln": [float(value) for value in parts.values()],
            "shown": [fmt.times(math.exp(value)) for value in parts.values()],
        },
        schema={"part": pl.String, "ln": pl.Float64, "shown": pl.String},
    )
    reach = 1.5 * max(abs(value) for value in parts.values()) or 1.0
    lowest = min(parts.values()) - 0.2 * reach if min(parts.values()) < 0 else 0.0
    base = alt.Chart(data).encode(
        y=alt.Y(
            "part:N",
            sort=data["part"].to_list(),
            axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=190, labelPadding=8),
        ),
        x=alt.X("ln:Q", axis=None, scale=alt.Scale(domain=[lowest, reach])),
        tooltip=[
            alt.Tooltip("part:N", title=" "),
            alt.Tooltip("shown:N", title=translate(fmt.language, "column.ratio")),
        ],
    )
    bars = base.mark_bar(cornerRadius=3, height={"band": 0.6}).encode(
        color=alt.condition("datum.ln > 0", alt.value(WARM), alt.value("#4c9b8f"))
    )
    above = base.transform_filter("datum.ln >= 0").mark_text(align="left", dx=6, fontSize=13)
    below = base.transform_filter("datum.ln < 0").mark_text(align="right", dx=-6, fontSize=13)
    chart = bars + above.encode(text="shown:N") + below.encode(text="shown:N")
    return localised(chart.properties(height=max(60, 38 * data.height)), fmt)


def coverage(frame: pl.DataFrame, fmt: Formatter) -> Any:
    """Coverage ratios per day, one line per figure."""
    names = {
        figure: translate(fmt.language, f"quality.figure.{figure}")
        for figure in ("energy", "cost", "measured")
    }
    data = frame.select(
        pl.col("at_utc").dt.replace_time_zone("UTC").alias("at"),
        pl.col("figure").replace_strict(names).alias("name"),
        "ratio",
        pl.col("at_utc").map_elements(fmt.day, return_dtype=pl.String).alias("when"),
        _texts(frame["ratio"], fmt.ratio).alias("shown"),
    )
    first, last = _span(frame["at_utc"])
    scale, axis = _day_axis(first, last + timedelta(hours=12))
    return localised(
        alt.Chart(data)
        .mark_line(point=alt.OverlayMarkDef(size=28), strokeWidth=2)
        .encode(
            x=alt.X(
                "at:T",
                scale=scale,
                axis=axis,
            ),
            y=alt.Y(
                "ratio:Q",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(title=None, format="%", tickCount=4),
            ),
            color=alt.Color(
                "name:N",
                scale=alt.Scale(domain=list(names.values()), range=[ENERGY, COST, "#8a6fa8"]),
                legend=alt.Legend(title=None, orient="top", labelLimit=240),
            ),
            tooltip=[
                alt.Tooltip("when:N", title=translate(fmt.language, "column.day")),
                alt.Tooltip("name:N", title=" "),
                alt.Tooltip("shown:N", title=translate(fmt.language, "column.share")),
            ],
        )
        .properties(height=230),
        fmt,
    )


def rows_per_day(frame: pl.DataFrame, fmt: Formatter) -> Any:
    """Rows landed and rejected per day, all sources together."""
    kinds = {name: translate(fmt.language, f"rows.{name}") for name in ("landed", "rejected")}
    long = (
        frame.group_by("day")
        .agg(
            pl.col("rows_landed").fill_null(0).sum().alias("landed"),
            pl.col("rows_rejected").fill_null(0).sum().alias("rejected"),
        )
        .unpivot(index="day", variable_name="kind", value_name="rows")
        .sort("day", "kind")
        .with_columns(pl.col("rows").cum_sum().over("day").alias("top"))
    )
    start = long["day"].cast(pl.Datetime("us"))
    data = long.select(
        start.dt.replace_time_zone("UTC").alias("from"),
        (start + timedelta(hours=20)).dt.replace_time_zone("UTC").alias("until"),
        pl.col("kind").replace_strict(kinds).alias("name"),
        "top",
        (pl.col("top") - pl.col("rows")).alias("bottom"),
        _texts(long["day"], fmt.day).alias("when"),
        _texts(long["rows"], fmt.count).alias("shown"),
    )
    scale, axis = _day_axis(*_span(start))
    return localised(
        alt.Chart(data)
        .mark_rect()
        .encode(
            x=alt.X("from:T", scale=scale, axis=axis),
            x2="until:T",
            y=alt.Y("top:Q", axis=alt.Axis(title=None, tickCount=4, tickMinStep=1, format=",d")),
            y2="bottom:Q",
            color=alt.Color(
                "name:N",
                scale=alt.Scale(domain=list(kinds.values()), range=[ENERGY, WARM]),
                legend=alt.Legend(title=None, orient="top"),
            ),
            tooltip=[
                alt.Tooltip("when:N", title=translate(fmt.language, "column.day")),
                alt.Tooltip("name:N", title=" "),
                alt.Tooltip("shown:N", title=translate(fmt.language, "column.rows")),
            ],
        )
        .properties(height=200),
        fmt,
    )


def _span(days: pl.Series) -> tuple[datetime, datetime]:
    values: list[datetime] = days.drop_nulls().to_list()
    return min(values), max(values) + timedelta(days=1)


def _interval_texts(
    frame: pl.DataFrame, column: str, write: Callable[[Any], str], fmt: Formatter
) -> pl.Series:
    bounds = frame.select(f"{column}_p05", f"{column}_p95").iter_rows()
    texts = [fmt.interval(write(low), write(high)) if low is not None else fmt.unknown()
             for low, high in bounds]  # fmt: skip
    return pl.Series(f"{column}_interval", texts, dtype=pl.String)


def _texts(column: pl.Series, write: Callable[[Any], str]) -> pl.Series:
    values: Sequence[Any] = column.to_list()
    return pl.Series(column.name, [write(value) for value in values], dtype=pl.String)


# --- the bill ---


def calibration(frame: pl.DataFrame, fmt: Formatter) -> Any:
    """Estimated against measured energy, both logarithmic: by the model alone, and by a calibration
    that never saw the run's job. On the line both are the same."""
    language = fmt.language
    sides = {
        "modelled_energy_kwh": translate(language, "calibration.before"),
        "predicted_energy_kwh": translate(language, "calibration.after"),
    }
    left_out = translate(language, "calibration.is_left_out")
    data = pl.concat(
        [
            frame.filter(pl.col(column).is_not_null()).select(
                "run_id",
                pl.col("job_name").fill_null(pl.col("run_id")).alias("job"),
                pl.col("measured_energy_kwh").alias("measured"),
                pl.col(column).alias("estimated"),
                pl.lit(side).alias("side"),
                pl.when("is_outlier").then(pl.lit(left_out)).otherwise(pl.lit("")).alias("note"),
                pl.col("is_outlier").cast(pl.Int8).alias("outlier"),
                (pl.col(column) / pl.col("measured_energy_kwh") - 1).alias("error"),
            )
            for column, side in sides.items()
        ]
    )
    data = data.with_columns(
        _texts(data["measured"], fmt.energy).alias("measured_text"),
        _texts(data["estimated"], fmt.energy).alias("estimated_text"),
        _texts(data["error"], fmt.ratio).alias("error_text"),
    )
    values = pl.concat([data["measured"], data["estimated"]])
    ends = pl.DataFrame({"at": [values.min(), values.max()]}, schema={"at": pl.Float64})
    scale = alt.Scale(type="log", nice=False, padding=12)
    titles = [translate(language, f"calibration.axis.{axis}") for axis in ("measured", "estimated")]
    line = (
        alt.Chart(ends)
        .mark_line(color=QUIET, strokeDash=[4, 4])
        .encode(x=alt.X("at:Q", scale=scale), y=alt.Y("at:Q", scale=scale))
    )
    points = (
        alt.Chart(data)
        .mark_point(size=45, opacity=0.7, filled=True)
        .encode(
            x=alt.X(
                "measured:Q", scale=scale, axis=_log_axis(f"{titles[0]} (kWh)", data["measured"])
            ),
            y=alt.Y(
                "estimated:Q", scale=scale, axis=_log_axis(f"{titles[1]} (kWh)", data["estimated"])
            ),
            color=alt.Color(
                "side:N",
                scale=alt.Scale(domain=list(sides.values()), range=[WARM, ACCENT]),
                legend=alt.Legend(title=None, orient="top"),
            ),
            shape=alt.Shape(
                "outlier:O",
                scale=alt.Scale(domain=[0, 1], range=["circle", "cross"]),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("job:N", title=translate(language, "column.job")),
                alt.Tooltip("run_id:N", title=translate(language, "column.run")),
                alt.Tooltip("side:N", title=" "),
                alt.Tooltip("measured_text:N", title=titles[0]),
                alt.Tooltip("estimated_text:N", title=titles[1]),
                alt.Tooltip("error_text:N", title=translate(language, "calibration.error")),
                alt.Tooltip("note:N", title=" "),
            ],
        )
    )
    return localised((line + points).properties(height=380), fmt)


def bill_months(frame: pl.DataFrame, currency: str, fmt: Formatter) -> Any:
    """One bar per provider and month of one currency, parted by whom it belongs to."""
    months = [fmt.month(month) for month in frame["month"]]
    labels = [
        f"{provider or translate(fmt.language, 'unknown')} · {month}"
        for provider, month in zip(frame["provider"], months, strict=True)
    ]
    return _allocation_bars(frame.with_columns(pl.Series("label", labels)), currency, fmt)


def bill_names(
    bars: pl.DataFrame, rows: pl.DataFrame, dimension: str, currency: str, fmt: Formatter
) -> Any:
    """One bar per name of a dimension; its tooltip says how the energy is known."""
    mixes = {row["name"]: methods_text(row["methods"], fmt) for row in rows.iter_rows(named=True)}
    other = translate(fmt.language, "other")
    data = bars.with_columns(
        pl.Series("label", [
            other if row["is_other"] else bill_name(row["name"], dimension, fmt)
            for row in bars.iter_rows(named=True)
        ], dtype=pl.String),
        pl.Series("mix", [
            "" if row["is_other"] else mixes.get(row["name"], "")
            for row in bars.iter_rows(named=True)
        ], dtype=pl.String),
    )  # fmt: skip
    return _allocation_bars(data, currency, fmt)


def bill_name(name: str | None, dimension: str, fmt: Formatter) -> str:
    """A value of a dimension of the bill for people."""
    return value_label(fmt.language, "allocation" if dimension == "allocation" else "", name)


def methods_text(methods: Sequence[dict[str, Any]], fmt: Formatter) -> str:
    """How energy is known: '87% default use, 13% the cost; no energy for 20% of the cost'."""
    energy = sum(method["energy_kwh"] or 0 for method in methods)
    cost = sum(method["cost"] or 0 for method in methods)
    told = [
        f"{fmt.ratio(method['energy_kwh'] / energy)} "
        f"{value_label(fmt.language, 'short', method['energy_method'])}"
        for method in methods
        if energy and method["energy_kwh"]
    ]
    without = sum(method["cost"] or 0 for method in methods if method["energy_kwh"] is None)
    if without and cost:
        # Credits can make what has no energy more than the whole.
        share = fmt.ratio(min(max(without / cost, 0.0), 1.0))
        told.append(translate(fmt.language, "bill.mix.without", share=share))
    return ", ".join(told)


def _allocation_bars(frame: pl.DataFrame, currency: str, fmt: Formatter) -> Any:
    """Bars parted by allocation with their sum at the end; credits go to the left of zero."""
    language = fmt.language
    order = list(ALLOCATION_COLOUR)
    codes = [code for code in order if code in frame["allocation"].to_list()]
    names = {code: value_label(language, "allocation", code) for code in order}
    totals = frame.group_by("label", maintain_order=True).agg(
        pl.col("cost").sum().alias("total"),
        pl.col("cost").filter(pl.col("cost") > 0).sum().alias("end"),
        pl.col("cost").filter(pl.col("cost") < 0).sum().alias("start"),
    )

    def money(value: Any) -> str:
        return fmt.money(value, currency)

    data = frame.join(totals, on="label", maintain_order="left")
    data = data.with_columns(
        pl.col("allocation").replace_strict(names, default=pl.col("allocation")).alias("part"),
        pl.col("allocation")
        .replace_strict({code: i for i, code in enumerate(order)}, default=9)
        .alias("place_of_part"),
        _texts(data["cost"], money).alias("shown"),
        _texts(data["total"], money).alias("sum"),
        _texts(data["cost"] / data["total"], fmt.ratio).alias("share"),
        _texts(data["energy_kwh"], fmt.energy).alias("energy"),
        _texts(data["emissions_g_co2e"], fmt.mass).alias("mass"),
    )
    titles = {
        "label": " ", "part": "bill.by.allocation", "shown": "column.cost.title",
        "share": "column.share",
        "sum": "bill.sum", "energy": "column.energy.title", "mass": "column.emissions.title",
        "mix": "column.method",
    }  # fmt: skip
    tooltip = [
        alt.Tooltip(f"{name}:N", title=key if key == " " else translate(language, key))
        for name, key in titles.items()
        if name in data.columns
    ]
    end, start = float(totals["end"].max() or 0), float(totals["start"].min() or 0)  # type: ignore[arg-type]
    width = (end - start) or 1.0
    base = alt.Chart(data).encode(
        y=alt.Y(
            "label:N",
            sort=totals["label"].to_list(),
            axis=alt.Axis(title=None, ticks=False, domain=False, labelLimit=112, labelPadding=6),
        ),
    )
    bars = base.mark_bar(height={"band": 0.68}).encode(
        x=alt.X(
            "cost:Q",
            stack="zero",
            axis=None,
            scale=alt.Scale(domain=[start, start + width * 1.4], nice=False),
        ),
        order="place_of_part:Q",
        color=alt.Color(
            "part:N",
            scale=alt.Scale(
                domain=[names[code] for code in codes],
                range=[ALLOCATION_COLOUR[code] for code in codes],
            ),
            legend=alt.Legend(title=None, orient="top", columns=2, labelFontSize=11),
        ),
        tooltip=tooltip,
    )
    sums = (
        alt.Chart(data.select("label", "end", "sum").unique(maintain_order=True))
        .mark_text(align="left", dx=6, fontSize=12, color="#3b4a48")
        .encode(y=alt.Y("label:N", sort=totals["label"].to_list()), x=alt.X("end:Q"), text="sum:N")
    )
    return localised((bars + sums).properties(height=70 + 26 * totals.height), fmt)
