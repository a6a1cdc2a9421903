"""What the demo shows on one screen, from the published snapshot."""

from pathlib import Path
from typing import Any

from observatory import snapshot

TEAMS_SHOWN = 5


def summary(folder: Path) -> dict[str, Any]:
    """The period, the bills, the largest teams, and what stands out."""
    there = set(snapshot.marts(folder))
    with snapshot.connect(folder) as connection:

        def ask(mart: str, sql: str) -> list[dict[str, Any]]:
            return snapshot.rows(connection, sql) if mart in there else []

        period = ask(
            "fct_runs",
            "select min(started_at_utc) as first, max(ended_at_utc) as last from fct_runs",
        )
        recent = ask("fct_runs", _RECENT)
        teams = ask("fct_runs", _TEAMS)
        bills = ask("fct_billing_daily", _BILLS)
        anomalies = ask("fct_anomalies", _ANOMALIES)
        largest = ask("fct_runs", _LARGEST)
    remarkable = [{**row, "sentence": _anomaly_sentence(row)} for row in anomalies] or [
        {**row, "sentence": _largest_sentence(row)} for row in largest
    ]
    span = [period[0]["first"], period[0]["last"]] if period else []
    return {
        "period": [instant.isoformat() for instant in span if instant is not None],
        "recent": recent[0] if recent else None,
        "bills": bills,
        "teams": teams,
        "remarkable": remarkable,
        "example_run_id": remarkable[0]["run_id"] if remarkable else None,
    }


# The period that the app opens on: the 30 days up to the last run's day.
_RECENT = """
    with
        last_day as (select max(cast(started_at_utc as date)) as day from fct_runs)

    select
        count(*) as runs,
        sum(facility_energy_kwh) as facility_energy_kwh,
        sum(emissions_location_g_co2e) as emissions_location_g_co2e,
        sum(effective_cost) as effective_cost,
        count(facility_energy_kwh) / nullif(count(*), 0) as coverage_ratio
    from fct_runs
    where cast(started_at_utc as date) > (select day - 30 from last_day)
"""

_TEAMS = f"""
    select
        team,
        count(*) as runs,
        sum(facility_energy_kwh) as facility_energy_kwh,
        sum(emissions_location_g_co2e) as emissions_location_g_co2e,
        sum(effective_cost) as effective_cost,
        case when count(distinct cost_currency) = 1 then any_value(cost_currency) end
            as cost_currency
    from fct_runs
    group by team
    order by facility_energy_kwh desc nulls last, team
    limit {TEAMS_SHOWN}
"""  # noqa: S608 - a constant

_BILLS = """
    select cost_currency, sum(effective_cost) as effective_cost
    from fct_billing_daily
    group by cost_currency
    order by cost_currency
"""

# One line per run, about its energy if that is what stands out.
_ANOMALIES = """
    with
        worst as (
            select distinct on (run_id) run_id, job_name, owner, metric, ratio, main_cause
            from fct_anomalies
            where status = 'anomaly'
            order by run_id, metric <> 'facility_energy_kwh', ratio desc
        )

    select * from worst order by ratio desc, run_id limit 3
"""

_LARGEST = """
    select run_id, job_name, owner, status, facility_energy_kwh
    from fct_runs
    where facility_energy_kwh is not null
    order by facility_energy_kwh desc, run_id
    limit 1
"""


_METRICS = {
    "facility_energy_kwh": "energy",
    "effective_cost": "cost",
    "emissions_location_g_co2e": "emissions",
    "duration_s": "duration",
}


def _anomaly_sentence(row: dict[str, Any]) -> str:
    what = _METRICS.get(row["metric"], row["metric"])
    cause = f", mainly {row['main_cause'].replace('_', ' ')}" if row["main_cause"] else ""
    return (
        f"anomaly: {row['run_id']} of {row['owner'] or 'unknown'} had {row['ratio']:.1f} × "
        f"the usual {what}{cause}"
    )


def _largest_sentence(row: dict[str, Any]) -> str:
    return (
        f"largest run: {row['job_name']} of {row['owner'] or 'unknown'}, "
        f"{row['facility_energy_kwh']:,.1f} kWh, {row['status']}"
    )
