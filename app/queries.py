"""Every question the app asks, in SQL. No Streamlit here, and no typed value inside the text.

Each function takes a connection from `app.marts.open_marts` and returns a polars frame. `runs`
are the runs the filters chose; `previous_runs` those of the period of the same length just before;
`bill` are the lines of the bill and `unallocated` the resources on no run that they chose.
Units are in the names of the columns.
"""

from datetime import date
from typing import Any, Literal

import duckdb
import polars as pl

from observatory import snapshot

Connection = duckdb.DuckDBPyConnection
Grain = Literal["day", "week", "month"]
Dimension = Literal["team", "model_name", "region"]
Basis = Literal["effective", "billed"]
BillDimension = Literal["allocation", "provider", "account", "service", "team", "project", "region"]

# A run that ended in one of these used its energy for nothing.
WASTED = ["failed", "cancelled", "timeout", "out_of_memory", "preempted", "node_failure", "lost"]

SORTS = ("started", "duration", "energy", "emissions", "cost")


def _ask(con: Connection, sql: str, **params: Any) -> pl.DataFrame:
    frame = pl.from_arrow(con.sql(sql, params=params).to_arrow_table())
    assert isinstance(frame, pl.DataFrame)  # noqa: S101  (a table never becomes a Series)
    return frame


def bounds(con: Connection) -> pl.DataFrame:
    """First and last instant of any run, and how many there are. One row."""
    return _ask(
        con,
        """
        select
            min(coalesce(started_at_utc, ended_at_utc)) as first_at_utc,
            max(coalesce(started_at_utc, ended_at_utc)) as last_at_utc,
            count(*) as runs
        from fct_runs
        """,
    )


def options(con: Connection) -> pl.DataFrame:
    """What each filter can be. One row per dimension and value ('' = unknown), most runs first."""
    return _ask(
        con,
        """
        with
            named as (
                unpivot (
                    select
                        coalesce(team, '') as team,
                        coalesce(project, '') as project,
                        coalesce(model_name, '') as model,
                        coalesce(region, '') as region,
                        coalesce(owner, '') as owner,
                        coalesce(status, '') as status,
                        coalesce(energy_method, '') as method
                    from fct_runs
                )
                on team, project, model, region, owner, status, method
                into name dimension value value
            )

        select dimension, value, count(*) as runs
        from named
        group by all
        order by dimension, runs desc, value
        """,
    )


# --- overview ---


def totals(con: Connection) -> pl.DataFrame:
    """The chosen period and the one before. Two rows: period = 'current' | 'previous'.

    Sums are null, never 0, where no run has a value. Money is in `cost_currency`, the currency most
    runs have; the runs in another one are in `costs`.
    """
    return _ask(
        con,
        """
        with
            both_periods as (
                select 'current' as period, * from runs
                union all by name
                select 'previous' as period, * from previous_runs
            ),

            main_currency as (select mode(cost_currency) as cost_currency from both_periods),

            wasted_attempts as (
                select
                    run_id,
                    coalesce(sum(facility_energy_kwh) filter (where is_wasted), 0) as wasted_kwh
                from fct_run_attempts
                where is_wasted is not null
                group by run_id
            ),

            runs_judged as (
                select
                    both_periods.*,
                    coalesce(
                        wasted_attempts.wasted_kwh,
                        case
                            when list_contains($wasted, both_periods.status)
                            then both_periods.facility_energy_kwh
                            when both_periods.status is not null
                            then 0
                        end
                    ) as wasted_kwh
                from both_periods
                left join wasted_attempts using (run_id)
            ),

            periods as (select unnest(['current', 'previous']) as period),

            earliest as (
                select min(coalesce(started_at_utc, ended_at_utc)) as first_at_utc from fct_runs
            )

        select
            periods.period,
            count(runs_judged.run_id) as runs,
            count(facility_energy_kwh) as runs_with_energy,
            count(emissions_location_g_co2e) as runs_with_emissions,
            count(effective_cost) as runs_with_cost,
            count(emissions_embodied_g_co2e) as runs_with_embodied,
            count(water_l) as runs_with_water,

            sum(it_energy_kwh) as it_energy_kwh,
            sum(facility_energy_kwh) as facility_energy_kwh,
            sum(wasted_kwh) as wasted_energy_kwh,
            count(*) filter (where list_contains($wasted, status)) as wasted_runs,
            sum(facility_energy_kwh * measured_energy_ratio)
            / nullif(
                sum(facility_energy_kwh) filter (where measured_energy_ratio is not null), 0
            ) as measured_energy_ratio,

            sum(emissions_location_g_co2e) as emissions_location_g_co2e,
            sum(emissions_market_g_co2e) as emissions_market_g_co2e,
            sum(emissions_embodied_g_co2e) as emissions_embodied_g_co2e,
            sum(water_l) as water_l,

            sum(effective_cost) filter (
                where runs_judged.cost_currency is not distinct from main_currency.cost_currency
            ) as effective_cost,
            any_value(main_currency.cost_currency) as cost_currency,

            any_value(earliest.first_at_utc) <= getvariable('from_utc')
            - (getvariable('to_utc') - getvariable('from_utc')) as has_full_history
        from periods
        left join runs_judged using (period)
        cross join main_currency
        cross join earliest
        group by periods.period
        order by periods.period
        """,
        wasted=WASTED,
    )


def costs(con: Connection) -> pl.DataFrame:
    """Cost per currency: money is never added across currencies."""
    return _ask(
        con,
        """
        select cost_currency, sum(effective_cost) as effective_cost, count(*) as runs
        from runs
        where effective_cost is not null
        group by cost_currency
        order by runs desc, cost_currency
        """,
    )


# CTEs: the 90 % interval of each group of `grouped_runs` (run_id, group_key and the figures).
# A source of error moves its rows together and sources are independent, so the variance of a total
# is the sum over sources of (sum over runs of sigma)^2; bounds are never added. Null where a run
# has a figure but no source of error.
_INTERVALS = """
            sources_summed as (
                select
                    group_key,
                    source_key,
                    sum(sigma_kwh) as sigma_kwh,
                    sum(sigma_g_co2e) as sigma_g,
                    sum(sigma_embodied_g_co2e) as sigma_embodied
                from grouped_runs
                join fct_run_uncertainty using (run_id)
                group by all
            ),

            variances as (
                select
                    group_key,
                    sum(sigma_kwh * sigma_kwh) as energy_variance,
                    sum(sigma_g * sigma_g) as emissions_variance,
                    sum(sigma_embodied * sigma_embodied) as embodied_variance
                from sources_summed
                group by group_key
            ),

            largest_sigmas as (
                select
                    run_id,
                    coalesce(max(sigma_kwh), 0) as largest_kwh,
                    coalesce(max(sigma_g_co2e), 0) as largest_g,
                    coalesce(max(sigma_embodied_g_co2e), 0) as largest_embodied
                from fct_run_uncertainty
                group by run_id
            ),

            group_totals as (
                select
                    group_key,
                    sum(facility_energy_kwh) as kwh,
                    sum(emissions_location_g_co2e) as g,
                    sum(emissions_embodied_g_co2e) as embodied,
                    count_if(
                        facility_energy_kwh > 0 and coalesce(largest_kwh, 0) = 0
                    ) = 0 as is_energy_covered,
                    count_if(
                        emissions_location_g_co2e > 0 and coalesce(largest_g, 0) = 0
                    ) = 0 as is_g_covered,
                    count_if(
                        emissions_embodied_g_co2e > 0 and coalesce(largest_embodied, 0) = 0
                    ) = 0 as is_embodied_covered
                from grouped_runs
                left join largest_sigmas using (run_id)
                group by group_key
            ),

            intervals as (
                select
                    group_key,
                    case when is_energy_covered then p05(kwh, energy_variance) end
                        as facility_energy_kwh_p05,
                    case when is_energy_covered then p95(kwh, energy_variance) end
                        as facility_energy_kwh_p95,
                    case when is_g_covered then p05(g, emissions_variance) end
                        as emissions_location_g_co2e_p05,
                    case when is_g_covered then p95(g, emissions_variance) end
                        as emissions_location_g_co2e_p95,
                    case when is_embodied_covered then p05(embodied, embodied_variance) end
                        as emissions_embodied_g_co2e_p05,
                    case when is_embodied_covered then p95(embodied, embodied_variance) end
                        as emissions_embodied_g_co2e_p95
                from group_totals
                left join variances using (group_key)
            )
"""


def interval(con: Connection) -> pl.DataFrame:
    """The 90 % interval of the period's totals. One row, null where a run has none."""
    return _ask(
        con,
        f"""
        with grouped_runs as (select *, 'all' as group_key from runs), {_INTERVALS}
        select intervals.* exclude (group_key)
        from (select 'all' as group_key) as everything
        left join intervals using (group_key)
        """,  # noqa: S608  (constants of this file)
    )


def over_time(con: Connection, grain: Grain) -> pl.DataFrame:
    """Sums per day, week or month of the runs' start, with the interval of energy and emissions.
    Only the main currency's cost is counted."""
    return _ask(
        con,
        f"""
        with
            main_currency as (select mode(cost_currency) as cost_currency from runs),

            grouped_runs as (
                select *, date_trunc($grain, at_utc)::timestamp as group_key from runs
            ),

            {_INTERVALS},

            summed as (
                select
                    group_key,
                    count(*) as runs,
                    sum(facility_energy_kwh) as facility_energy_kwh,
                    sum(emissions_location_g_co2e) as emissions_location_g_co2e,
                    sum(effective_cost) filter (
                        where grouped_runs.cost_currency = main_currency.cost_currency
                    ) as effective_cost
                from grouped_runs
                cross join main_currency
                group by group_key
            )

        select group_key as at_utc, * exclude (group_key)
        from summed
        join intervals using (group_key)
        order by at_utc
        """,  # noqa: S608  (constants of this file)
        grain=grain,
    )


def breakdown(con: Connection, dimension: Dimension, sort: str, limit: int = 8) -> pl.DataFrame:
    """Sums per team, model or region, the largest first, with the interval of energy and emissions.

    The tail is one row, name = null and is_other. `sort` is energy | emissions | cost | runs.
    """
    return _ask(
        con,
        f"""
        with
            main_currency as (select mode(cost_currency) as cost_currency from runs),

            named_runs as (
                select
                    runs.* exclude (cost_currency),
                    case $dimension
                        when 'team' then team
                        when 'model_name' then model_name
                        when 'region' then region
                    end as name,
                    case
                        when runs.cost_currency = main_currency.cost_currency then effective_cost
                    end as main_cost
                from runs
                cross join main_currency
            ),

            names_ranked as (
                select
                    name,
                    row_number() over (
                        order by
                            case $sort
                                when 'energy' then sum(facility_energy_kwh)
                                when 'emissions' then sum(emissions_location_g_co2e)
                                when 'cost' then sum(main_cost)
                                else count(*)
                            end desc nulls last,
                            name
                    ) as place
                from named_runs
                group by name
            ),

            grouped_runs as (
                select named_runs.*, least(names_ranked.place, $limit + 1) as group_key
                from named_runs
                join names_ranked on named_runs.name is not distinct from names_ranked.name
            ),

            {_INTERVALS},

            summed as (
                select
                    group_key,
                    case when group_key <= $limit then any_value(name) end as name,
                    group_key > $limit as is_other,
                    count(*) as runs,
                    sum(facility_energy_kwh) as facility_energy_kwh,
                    sum(emissions_location_g_co2e) as emissions_location_g_co2e,
                    sum(main_cost) as effective_cost,
                    sum(facility_energy_kwh * measured_energy_ratio)
                    / nullif(sum(facility_energy_kwh), 0) as measured_energy_ratio
                from grouped_runs
                group by group_key
            )

        select group_key as place, * exclude (group_key)
        from summed
        join intervals using (group_key)
        order by place
        """,  # noqa: S608  (constants of this file)
        dimension=dimension,
        sort=sort,
        limit=limit,
    )


def method_mix(con: Connection) -> pl.DataFrame:
    """Which rung answered. One row per ladder ('energy' | 'factor' | 'cost') and rung.

    A run without a figure is the rung 'missing'.
    """
    return _ask(
        con,
        """
        select
            'energy' as ladder,
            case
                when facility_energy_kwh is null
                then 'missing'
                else coalesce(energy_method, 'missing')
            end as rung,
            count(*) as runs,
            sum(facility_energy_kwh) as facility_energy_kwh
        from runs
        group by all
        union all
        select
            'factor',
            case
                when emissions_location_g_co2e is null
                then 'missing'
                else coalesce(factor_resolution, 'missing')
            end,
            count(*),
            sum(facility_energy_kwh)
        from runs
        group by all
        union all
        select
            'cost',
            case
                when effective_cost is null then 'missing' else coalesce(cost_method, 'missing')
            end,
            count(*),
            sum(facility_energy_kwh)
        from runs
        group by all
        order by all
        """,
    )


def missing(con: Connection) -> pl.DataFrame:
    """Runs without a figure, and why. One row per figure ('energy' | 'emissions' | 'cost' |
    'embodied' | 'water') and reason (null where the snapshot gives none)."""
    return _ask(
        con,
        """
        select 'energy' as figure, missing_reason as reason, count(*) as runs
        from runs
        where facility_energy_kwh is null
        group by all
        union all
        select 'emissions', missing_reason, count(*)
        from runs
        where emissions_location_g_co2e is null and facility_energy_kwh is not null
        group by all
        union all
        select 'cost', coalesce(missing_cost_reason, missing_reason), count(*)
        from runs
        where effective_cost is null
        group by all
        union all
        select 'embodied', missing_embodied_reason, count(*)
        from runs
        where emissions_embodied_g_co2e is null
        group by all
        union all
        select 'water', missing_water_reason, count(*)
        from runs
        where water_l is null
        group by all
        order by
            list_position(['energy', 'emissions', 'cost', 'embodied', 'water'], figure),
            runs desc,
            reason
        """,
    )


def idle_hosts(con: Connection) -> pl.DataFrame:
    """What known hosts of the chosen regions stood idle for, beside what runs used. One row;
    hosts = 0 where none is known. A sum is null where a part of it is unknown."""
    return _ask(
        con,
        """
        with
            chosen_days as (
                select *
                from fct_host_energy_daily
                where
                    usage_date >= getvariable('from_utc')::date
                    and usage_date < getvariable('to_utc')
                    and (
                        len(getvariable('region')) = 0
                        or list_contains(getvariable('region'), coalesce(region, ''))
                    )
            ),

            idle_days as (select * from chosen_days where allocation = 'idle'),

            idle as (
                select
                    count(distinct (provider, region, host_id)) as hosts,
                    case
                        when count(facility_energy_kwh) = count(*) then sum(facility_energy_kwh)
                    end as facility_energy_kwh,
                    case
                        when count(emissions_location_g_co2e) = count(*)
                        then sum(emissions_location_g_co2e)
                    end as emissions_location_g_co2e
                from idle_days
            ),

            used as (
                select
                    case
                        when count(facility_energy_kwh) = count(*) then sum(facility_energy_kwh)
                    end as run_energy_kwh
                from chosen_days
                where allocation = 'run'
            )

        select * from idle cross join used
        """,
    )


# --- runs ---


def count_runs(con: Connection) -> int:
    """How many runs the filters chose."""
    return int(_ask(con, "select count(*) as runs from runs").item())


def list_runs(
    con: Connection, sort: str, descending: bool, limit: int, offset: int
) -> pl.DataFrame:
    """One page of the runs. `sort` is one of SORTS; unknown values come last either way."""
    return _ask(
        con,
        """
        select
            run_id, job_name, model_name, team, project, owner, region, status, started_at_utc,
            duration_s, facility_energy_kwh, facility_energy_kwh_p05, facility_energy_kwh_p95,
            emissions_location_g_co2e / 1000 as emissions_kg_co2e,
            emissions_location_g_co2e_p05 / 1000 as emissions_kg_co2e_p05,
            emissions_location_g_co2e_p95 / 1000 as emissions_kg_co2e_p95, effective_cost,
            cost_currency, energy_method, factor_resolution, cost_method
        from runs
        order by
            $direction
            * case $sort
                when 'duration' then duration_s
                when 'energy' then facility_energy_kwh
                when 'emissions' then emissions_location_g_co2e
                when 'cost' then effective_cost
                else epoch(at_utc)
            end asc nulls last,
            run_id
        limit $limit
        offset $offset
        """,
        sort=sort,
        direction=-1 if descending else 1,
        limit=limit,
        offset=offset,
    )


def scatter(con: Connection, limit: int = 2000) -> pl.DataFrame:
    """Cost and CO2e of the runs that have both above zero, the largest emitters first."""
    return _ask(
        con,
        """
        with main_currency as (select mode(cost_currency) as cost_currency from runs)

        select
            run_id, job_name, model_name, team, status, energy_method, facility_energy_kwh,
            facility_energy_kwh_p05, facility_energy_kwh_p95, emissions_location_g_co2e,
            emissions_location_g_co2e_p05, emissions_location_g_co2e_p95, effective_cost,
            runs.cost_currency
        from runs
        join main_currency using (cost_currency)
        where effective_cost > 0 and emissions_location_g_co2e > 0
        order by emissions_location_g_co2e desc, run_id
        limit $limit
        """,
        limit=limit,
    )


# --- one run ---


def run(con: Connection, run_id: str) -> pl.DataFrame:
    """Everything published of one run: one row, or none."""
    return _ask(con, "select * from fct_runs where run_id = $run_id", run_id=run_id)


def run_named(con: Connection, text: str) -> str | None:
    """The id of the run that one of its sources knows by that name."""
    return snapshot.run_named(con, text)


def similar_run_ids(con: Connection, text: str, limit: int = 5) -> pl.DataFrame:
    """Runs whose id looks like what was typed, the nearest first."""
    return _ask(
        con,
        """
        select run_id, job_name
        from fct_runs
        where
            contains(lower(run_id), lower($text))
            or contains(lower(job_name), lower($text))
            or jaro_winkler_similarity(lower(run_id), lower($text)) > 0.9
        order by jaro_winkler_similarity(lower(run_id), lower($text)) desc, run_id
        limit $limit
        """,
        text=text,
        limit=limit,
    )


def run_hours(con: Connection, run_id: str) -> pl.DataFrame:
    """The run hour by hour."""
    return _ask(
        con,
        "select * from fct_run_hours where run_id = $run_id order by hour_start_utc",
        run_id=run_id,
    )


def run_inputs(con: Connection, run_id: str) -> pl.DataFrame:
    """The inputs and the arithmetic of each component's energy, largest first."""
    return _ask(
        con,
        """
        select
            fct_run_energy_inputs.*,
            fct_run_energy_components.boundary,
            fct_run_energy_components.covered_ratio
        from fct_run_energy_inputs
        left join fct_run_energy_components using (run_id, component)
        where run_id = $run_id
        order by attempt, fct_run_energy_inputs.it_energy_kwh desc nulls last, component
        """,
        run_id=run_id,
    )


def run_sources_of_error(con: Connection, run_id: str) -> pl.DataFrame:
    """What makes the run's energy and emissions unsure, the largest share of the variance first."""
    return _ask(
        con,
        """
        select *
        from fct_run_uncertainty
        where run_id = $run_id
        order by
            source_kind = 'embodied',
            coalesce(emissions_variance_ratio, energy_variance_ratio) desc nulls last,
            embodied_variance_ratio desc nulls last,
            source_key
        """,
        run_id=run_id,
    )


def run_embodied(con: Connection, run_id: str) -> pl.DataFrame:
    """The inputs and the arithmetic of each part's manufacture, servers first."""
    return _ask(
        con,
        """
        select * from fct_run_embodied
        where run_id = $run_id
        order by attempt, part = 'accelerator'
        """,
        run_id=run_id,
    )


def run_cost_parts(con: Connection, run_id: str) -> pl.DataFrame:
    """What the run's cost is made of, the dearest part first."""
    return _ask(
        con,
        "select * from fct_run_cost_parts where run_id = $run_id order by part_number",
        run_id=run_id,
    )


def run_intensities(con: Connection, run_id: str) -> pl.DataFrame:
    """Software carbon intensity per functional unit; a row without one says why."""
    return _ask(
        con, "select * from fct_run_sci where run_id = $run_id order by kpi_name", run_id=run_id
    )


def run_metrics(con: Connection, run_id: str) -> pl.DataFrame:
    """What the run said of its work, by metric."""
    return _ask(
        con,
        "select * from fct_run_metrics where run_id = $run_id order by metric_name",
        run_id=run_id,
    )


def run_components(con: Connection, run_id: str) -> pl.DataFrame:
    """The components of a run, for snapshots without the inputs mart."""
    return _ask(
        con,
        """
        select * from fct_run_energy_components
        where run_id = $run_id
        order by it_energy_kwh desc nulls last, component
        """,
        run_id=run_id,
    )


def job_history(con: Connection, run_id: str, limit: int = 50) -> pl.DataFrame:
    """The last runs of the same job, this one among them, oldest first."""
    return _ask(
        con,
        """
        with
            this_run as (select job_name from fct_runs where run_id = $run_id),

            latest as (
                select
                    fct_runs.run_id, coalesce(started_at_utc, ended_at_utc) as at_utc, status,
                    duration_s, facility_energy_kwh, emissions_location_g_co2e, effective_cost,
                    cost_currency, fct_runs.run_id = $run_id as is_this_run
                from fct_runs
                join this_run using (job_name)
                order by is_this_run desc, at_utc desc, run_id
                limit $limit
            )

        select * from latest order by at_utc, run_id
        """,
        run_id=run_id,
        limit=limit,
    )


def run_anomalies(con: Connection, run_id: str) -> pl.DataFrame:
    """What was unusual about one run."""
    return _ask(
        con,
        """
        select * from fct_anomalies
        where run_id = $run_id and status = 'anomaly'
        order by ratio desc
        """,
        run_id=run_id,
    )


# --- anomalies ---


def anomalies(con: Connection, metrics: list[str], states: list[str]) -> pl.DataFrame:
    """The flagged runs among the chosen ones, the largest ratio first. Empty lists mean all."""
    return _ask(
        con,
        """
        select
            fct_anomalies.*, runs.team, runs.model_name, runs.cost_currency, runs.started_at_utc
        from fct_anomalies
        join runs using (run_id)
        where
            fct_anomalies.status = 'anomaly'
            and (len($metrics::varchar[]) = 0 or list_contains($metrics::varchar[], metric))
            and (len($states::varchar[]) = 0 or list_contains($states::varchar[], state))
        order by ratio desc nulls last, anomaly_id
        """,
        metrics=metrics,
        states=states,
    )


def anomaly_counts(con: Connection) -> pl.DataFrame:
    """How many comparisons were made. One row per status."""
    return _ask(
        con,
        """
        select fct_anomalies.status, count(*) as comparisons, count(distinct run_id) as runs
        from fct_anomalies
        join runs using (run_id)
        group by all
        order by all
        """,
    )


# --- the bill ---


# The cost asked for; what is of one billing month (of all where it is null) and currency.
_COST = "case $basis when 'billed' then billed_cost else effective_cost end"
_OF_MONTH = (
    "($month::date is null or billing_period_date = $month::date) and cost_currency = $currency"
)

# CTE: the lines of one billing month (all where it is null) and currency, at the cost asked for.
_CHOSEN_LINES = f"""
            chosen_lines as (
                select
                    *,
                    {_COST} as cost,
                    case $dimension
                        when 'allocation' then allocation
                        when 'provider' then provider
                        when 'account' then sub_account_id
                        when 'service' then service_name
                        when 'team' then team
                        when 'project' then project
                        when 'region' then region
                    end as name
                from bill
                where {_OF_MONTH}
            )
"""  # noqa: S608  (constants of this file)

# CTE: the same of the resources on no run.
_CHOSEN_RESOURCES = f"""
            chosen_resources as (
                select
                    *,
                    {_COST} as cost
                from unallocated
                where {_OF_MONTH}
            )
"""  # noqa: S608  (constants of this file)


def bill_options(con: Connection) -> pl.DataFrame:
    """What each filter of the bill can be. One row per dimension and value ('' = unknown), most
    lines first. A dimension that no line knows has no row."""
    return _ask(
        con,
        """
        with
            named as (
                unpivot (
                    select
                        coalesce(provider, '') as provider,
                        coalesce(sub_account_id, '') as account,
                        coalesce(service_name, '') as service,
                        coalesce(team, '') as team,
                        coalesce(project, '') as project,
                        coalesce(region, '') as region,
                        line_rows
                    from fct_billing_daily
                )
                on provider, account, service, team, project, region
                into name dimension value value
            ),

            counted as (
                select dimension, value, sum(line_rows)::bigint as lines from named group by all
            )

        select *
        from counted
        where dimension in (select dimension from counted where value <> '')
        order by dimension, lines desc, value
        """,
    )


def bill_months(con: Connection) -> pl.DataFrame:
    """The billing months of the chosen lines, the newest first, with their last day of usage."""
    return _ask(
        con,
        """
        select
            billing_period_date as month,
            max(usage_date) as last_day,
            sum(line_rows)::bigint as lines
        from bill
        where billing_period_date is not null
        group by all
        order by month desc
        """,
    )


def bill_currencies(con: Connection, month: date | None) -> pl.DataFrame:
    """The currencies of a billing month (null: of all), that of most lines first."""
    return _ask(
        con,
        """
        select cost_currency, sum(effective_cost) as effective_cost, sum(line_rows)::bigint as lines
        from bill
        where $month::date is null or billing_period_date = $month::date
        group by all
        order by lines desc, cost_currency
        """,
        month=month,
    )


def bill_split(con: Connection, basis: Basis, months: int = 6) -> pl.DataFrame:
    """Cost by whom it belongs to, of the latest months. One row per currency, provider, month and
    allocation: money is never added across currencies."""
    return _ask(
        con,
        f"""
        with
            latest as (
                select distinct billing_period_date
                from bill
                where billing_period_date is not null
                order by billing_period_date desc
                limit $months
            )

        select
            cost_currency,
            provider,
            billing_period_date as month,
            allocation,
            sum({_COST}) as cost,
            sum(x_energy_kwh) as energy_kwh,
            sum(x_emissions_location_g_co2e) as emissions_g_co2e
        from bill
        join latest using (billing_period_date)
        group by all
        order by cost_currency, provider, month, allocation
        """,  # noqa: S608  (constants of this file)
        basis=basis,
        months=months,
    )


def bill_by(
    con: Connection,
    basis: Basis,
    month: date | None,
    currency: str,
    dimension: BillDimension,
    limit: int = 1000,
) -> pl.DataFrame:
    """The bill by one dimension, the largest cost first, with its share of the whole, what of it is
    on no run, and `methods`: how its energy is known (method, kWh, cost), the largest first."""
    return _ask(
        con,
        f"""
        with
            {_CHOSEN_LINES},

            methods_summed as (
                select name, energy_method, sum(x_energy_kwh) as energy_kwh, sum(cost) as cost
                from chosen_lines
                group by all
            ),

            mixes as (
                select
                    name,
                    list(
                        struct_pack(
                            energy_method := energy_method, energy_kwh := energy_kwh, cost := cost
                        )
                        order by energy_kwh desc nulls last, cost desc, energy_method
                    ) as methods
                from methods_summed
                group by name
            ),

            summed as (
                select
                    name,
                    sum(cost) as cost,
                    coalesce(sum(cost) filter (where allocation = 'unallocated'), 0)
                    as unallocated_cost,
                    sum(x_energy_kwh) as energy_kwh,
                    sum(x_emissions_location_g_co2e) as emissions_g_co2e,
                    sum(line_rows)::bigint as lines
                from chosen_lines
                group by name
            )

        select
            summed.*, cost / nullif(sum(cost) over (), 0) as cost_ratio, mixes.methods
        from summed
        join mixes on summed.name is not distinct from mixes.name
        order by cost desc nulls last, summed.name
        limit $limit
        """,  # noqa: S608  (constants of this file)
        basis=basis,
        month=month,
        currency=currency,
        dimension=dimension,
        limit=limit,
    )


def bill_by_split(
    con: Connection,
    basis: Basis,
    month: date | None,
    currency: str,
    dimension: BillDimension,
    limit: int = 10,
) -> pl.DataFrame:
    """The largest of one dimension by allocation; the tail is one name, null and is_other. One row
    per place and allocation."""
    return _ask(
        con,
        f"""
        with
            {_CHOSEN_LINES},

            names_ranked as (
                select
                    name, row_number() over (order by sum(cost) desc nulls last, name) as place
                from chosen_lines
                group by name
            )

        select
            least(place, $limit + 1) as place,
            case when place <= $limit then chosen_lines.name end as name,
            place > $limit as is_other,
            allocation,
            sum(cost) as cost,
            sum(x_energy_kwh) as energy_kwh,
            sum(x_emissions_location_g_co2e) as emissions_g_co2e
        from chosen_lines
        join names_ranked on chosen_lines.name is not distinct from names_ranked.name
        group by all
        order by place, allocation
        """,  # noqa: S608  (constants of this file)
        basis=basis,
        month=month,
        currency=currency,
        dimension=dimension,
        limit=limit,
    )


def bill_fixes(con: Connection, basis: Basis, month: date | None, currency: str) -> pl.DataFrame:
    """What would put money on runs. One row per fix, the largest cost first."""
    return _ask(
        con,
        f"""
        with {_CHOSEN_RESOURCES}

        select
            fix_code,
            sum(cost) as cost,
            count(distinct (provider, sub_account_id, service_name, region, resource_id))
            as resources
        from chosen_resources
        group by fix_code
        order by cost desc nulls last, fix_code
        """,  # noqa: S608  (constants of this file)
        basis=basis,
        month=month,
        currency=currency,
    )


def bill_unallocated(
    con: Connection,
    basis: Basis,
    month: date | None,
    currency: str,
    fix_code: str = "",
    limit: int = 25,
) -> pl.DataFrame:
    """The costliest resources on no run, with what their tags say and what would fix it ('': any
    fix). One row per resource, tags and fix."""
    return _ask(
        con,
        f"""
        with {_CHOSEN_RESOURCES}

        select
            provider, sub_account_id, service_name, region, resource_id,
            max(resource_name) as resource_name, run_tag, job_tag, team, project, fix_code,
            sum(cost) as cost, cost_currency, max(last_used_on) as last_used_on
        from chosen_resources
        where $fix_code = '' or fix_code = $fix_code
        group by all
        order by
            cost desc nulls last, provider, sub_account_id, service_name, region, resource_id,
            run_tag, job_tag, team, project, fix_code
        limit $limit
        """,  # noqa: S608  (constants of this file)
        basis=basis,
        month=month,
        currency=currency,
        fix_code=fix_code,
        limit=limit,
    )


def bill_coverage(con: Connection, basis: Basis, month: date | None, currency: str) -> pl.DataFrame:
    """How much of the bill has a class, energy, or a stated reason why not. One row."""
    return _ask(
        con,
        f"""
        with {_CHOSEN_LINES}

        select
            sum(cost) as cost,
            sum(line_rows)::bigint as lines,
            coalesce(sum(cost) filter (where x_energy_kwh is not null), 0) as energy_cost,
            coalesce(
                sum(cost) filter (where x_energy_kwh is null and missing_reason is not null), 0
            ) as reason_cost,
            coalesce(sum(cost) filter (where missing_reason = 'no_rule'), 0) as classless_cost,
            coalesce(sum(line_rows) filter (where x_energy_kwh is not null), 0)::bigint
            as energy_lines,
            coalesce(
                sum(line_rows) filter (where x_energy_kwh is null and missing_reason is not null),
                0
            )::bigint as reason_lines,
            coalesce(sum(line_rows) filter (where missing_reason = 'no_rule'), 0)::bigint
            as classless_lines
        from chosen_lines
        """,  # noqa: S608  (constants of this file)
        basis=basis,
        month=month,
        currency=currency,
        dimension="allocation",
    )


def bill_gaps(
    con: Connection, basis: Basis, month: date | None, currency: str, limit: int = 12
) -> pl.DataFrame:
    """What of the bill used energy, or may have, but has no figure, and why. One row per reason and
    service, the costliest first."""
    return _ask(
        con,
        f"""
        with {_CHOSEN_LINES}

        select
            missing_reason,
            provider,
            service_name,
            sum(cost) as cost,
            sum(line_rows)::bigint as lines
        from chosen_lines
        where
            x_energy_kwh is null
            and missing_reason in (select missing_reason from fct_billing_gaps)
        group by all
        order by cost desc nulls last, missing_reason, provider, service_name
        limit $limit
        """,  # noqa: S608  (constants of this file)
        basis=basis,
        month=month,
        currency=currency,
        dimension="allocation",
        limit=limit,
    )


def bill_of_period(con: Connection) -> pl.DataFrame:
    """What the chosen days were billed, and what of it is on no run. One row per currency."""
    return _ask(
        con,
        """
        select
            cost_currency,
            sum(effective_cost) as effective_cost,
            coalesce(sum(effective_cost) filter (where allocation = 'unallocated'), 0)
            as unallocated_cost
        from bill
        where usage_date >= getvariable('from_utc')::date and usage_date < getvariable('to_utc')
        group by cost_currency
        order by effective_cost desc
        """,
    )


# --- data quality ---


def quality_by_source(con: Connection) -> pl.DataFrame:
    """Rows of the period per source, with its last day. One row per source."""
    return _ask(
        con,
        """
        select
            source,
            max(day) as last_day,
            sum(rows_in)::bigint as rows_in,
            sum(rows_landed)::bigint as rows_landed,
            sum(rows_rejected)::bigint as rows_rejected
        from fct_data_quality
        where day >= getvariable('from_utc')::date and day < getvariable('to_utc')
        group by source
        order by rows_in desc nulls last, source
        """,
    )


def quality_by_day(con: Connection) -> pl.DataFrame:
    """Rows and coverage. One row per day and source."""
    return _ask(
        con,
        """
        select * from fct_data_quality
        where day >= getvariable('from_utc')::date and day < getvariable('to_utc')
        order by day desc, source
        """,
    )


def coverage_by_day(con: Connection) -> pl.DataFrame:
    """Share of the day's runs with energy and with cost, and the measured share of the energy.

    Weighted by runs over the sources. One row per day and figure ('energy' | 'cost' | 'measured').
    """
    return _ask(
        con,
        """
        with
            days as (
                select
                    day,
                    sum(runs * runs_with_energy_ratio) / nullif(
                        sum(runs) filter (where runs_with_energy_ratio is not null), 0
                    ) as energy,
                    sum(runs * runs_with_cost_ratio) / nullif(
                        sum(runs) filter (where runs_with_cost_ratio is not null), 0
                    ) as cost,
                    sum(runs * measured_energy_ratio) / nullif(
                        sum(runs) filter (where measured_energy_ratio is not null), 0
                    ) as measured
                from fct_data_quality
                where day >= getvariable('from_utc')::date and day < getvariable('to_utc')
                group by day
            )

        select day::timestamp as at_utc, figure, ratio
        from (unpivot days on energy, cost, measured into name figure value ratio)
        order by all
        """,
    )


def factors_used(con: Connection) -> pl.DataFrame:
    """Which grid factors answered. One row per source, version, year and rung."""
    return _ask(
        con,
        """
        select
            factor_source_id,
            factor_version,
            factor_year,
            factor_resolution,
            max(factor_age_years) as factor_age_years,
            count(*) as runs,
            sum(facility_energy_kwh) as facility_energy_kwh
        from runs
        where emissions_location_g_co2e is not null
        group by all
        order by facility_energy_kwh desc nulls last, runs desc, factor_source_id
        """,
    )


def oldest_factor(con: Connection) -> pl.DataFrame:
    """The oldest grid factor in use among the chosen runs. One row, nulls if none is known."""
    return _ask(
        con,
        """
        select
            max(factor_age_years) as factor_age_years,
            arg_max(factor_source_id, factor_age_years) as factor_source_id,
            arg_max(coalesce(factor_zone, grid_zone_id), factor_age_years) as factor_zone,
            arg_max(factor_year, factor_age_years) as factor_year
        from runs
        """,
    )


def stale_factors(con: Connection) -> pl.DataFrame:
    """Places whose runs take factors older than the setting allows, of the chosen regions and of
    the whole snapshot. One row per kind, provider and region.
    """
    return _ask(
        con,
        """
        select kind, provider, region, newest_factor_year, factor_age_years, stale_after_years
        from fct_factor_freshness
        where
            is_stale
            and (
                len(getvariable('region')) = 0
                or list_contains(getvariable('region'), coalesce(region, ''))
            )
        order by kind, factor_age_years desc, provider, region
        """,
    )


def restatements(con: Connection, limit: int = 200) -> pl.DataFrame:
    """What nights changed in months published before, the newest night first. One row per month,
    metric, unit, cause and pair of versions; of a figure the causes in their order."""
    return _ask(
        con,
        """
        select
            to_as_of_utc,
            month,
            metric,
            unit,
            cause,
            before,
            after,
            change,
            runs,
            from_version,
            to_version
        from fct_restatements
        order by to_as_of_utc desc, month desc, metric, unit, cause_number
        limit $limit
        """,
        limit=limit,
    )


# --- calibration ---


def calibrations(con: Connection) -> pl.DataFrame:
    """Every calibration, per hardware first, the most metered first. One row per calibration."""
    return _ask(
        con,
        """
        select *
        from fct_calibration
        order by
            list_position(
                ['hardware', 'hardware_workload', 'hardware_family', 'component'], key_level
            ),
            component,
            points desc,
            key
        """,
    )


def calibration_points(con: Connection, calibration_id: str) -> pl.DataFrame:
    """The metered runs behind a calibration. One row per run and attempt."""
    return _ask(
        con,
        """
        select *
        from fct_calibration_points
        where calibration_id = $calibration_id
        order by run_id, attempt
        """,
        calibration_id=calibration_id,
    )


def metering_advice(con: Connection, limit: int = 10) -> pl.DataFrame:
    """What to meter next, the most to learn first. One row per job, hardware and component."""
    return _ask(
        con,
        "select * from fct_metering_advice order by advice_rank limit $limit",
        limit=limit,
    )
