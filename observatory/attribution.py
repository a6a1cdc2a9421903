"""By how much a step changed which month, which run and why: the arithmetic of `compare`.

Every figure is an exact decimal until it leaves this module, so the parts add up to the whole. Of
the step that lets data in, a change is `provider_restatement` where something that had been told
was told otherwise, and `late_data` where something was told for the first time: a run or a line of
the bill that was not there, the end of a job that was running or lost, a reading that came later.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

from observatory import snapshot, told
from observatory.knowledge import State, Step

# In the order in which they are told. Calibrations know nothing of their own: no such step.
CAUSES = (
    "code",
    "settings",
    "late_data",
    "provider_restatement",
    "factor_version",
    "calibration",
)
_CAUSE_OF_STEP = {"code": "code", "settings": "settings", "factors": "factor_version"}

# Relative: below the first nothing changed, below the second a cause had no part in it.
_NOTHING = Decimal("1e-9")
_NO_PART = Decimal("1e-12")

_RUNS = {
    "run_id": "varchar",
    "job_name": "varchar",
    "started_at_utc": "timestamp",
    "ended_at_utc": "timestamp",
    "status": "varchar",
    "resource_id": "varchar",
    "cost_currency": "varchar",
    "facility_energy_kwh": "decimal(38, 18)",
    "emissions_location_g_co2e": "decimal(38, 18)",
    "emissions_market_g_co2e": "decimal(38, 18)",
    "emissions_embodied_g_co2e": "decimal(38, 18)",
    "water_l": "decimal(38, 18)",
    "effective_cost": "decimal(38, 18)",
}
_BILL = {"usage_date": "date", "cost_currency": "varchar", "effective_cost": "decimal(38, 18)"}

# A figure without a run is the bill's.
_TABLES = """
    create table runs (
        state integer, run_id varchar, job_name varchar, is_unfinished boolean, resource_id varchar
    );
    create table figures (
        state integer,
        run_id varchar,
        month date,
        metric varchar,
        unit varchar,
        figure decimal(38, 18)
    );
    create table changes (
        cause varchar,
        run_id varchar,
        month date,
        metric varchar,
        unit varchar,
        change decimal(38, 18)
    );
    -- A job id that came back is counted by the models; the rows of Slurm do not know.
    create macro run_key(run_id) as
        case
            when starts_with(run_id, 'slurm:') then regexp_replace(run_id, '@[0-9]+$', '')
            else run_id
        end;
"""

_ADD_RUNS = """
    insert into runs
    select
        $state, run_id, job_name, ended_at_utc is null or coalesce(status, '') = 'lost', resource_id
    from runs_published
"""

_ADD_FIGURES = """
    insert into figures
    with
        run_figures as (
            unpivot runs_published
            on
                facility_energy_kwh,
                emissions_location_g_co2e,
                emissions_market_g_co2e,
                emissions_embodied_g_co2e,
                water_l,
                effective_cost
            into name metric value figure
        )

    select
        $state,
        run_id,
        cast(date_trunc('month', started_at_utc) as date),
        metric,
        case
            when metric = 'facility_energy_kwh'
            then 'kWh'
            when metric = 'water_l'
            then 'L'
            when metric = 'effective_cost'
            then cost_currency
            else 'gCO2e'
        end,
        figure
    from run_figures
    union all
    select
        $state,
        null,
        cast(date_trunc('month', usage_date) as date) as usage_month,
        concat('bill_effective_cost_', lower(cost_currency)),
        cost_currency,
        sum(effective_cost)
    from bill_published
    where effective_cost is not null
    group by usage_month, cost_currency
"""

# A run that moved to another month is in both, once with each sign.
_MOVED = """
    create or replace temp table moved as
    select
        run_id,
        month,
        metric,
        unit,
        sum(case when state = $after then figure else 0 end)
        - sum(case when state = $before then figure else 0 end) as change
    from figures
    where state in ($before, $after)
    group by all
    having change <> 0
"""

_ADD_STEP = "insert into changes select $cause, * from moved"

_ADD_DATA = """
    insert into changes
    with
        moved_runs as (
            select
                moved.*,
                before.run_id is null as is_new,
                after.run_id is null as is_gone,
                coalesce(before.is_unfinished, false) as was_unfinished,
                coalesce(before.resource_id, after.resource_id) as resource_id,
                told_of_run.is_otherwise
            from moved
            left join runs as before on moved.run_id = before.run_id and before.state = $before
            left join runs as after on moved.run_id = after.run_id and after.state = $after
            left join
                (select run_id, bool_or(is_otherwise) as is_otherwise from told group by run_id)
                as told_of_run
                on run_key(moved.run_id) = told_of_run.run_id
            where moved.run_id is not null
        ),

        bill_restated as (
            select month, unit, sum(change) as restated from lines_restated group by month, unit
        )

    select
        case
            when is_new
            then 'late_data'
            when is_gone
            then 'provider_restatement'
            when was_unfinished
            then 'late_data'
            when
                metric = 'effective_cost'
                and resource_id in (
                    select resource_id from lines_restated where resource_id is not null
                )
            then 'provider_restatement'
            when is_otherwise is not null
            then case when is_otherwise then 'provider_restatement' else 'late_data' end
            -- It changed because of others: on its machine, on its bill.
            when metric = 'effective_cost' and month in (select month from lines_restated)
            then 'provider_restatement'
            when exists (select 1 from told where is_otherwise)
            then 'provider_restatement'
            else 'late_data'
        end,
        run_id,
        month,
        metric,
        unit,
        change
    from moved_runs
    union all
    -- What is no line told otherwise is a line told for the first time.
    select
        unnest(['provider_restatement', 'late_data']),
        null,
        month,
        metric,
        unit,
        unnest([coalesce(restated, 0), change - coalesce(restated, 0)])
    from moved
    left join bill_restated using (month, unit)
    where run_id is null
"""

_PARTS = """
    create temp table parts as
    select
        month, metric, unit, cause, $sign * sum(change) as change, count(distinct run_id) as runs
    from changes
    group by month, metric, unit, cause
    having sum(change) <> 0
"""

_TOTALS = """
    create temp table totals as
    select
        month,
        metric,
        unit,
        sum(case when state = $before then figure end) as before,
        sum(case when state = $after then figure end) as after
    from figures
    where state in ($before, $after)
    group by month, metric, unit
"""

_CHAINS = """
    select
        totals.month,
        totals.metric,
        totals.unit,
        totals.before,
        totals.after,
        map_from_entries(list((parts.cause, parts.change))) as changes,
        map_from_entries(list((parts.cause, parts.runs))) as runs
    from totals
    inner join
        parts
        on totals.month is not distinct from parts.month
        and totals.metric = parts.metric
        and totals.unit is not distinct from parts.unit
    group by all
    order by totals.month nulls last, totals.metric, totals.unit
"""

_METRICS = """
    select
        metric,
        unit,
        cast(sum(before) as double) as before,
        cast(sum(after) as double) as after,
        cast(coalesce(sum(after), 0) - coalesce(sum(before), 0) as double) as change
    from totals
    group by metric, unit
    order by metric, unit
"""

# The runs that moved any month's figure most, by their share of it.
_LARGEST_RUNS = """
    with
        shares as (
            select
                changes.*,
                abs(changes.change)
                / nullif(
                    greatest(abs(coalesce(totals.before, 0)), abs(coalesce(totals.after, 0))), 0
                ) as share
            from changes
            inner join
                totals
                on totals.month is not distinct from changes.month
                and totals.metric = changes.metric
                and totals.unit is not distinct from changes.unit
            where changes.run_id is not null
        ),

        figures_summed as (
            select
                cause, run_id, month, metric, sum(change) as change, max(share) as share
            from shares
            group by cause, run_id, month, metric
        ),

        runs_ranked as (
            select
                cause,
                run_id,
                month,
                map_from_entries(
                    list((metric, cast($sign * change as double)) order by metric)
                ) as changes,
                row_number() over (
                    partition by cause order by max(share) desc nulls last, run_id, month
                ) as place
            from figures_summed
            group by cause, run_id, month
        )

    select
        cause,
        run_id,
        (select max(job_name) from runs where runs.run_id = runs_ranked.run_id) as job_name,
        month,
        changes
    from runs_ranked
    where place <= $limit
    order by cause, place
"""

# 0, or this arithmetic is wrong.
_UNATTRIBUTED = """
    select
        cast(
            coalesce(
                sum(
                    abs(coalesce(after, 0) - coalesce(before, 0) - coalesce(attributed, 0))
                ), 0
            ) as double
        )
    from totals
    full outer join
        (
            select month, metric, unit, sum(change) as attributed
            from parts
            group by month, metric, unit
        ) as summed
        on totals.month is not distinct from summed.month
        and totals.metric = summed.metric
        and totals.unit is not distinct from summed.unit
"""


@dataclass(frozen=True)
class Change:
    """By how much a month's figure changed for one cause; `after` is the next cause's `before`.

    In `unit`; null where no run of the month has a value. The month is that of a run's start, null
    where the start is unknown, or that of the bill's usage. `runs` is how many runs changed.
    """

    month: date | None
    metric: str
    unit: str | None
    before: float | None
    after: float | None
    change: float
    cause: str
    runs: int


@dataclass(frozen=True)
class Attribution:
    """What changed, by month, metric and cause."""

    changes: list[Change]
    metrics: list[dict[str, Any]]  # metric, unit, before, after, change over all months
    runs: list[dict[str, Any]]  # cause, run_id, job_name, month, changes: {metric: change}
    unattributed: float


def attribute(
    steps: Iterable[Step],
    before: State,
    after: State,
    *,
    landing: Path,
    scratch: Path,
    runs: int = 0,
    months_before: date | None = None,
    is_reversed: bool = False,
) -> Attribution:
    """Add up what each step from one state to the other changed.

    `is_reversed` tells it as if `after` had come first. With `months_before`, no step is taken
    unless an earlier month changed. Raises BuildFailed when a state between cannot be built.
    """
    states = {before.folder: 0}
    last = states.setdefault(after.folder, 1)
    with duckdb.connect(str(scratch / "attribution.duckdb")) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(_TABLES)
        for folder in states:
            _add_state(connection, states[folder], folder)
        if not _has_moved(connection, last, months_before):
            steps = ()
        state = 0
        for step in steps:
            if step.folder not in states:
                states[step.folder] = len(states)
                _add_state(connection, states[step.folder], step.folder)
            sides = {"before": state, "after": states[step.folder]}
            connection.execute(_MOVED, sides)
            if step.what == "data":
                told.read(connection, landing, before.as_of, after.as_of)
                connection.execute(_ADD_DATA, sides)
            else:
                connection.execute(_ADD_STEP, {"cause": _CAUSE_OF_STEP[step.what]})
            state = sides["after"]
        sign, ends = (-1, (last, 0)) if is_reversed else (1, (0, last))
        connection.execute(_PARTS, {"sign": sign})
        connection.execute(_TOTALS, dict(zip(("before", "after"), ends, strict=True)))
        largest = snapshot.rows(connection, _LARGEST_RUNS, {"limit": runs, "sign": sign})
        return Attribution(
            changes=_chained(connection.execute(_CHAINS).fetchall()),
            metrics=snapshot.rows(connection, _METRICS),
            runs=sorted(largest, key=lambda row: CAUSES.index(row["cause"])),
            unattributed=connection.execute(_UNATTRIBUTED).fetchall()[0][0],
        )


def _has_moved(
    connection: duckdb.DuckDBPyConnection, last: int, months_before: date | None
) -> bool:
    connection.execute(_MOVED, {"before": 0, "after": last})
    return bool(
        connection.execute(
            "select exists (from moved where $month is null or month < $month)",
            {"month": months_before},
        ).fetchall()[0][0]
    )


def _add_state(connection: duckdb.DuckDBPyConnection, state: int, folder: Path) -> None:
    for view, mart, columns in (
        ("runs_published", "fct_runs", _RUNS),
        ("bill_published", "fct_billing_daily", _BILL),
    ):
        selected = _selected(connection, folder / f"{mart}.parquet", columns)
        connection.execute(f"create or replace temp view {view} as {selected}")
    connection.execute(_ADD_RUNS, {"state": state})
    connection.execute(_ADD_FIGURES, {"state": state})


def _selected(connection: duckdb.DuckDBPyConnection, file: Path, columns: Mapping[str, str]) -> str:
    """The query of some columns of a mart; what an older version does not have is null."""
    quoted = str(file).replace("'", "''")
    there = set(connection.read_parquet(str(file)).columns) if file.exists() else set()
    chosen = ", ".join(
        f"cast({name if name in there else 'null'} as {kind}) as {name}"
        for name, kind in columns.items()
    )
    origin = f"from read_parquet('{quoted}')" if there else "where false"
    return f"select {chosen} {origin}"


def _chained(rows: Iterable[tuple[Any, ...]]) -> list[Change]:
    """The parts of each figure that changed, in the order of CAUSES."""
    found = []
    for month, metric, unit, before, after, changes, runs in rows:
        parts = _tidied(changes, before, after)
        causes = [cause for cause in CAUSES if cause in parts]
        at = before
        for cause in causes:
            start, at = at, (at or 0) + parts[cause]
            if cause == causes[-1]:
                at = after
            found.append(
                Change(
                    month=month,
                    metric=metric,
                    unit=unit,
                    before=_float(start),
                    after=_float(at),
                    change=float(parts[cause]),
                    cause=cause,
                    runs=runs[cause],
                )
            )
    return found


def _tidied(
    changes: Mapping[str, Decimal], before: Decimal | None, after: Decimal | None
) -> dict[str, Decimal]:
    """The parts worth telling. What another code only rounds otherwise goes with the largest."""
    scale = max(abs(value) for value in (before, after, *changes.values()) if value is not None)
    if all(abs(change) <= scale * _NOTHING for change in changes.values()):
        return {}
    largest = max(changes, key=lambda cause: abs(changes[cause]))
    parts = {
        cause: change
        for cause, change in changes.items()
        if cause == largest or abs(change) > scale * _NO_PART
    }
    parts[largest] += sum(changes.values()) - sum(parts.values())
    return parts


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
