"""The page of one run, piece by piece: its facts, and how each figure came about.

It says what `observatory explain` says, from the same rows; nothing is computed here.
"""

from dataclasses import replace
from typing import Any

import polars as pl
import streamlit as st

from app import state, ui
from app.format import Formatter
from app.i18n import reason_label

Row = dict[str, Any]
# The steps that are one product: their number, figure and where its absence is explained.
_STEPS = {
    "facility": ("2", "facility_energy_kwh", "missing_reason"),
    "emissions": ("3", "emissions_location_g_co2e", "missing_reason"),
    "water": ("5", "water_l", "missing_water_reason"),
}
_STATUS_COLOUR = {"succeeded": "green", "running": "blue"}


def _precise(context: state.Context) -> Formatter:
    """Enough digits to redo the arithmetic with what is shown."""
    return replace(context.format, digits=4)


def badges(context: state.Context, run: Row) -> None:
    """Status, kind and id, in one line."""
    with st.container(horizontal=True, gap="small"):
        colour: Any = _STATUS_COLOUR.get(run["status"] or "", "orange" if run["status"] else "gray")
        st.badge(context.label("status", run["status"]), color=colour)
        if run["workload_kind"]:
            st.badge(ui.plain(run["workload_kind"]), color="gray")
        st.badge(ui.plain(run["run_id"]), color="gray", icon=":material/tag:")


def tiles(context: state.Context, run: Row) -> list[ui.Tile]:
    """The figures of the run, with method and interval on hover."""
    fmt, text = context.format, context.text
    why, why_cost = run["missing_reason"], run["missing_cost_reason"] or run["missing_reason"]

    def interval(column: str, write: Any) -> str:
        low, high = run[f"{column}_p05"], run[f"{column}_p95"]
        if low is None or high is None:
            return text("no_interval")
        return text("interval_90", interval=fmt.interval(write(low), write(high)))

    def figure(
        value: float | None, written: str, reason: str | None, hover: str
    ) -> tuple[str, str]:
        # A tile has room for the word; its reason is what hovering tells first.
        if value is not None:
            return written, hover
        return fmt.unknown(), f"{fmt.unknown(reason or text('no_reason'))}. {hover}"

    energy = figure(
        run["facility_energy_kwh"],
        fmt.energy(run["facility_energy_kwh"]),
        why,
        text(
            "run.tile.energy.help",
            method=context.label("rung", run["energy_method"]),
            measured=fmt.ratio(run["measured_energy_ratio"]),
            interval=interval("facility_energy_kwh", fmt.energy),
        ),
    )
    mass = figure(
        run["emissions_location_g_co2e"],
        fmt.mass(run["emissions_location_g_co2e"]),
        why,
        text(
            "run.tile.emissions.help",
            resolution=context.label("rung", run["factor_resolution"]),
            interval=interval("emissions_location_g_co2e", fmt.mass),
        ),
    )
    money = figure(
        run["effective_cost"],
        fmt.money(run["effective_cost"], run["cost_currency"]),
        why_cost,
        text("run.tile.cost.help", method=context.label("rung", run["cost_method"])),
    )
    made = figure(
        run["emissions_embodied_g_co2e"],
        fmt.mass(run["emissions_embodied_g_co2e"]),
        run["missing_embodied_reason"],
        text("run.tile.embodied.help", method=context.label("rung", run["embodied_method"]))
        + f" {interval('emissions_embodied_g_co2e', fmt.mass)}",
    )
    water_used = figure(
        run["water_l"],
        fmt.water(run["water_l"]),
        run["missing_water_reason"],
        text("run.tile.water.help", resolution=context.label("rung", run["water_resolution"])),
    )
    return [
        ui.Tile(text("tile.energy"), *energy),
        ui.Tile(text("tile.emissions"), *mass),
        ui.Tile(text("tile.cost"), *money),
        ui.Tile(text("run.tile.duration"), fmt.duration(run["duration_s"])),
        ui.Tile(text("run.tile.intensity"), fmt.intensity(run["grid_intensity_g_per_kwh"])),
        ui.Tile(text("run.tile.market"), fmt.mass(run["emissions_market_g_co2e"])),
        ui.Tile(text("tile.embodied"), *made),
        ui.Tile(text("tile.water"), *water_used),
    ]


def facts(context: state.Context, run: Row, metrics: pl.DataFrame) -> None:
    """Who, what, where, when, on what, how good, and the row it was read from."""
    fmt, text = context.format, context.text

    def joined(*parts: object) -> str:
        return " · ".join(str(part) for part in parts if part not in (None, "")) or fmt.unknown()

    def named(name: str | None, version: str | None) -> str:
        return joined(name or fmt.unknown(), version)

    def times(count: float | None, name: str | None) -> str | None:
        if not name:
            return None
        return f"{fmt.quantity(count)} × {name}" if count and count != 1 else name

    origin = None
    if run["source_file"]:
        origin = text("run.fact.source_row", file=run["source_file"], row=run["source_row"])
    when = fmt.instant(run["started_at_utc"])
    if run["ended_at_utc"]:
        end = fmt.instant(run["ended_at_utc"])
        same_day = (
            run["started_at_utc"] and run["started_at_utc"].date() == run["ended_at_utc"].date()
        )
        when = (
            f"{when.removesuffix(' UTC')} – {run['ended_at_utc']:%H:%M} UTC"
            if same_day
            else f"{when} – {end}"
        )
    rows = {
        "job": joined(run["job_name"], run["pipeline"], run["step"]),
        "when": when,
        "who": joined(run["owner"], run["team"], run["project"]),
        "model": named(run["model_name"], run["model_version"]),
        "metrics": joined(
            *(
                f"{row['metric_name']} {fmt.quantity(row['metric_value'])}"
                for row in metrics.iter_rows(named=True)
            )
        ),
        "hardware": joined(
            times(run["instance_count"], run["instance_type"]),
            times(run["accelerator_count"], run["accelerator_model"]),
        ),
        "where": joined(run["provider"], run["region"], run["zone"], run["grid_zone_id"]),
        "dataset": named(run["dataset_name"], run["dataset_version"]),
        "code": joined((run["git_commit"] or "")[:12]),
        "origin": joined(run["source"], origin),
    }
    for start in range(0, len(rows), 3):
        for column, (name, value) in zip(
            st.columns(3), list(rows.items())[start : start + 3], strict=False
        ):
            with column.container(gap=None):
                st.caption(text(f"run.fact.{name}"))
                st.text(value)


def energy(context: state.Context, run: Row, inputs: pl.DataFrame) -> None:
    """Each component: the arithmetic, its inputs and their origin, the rungs considered."""
    with st.container(border=True):
        st.markdown(f"**1 · {context.text('run.step.energy')}**")
        if inputs.is_empty():
            reason = reason_label(context.language, run["missing_reason"])
            st.info(context.text("run.derivation.empty", reason=reason))
            return
        _components_table(context, inputs)
        several = inputs["attempt"].n_unique() > 1
        for row in inputs.iter_rows(named=True):
            _component(context, row, with_attempt=several)


def _components_table(context: state.Context, inputs: pl.DataFrame) -> None:
    fmt, text = _precise(context), context.text
    rows = inputs.to_dicts()
    st.table(
        pl.DataFrame(
            {
                text("column.component"): [
                    context.label("component", row["component"]) for row in rows
                ],
                text("column.method"): [
                    context.label("rung", row["energy_method"]) for row in rows
                ],
                text("column.quantity"): [_quantity(context, row) for row in rows],
                text("column.hours"): [_hours(context, row) for row in rows],
                text("column.utilization"): [fmt.ratio(row["utilization_ratio"]) for row in rows],
                text("column.power"): [fmt.power(row["power_w_per_unit"]) for row in rows],
                text("column.energy.title"): [
                    fmt.energy(row["it_energy_kwh"], row["missing_reason"]) for row in rows
                ],
            }
        ),
        border="horizontal",
        hide_index=True,
    )


def _quantity(context: state.Context, row: Row) -> str:
    if row["quantity"] is None:
        return context.format.unknown()
    return f"{context.format.quantity(row['quantity'])} {row['quantity_unit'] or ''}".strip()


def _hours(context: state.Context, row: Row) -> str:
    return context.format.unknown() if row["hours"] is None else (
        f"{context.format.number(row['hours'], 4)} h"
    )  # fmt: skip


def _component(context: state.Context, row: Row, *, with_attempt: bool) -> None:
    fmt, text = context.format, context.text
    name = context.label("component", row["component"])
    figure = fmt.energy(row["it_energy_kwh"], row["missing_reason"])
    if with_attempt:
        name += f" · {text('run.component.attempt', number=row['attempt'])}"
    with st.expander(f"{name} · {ui.plain(figure)}"):
        if row["arithmetic"]:
            st.code(
                f"{row['arithmetic']} = {row['it_energy_kwh']} kWh", language=None, wrap_lines=True
            )
        lines = []
        if row["measured_energy_kwh"] is not None:
            lines.append(
                text(
                    "run.component.measured",
                    energy=fmt.energy(row["measured_energy_kwh"]),
                    covered=fmt.ratio(row["covered_ratio"]),
                )
            )
        if row["utilization_origin"]:
            lines.append(
                text(
                    "run.component.utilization",
                    ratio=fmt.ratio(row["utilization_ratio"]),
                    origin=row["utilization_origin"],
                )
            )
        if row["quantity_arithmetic"]:
            lines.append(
                text(
                    "run.component.quantity",
                    arithmetic=row["quantity_arithmetic"],
                    unit=row["quantity_unit"] or "",
                )
            )
        if row["power_basis"]:
            lines.append(text("run.component.power", basis=row["power_basis"]))
        if row["power_arithmetic"]:
            lines.append(text("run.component.watts", arithmetic=row["power_arithmetic"]))
        if row["hardware_origin"]:
            lines.append(text("run.component.hardware", origin=row["hardware_origin"]))
        if row["power_factor_key"] or row["power_source_id"]:
            lines.append(
                text(
                    "run.component.source",
                    coefficient=row["power_factor_key"] or fmt.unknown(),
                    source=row["power_source_id"] or fmt.unknown(),
                )
            )
        if row["rungs_considered"]:
            lines.append(text("run.component.considered"))
            for rung in row["rungs_considered"].split("; "):
                method, _, reason = rung.partition(": ")
                lines.append(f"{context.label('rung', method)}: {reason}")
        for line in lines:
            st.caption(ui.plain(line))


def facility(context: state.Context, run: Row) -> None:
    """IT energy times PUE."""
    fmt = _precise(context)
    _step(
        context,
        run,
        "facility",
        {
            "it": fmt.energy(run["it_energy_kwh"], run["missing_reason"]),
            "pue": fmt.quantity(run["pue_ratio"]),
            "facility": fmt.energy(run["facility_energy_kwh"], run["missing_reason"]),
        },
        {
            "resolution": context.label("rung", run["pue_resolution"]),
            "source": run["pue_source_id"] or fmt.unknown(),
            "year": run["pue_year"] or fmt.unknown(),
        },
    )


def emissions(context: state.Context, run: Row) -> None:
    """Facility energy times grid intensity, hour by hour."""
    fmt = _precise(context)
    _step(
        context,
        run,
        "emissions",
        {
            "facility": fmt.energy(run["facility_energy_kwh"], run["missing_reason"]),
            "intensity": fmt.intensity(run["grid_intensity_g_per_kwh"]),
            "mass": fmt.mass(run["emissions_location_g_co2e"], run["missing_reason"]),
        },
        {
            "resolution": context.label("rung", run["factor_resolution"]),
            "zone": run["factor_zone"] or run["grid_zone_id"] or fmt.unknown(),
            "source": run["factor_source_id"] or fmt.unknown(),
            "year": run["factor_year"] or fmt.unknown(),
            "published": fmt.day(run["factor_published_on"]),
            "version": run["factor_version"] or fmt.unknown(),
            "accounting": run["factor_accounting"] or fmt.unknown(),
            "basis": run["factor_basis"] or fmt.unknown(),
        },
    )


def embodied(context: state.Context, run: Row, parts: pl.DataFrame) -> None:
    """The manufacture of what the run held, part by part."""
    fmt, text = _precise(context), context.text
    several = parts["attempt"].n_unique() > 1
    with st.container(border=True):
        st.markdown(f"**4 · {text('run.step.embodied')}**")
        figure = fmt.mass(run["emissions_embodied_g_co2e"], run["missing_embodied_reason"])
        st.markdown(f"**{ui.plain(figure)}**")
        st.caption(text("run.step.embodied.beside"))
        for row in parts.iter_rows(named=True):
            _part(context, row, with_attempt=several)


def _part(context: state.Context, row: Row, *, with_attempt: bool) -> None:
    fmt, text = context.format, context.text
    name = context.label("part", row["part"])
    if with_attempt:
        name += f" · {text('run.component.attempt', number=row['attempt'])}"
    figure = fmt.mass(row["emissions_embodied_g_co2e"], row["missing_reason"])
    with st.expander(f"{name} · {ui.plain(figure)}"):
        if row["arithmetic"]:
            given = row["emissions_embodied_g_co2e"]
            st.code(f"{row['arithmetic']} = {given} g", language=None, wrap_lines=True)
        lines = [text("run.part.method", method=context.label("rung", row["embodied_method"]))]
        if row["kg_arithmetic"]:
            lines.append(text("run.part.kg", arithmetic=row["kg_arithmetic"]))
        if row["low_kg_co2e"] is not None and row["high_kg_co2e"] is not None:
            low, high = fmt.quantity(row["low_kg_co2e"]), fmt.quantity(row["high_kg_co2e"])
            lines.append(text("run.part.span", low=low, high=high))
        if row["quantity_arithmetic"]:
            quantity, unit = row["quantity_arithmetic"], row["quantity_unit"] or ""
            lines.append(text("run.component.quantity", arithmetic=quantity, unit=unit))
        if row["hardware_origin"]:
            lines.append(text("run.component.hardware", origin=row["hardware_origin"]))
        if row["factor_key"] or row["source_id"]:
            key, source = row["factor_key"] or fmt.unknown(), row["source_id"] or fmt.unknown()
            lines.append(text("run.component.source", coefficient=key, source=source))
        for line in lines:
            st.caption(ui.plain(line))


def water(context: state.Context, run: Row) -> None:
    """IT energy times the water used on site."""
    fmt = _precise(context)
    _step(
        context,
        run,
        "water",
        {
            "it": fmt.energy(run["it_energy_kwh"], run["missing_reason"]),
            "wue": fmt.water_intensity(run["wue_l_per_kwh"]),
            "water": fmt.water(run["water_l"], run["missing_water_reason"]),
        },
        {
            "resolution": context.label("rung", run["water_resolution"]),
            "source": run["water_source_id"] or fmt.unknown(),
            "year": run["wue_year"] or fmt.unknown(),
        },
    )


def intensities(context: state.Context, found: pl.DataFrame) -> None:
    """All emissions per unit of work, for each amount of work the run reported."""
    fmt, text = _precise(context), context.text
    rows = [row for row in found.to_dicts() if row["kpi_name"]]
    if not rows:
        return
    with st.container(border=True):
        st.markdown(f"**8 · {text('run.step.sci')}**")
        for row in rows:
            values = {
                "location": fmt.mass(row["emissions_location_g_co2e"]),
                "embodied": fmt.mass(row["emissions_embodied_g_co2e"]),
                "units": f"{fmt.quantity(row['functional_units'])} {ui.plain(row['kpi_name'])}",
                "sci": fmt.mass_per_unit(row["sci_g_co2e_per_unit"], row["kpi_unit"]),
            }
            if row["sci_g_co2e_per_unit"] is None:
                reason = reason_label(context.language, row["missing_reason"])
                values["sci"] = f"{fmt.unknown()}: {ui.plain(reason)}"
            st.markdown(text("run.step.sci.text", **values))
            st.caption(ui.plain(text("run.step.sci.origin", metric=row["metric_name"])))


def cost(context: state.Context, run: Row, parts: pl.DataFrame) -> None:
    """The cost, the rung it came from, and the lines of the bill that it is made of."""
    fmt = context.format
    reason = run["missing_cost_reason"] or run["missing_reason"]
    with st.container(border=True):
        money = fmt.money(run["effective_cost"], run["cost_currency"], reason).replace("$", "\\$")
        st.markdown(f"**6 · {context.text('run.step.cost')}**")
        st.markdown(f"**{money}**")
        origin = context.text(
            "run.step.cost.origin",
            method=context.label("rung", run["cost_method"]),
            origin=run["cost_origin"] or fmt.unknown(),
        )
        if run["is_imputed"]:
            origin += " " + context.text("run.imputed")
        st.caption(ui.plain(origin))
        if not parts.is_empty():
            _cost_parts(context, parts.to_dicts())


def _cost_parts(context: state.Context, parts: list[Row]) -> None:
    fmt, text = context.format, context.text
    st.markdown(text("run.step.cost.parts"))
    st.dataframe(
        pl.DataFrame(
            {
                text("column.cost.title"): [
                    fmt.money(part["part_cost"], part["part_currency"]) for part in parts
                ],
                text("column.of_cost"): [
                    fmt.money(part["whole_cost"], part["part_currency"]) for part in parts
                ],
                text("column.resource"): [
                    str(part["resource_id"] or "").rpartition("/")[2] for part in parts
                ],
                text("column.days"): [_days(context, part) for part in parts],
                text("overview.how.cost"): [
                    context.label("rung", part["cost_method"]) for part in parts
                ],
                text("column.share_text"): [part["share_text"] for part in parts],
            },
            schema_overrides={text("column.share_text"): pl.String},
        ),
        hide_index=True,
        placeholder=text("unknown"),
    )
    months = {
        part["last_usage_date"].replace(day=1)
        for part in parts
        if part["charge_rows"] and part["last_usage_date"]
    }
    for month in sorted(months):
        st.page_link(
            "views/bill.py",
            label=text("run.step.cost.bill", month=fmt.month(month)),
            icon=":material/arrow_forward:",
            query_params={"month": f"{month:%Y-%m}", "lang": context.language},
        )


def _days(context: state.Context, part: Row) -> str:
    first, last = part["first_usage_date"], part["last_usage_date"]
    if first is None or first == last:
        return context.format.day(first)
    return f"{context.format.day(first, with_year=False)} – {context.format.day(last)}"


def uncertainty(context: state.Context, run: Row, sources: pl.DataFrame) -> None:
    """The intervals, and each source of error with its share of the variance."""
    fmt, text = context.format, context.text
    with st.container(border=True):
        st.markdown(f"**7 · {text('run.step.uncertainty')}**")
        if sources.is_empty():
            st.markdown(text("no_interval"))
            return
        for metric, column, write in (
            ("energy", "facility_energy_kwh", fmt.energy),
            ("emissions", "emissions_location_g_co2e", fmt.mass),
            ("embodied", "emissions_embodied_g_co2e", fmt.mass),
        ):
            low, high = run[f"{column}_p05"], run[f"{column}_p95"]
            if low is not None:
                interval = fmt.interval(write(low), write(high))
                told = text(f"run.step.uncertainty.{metric}", figure=write(run[column]))
                st.markdown(f"{told} {text('interval_90', interval=interval)}")
        rows = sources.to_dicts()
        st.table(
            pl.DataFrame(
                {
                    text("column.source_of_error"): [_source_of_error(context, r) for r in rows],
                    text("column.energy_variance"): [
                        fmt.ratio(row["energy_variance_ratio"]) for row in rows
                    ],
                    text("column.emissions_variance"): [
                        fmt.ratio(row["emissions_variance_ratio"]) for row in rows
                    ],
                    text("column.embodied_variance"): [
                        fmt.ratio(row["embodied_variance_ratio"]) for row in rows
                    ],
                    text("column.log_sd"): [fmt.number(row["log_sd"], 2) for row in rows],
                    text("column.log_sd_source"): [
                        ": ".join(
                            ui.plain(part)
                            for part in (
                                context.label("log_sd", row["log_sd_source"]),
                                row["log_sd_note"],
                            )
                            if part
                        )
                        for row in rows
                    ],
                }
            ),
            border="horizontal",
            hide_index=True,
        )
        st.caption(text("run.step.uncertainty.caption"))


def _source_of_error(context: state.Context, source: Row) -> str:
    kind = source["source_kind"]
    name = source["source_key"].removeprefix(f"{kind}:")
    return ui.plain(f"{context.label('source_of_error', kind)} · {name}")


def _step(
    context: state.Context,
    run: Row,
    name: str,
    values: dict[str, str],
    origins: dict[str, Any],
) -> None:
    number, column, reason_column = _STEPS[name]
    is_known = run[column] is not None
    with st.container(border=True):
        st.markdown(f"**{number} · {context.text(f'run.step.{name}')}**")
        if is_known:
            st.markdown(context.text(f"run.step.{name}.text", **values))
        else:
            reason = reason_label(context.language, run[reason_column])
            st.markdown(f"**{ui.plain(context.format.unknown())}: {ui.plain(reason)}**")
        st.caption(ui.plain(context.text(f"run.step.{name}.origin", **origins)))
