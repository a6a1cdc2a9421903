"""A month of a bill, delivered three times: it grows, is restated, and is corrected. Then a night
on which the bill is the same, but not what is asked of it.
"""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from billing_months import aws_machine, day, event, focus_csv, noise
from filelock import FileLock

from observatory import knowledge, snapshot
from observatory.refresh import refresh
from observatory.settings import load_settings

CONFIG = """
[sources.focus]
path = "bills"

[sources.run_events]
path = "events"
"""
# What is asked of the fourth night that was not asked before: other teams, a rule for lines that no
# rule of the product knows, and a grid that is told by hour.
ASKED_ANEW = """
[attribution]
team_tags = ["squad"]

[billing]
line_rules = "rules.csv"

[sources.intensity_file]
path = "ireland.csv"
accounting = "lifecycle"
"""
RULES = (
    "rule_id,priority,text_like,resource_class,allocation_hint,energy_rule\n"
    "mine,1,%timedstorage%,storage,ml,none:ours\n"
)
IRELAND = "zone,month,intensity\nIE,2026-08,7\n"
NIGHTS = [datetime(2026, 12, number, 3, tzinfo=UTC) for number in (11, 12, 13, 14)]
FIRST = [aws_machine(day(10, hour), "g5.xlarge", 1.0, "i-0aaa") for hour in (0, 1)]
GROWN = [*FIRST, *(aws_machine(day(10, hour), "g5.xlarge", 1.0, "i-0aaa") for hour in (2, 3))]
# Less discount than was thought, and an hour that was billed twice is gone.
RESTATED = [aws_machine(day(10, hour), "g5.xlarge", 1.25, "i-0aaa") for hour in (0, 1, 2)]
# No job log knows of its run before the fourth night.
LATE = [
    aws_machine(day(10, hour), "g5.xlarge", 2.0, "i-0bbb", Tags='{"team":"nlp","squad":"vision"}')
    for hour in (0, 1)
]
BILLS = [
    [*FIRST, *LATE, *noise(3, 9, 40)],
    [*GROWN, *LATE, *noise(3, 9, 60)],
    [*RESTATED, *LATE, *noise(4, 9, 50)],
]
COSTS = [2.0, 4.0, 3.75]
# Delivered once.
AUGUST = [
    *(aws_machine(day(5, hour, 8), "m5.xlarge", 0.2, "i-0ccc") for hour in range(5)),
    *noise(5, 8, 40),
]


@pytest.fixture(scope="module")
def site(shared_tmp: Path, spare_parsing: Callable[[Path], None]) -> dict[str, Any]:
    folder = shared_tmp / "three_deliveries"
    answer = folder / "site.json"
    with FileLock(shared_tmp / "three_deliveries.lock"):
        if not answer.exists():
            (folder / "bills").mkdir(parents=True)
            (folder / "events").mkdir()
            spare_parsing(folder / "data" / "dbt")
            (folder / "observatory.toml").write_text(CONFIG)
            (folder / "bills" / "august.csv").write_text(focus_csv(AUGUST))
            run = json.dumps(event("trained", day(10), 4, resource_id="i-0aaa"))
            (folder / "events" / "runs.jsonl").write_text(f"{run}\n")
            settings = load_settings(folder / "observatory.toml")
            nights, again, worked_out = [], [], []
            for instant, bill in zip(NIGHTS, BILLS, strict=False):
                (folder / "bills" / "september.csv").write_text(focus_csv(bill))
                nights.append(str(refresh(settings, now=instant).published.path))
                worked_out.append(months_worked_out(folder))
            late = json.dumps(event("late", day(10), 2, resource_id="i-0bbb"))
            (folder / "events" / "late.jsonl").write_text(f"{late}\n")
            (folder / "observatory.toml").write_text(CONFIG + ASKED_ANEW)
            (folder / "rules.csv").write_text(RULES)
            (folder / "ireland.csv").write_text(IRELAND)
            settings = load_settings(folder / "observatory.toml")
            nights.append(str(refresh(settings, now=NIGHTS[3]).published.path))
            worked_out.append(months_worked_out(folder))
            for night in (nights[0], nights[3]):
                as_of = knowledge.published(Path(night)).as_of
                rebuilt = refresh(settings, now=NIGHTS[3], as_of=as_of, full_refresh=True)
                again.append(str(rebuilt.published.path))
            answer.write_text(
                json.dumps({"nights": nights, "again": again, "worked_out": worked_out})
            )
    told: dict[str, Any] = json.loads(answer.read_text())
    return told


def months_worked_out(folder: Path) -> list[str]:
    """The billing months that the last build asked the bill's lines for."""
    models = folder / "data" / "dbt" / "compiled" / "observatory" / "models"
    sql = (models / "intermediate" / "cost" / "int_billing__lines_published.sql").read_text()
    return re.findall(r"'(\d{4}-\d\d-\d\d)'", sql)


def figures(folder: str) -> tuple[float, list[tuple[Any, ...]]]:
    """The run's cost, and the allocated bill by provider and currency, effective and billed."""
    with snapshot.connect(Path(folder)) as connection:
        ((cost,),) = connection.execute(
            "select effective_cost from fct_runs where run_id = 'trained'"
        ).fetchall()
        allocated = connection.execute(
            "select provider, cost_currency, round(sum(effective_cost), 6),"
            " round(sum(billed_cost), 6) from fct_cost_allocation group by all order by all"
        ).fetchall()
    return cost, allocated


def bill(lines: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    codes = {"AWS": "aws", "Google Cloud": "gcp", "Microsoft": "azure"}
    sums: dict[tuple[str, str], list[float]] = {}
    for one in lines:
        both = sums.setdefault((codes[one["ProviderName"]], one["BillingCurrency"]), [0.0, 0.0])
        both[0] += one["EffectiveCost"]
        both[1] += one["BilledCost"]
    return [(*key, round(a, 6), round(b, 6)) for key, (a, b) in sorted(sums.items())]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_each_night_has_the_bill_as_it_was_delivered_last(
    site: dict[str, Any], number: int
) -> None:
    cost, allocated = figures(site["nights"][number])
    assert cost == pytest.approx(COSTS[number], rel=1e-9)
    whole = bill([*AUGUST, *BILLS[number]])
    assert [row[:2] for row in allocated] == [row[:2] for row in whole]
    for found, expected in zip(allocated, whole, strict=True):
        assert found[2:] == pytest.approx(expected[2:], abs=2e-6)


def owners(folder: str) -> list[tuple[Any, ...]]:
    """Whose the late run's machine is: allocation, team and cost by day of the bill."""
    with snapshot.connect(Path(folder)) as connection:
        return connection.execute(
            "select allocation, team, sum(effective_cost) from fct_billing_daily"
            " where team is not null group by all order by all"
        ).fetchall()


def test_a_bill_that_did_not_change_serves_a_run_that_came_later(site: dict[str, Any]) -> None:
    assert owners(site["nights"][2]) == [("unallocated", "nlp", 4.0)]
    assert owners(site["nights"][3]) == [("run", "vision", 4.0)]
    with snapshot.connect(Path(site["nights"][3])) as connection:
        late = connection.execute(
            "select effective_cost, cost_method from fct_runs where run_id = 'late'"
        ).fetchall()
    assert late == [(4.0, "billed_resource")]
    assert owners(site["again"][1]) == owners(site["nights"][3])


def test_a_month_is_worked_out_again_when_something_of_it_changed(site: dict[str, Any]) -> None:
    august, september = "2026-08-01", "2026-09-01"
    assert site["worked_out"] == [
        [august, september],
        [september],
        [september],
        [august, september],  # a rule for both, a grid for August, a run in September
    ]


def rows(folder: str, sql: str) -> list[tuple[Any, ...]]:
    with snapshot.connect(Path(folder)) as connection:
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize(
    "mart",
    ["fct_billing_daily", "fct_billing_gaps", "fct_cost_allocation", "fct_unallocated_resources"],
)
def test_what_is_remembered_is_what_would_be_worked_out(site: dict[str, Any], mart: str) -> None:
    sql = f"select * from {mart} order by all"
    for remembered, anew in ((0, 0), (3, 1)):
        assert rows(site["nights"][remembered], sql) == rows(site["again"][anew], sql)


def test_factors_and_rules_reach_months_that_were_delivered_before(site: dict[str, Any]) -> None:
    grid = (
        "select round(sum(x_emissions_location_g_co2e) / sum(x_energy_kwh)) from fct_billing_daily"
        " where instance_type = 'm5.xlarge' and billing_period_date = '2026-08-01'"
    )
    assert rows(site["nights"][2], grid) != [(7.0,)]
    assert rows(site["nights"][3], grid) == [(7.0,)]
    ours = (
        "select count(*) > 0 from fct_billing_daily where missing_reason = 'ours'"
        " and billing_period_date = '2026-08-01'"
    )
    assert rows(site["nights"][2], ours) == [(False,)]
    assert rows(site["nights"][3], ours) == [(True,)]


def test_files_of_other_deliveries_are_not_opened(site: dict[str, Any]) -> None:
    warehouse = Path(site["nights"][0]).parents[1] / "warehouse.duckdb"
    with duckdb.connect(warehouse, read_only=True) as connection:
        bill_of = "from intermediate.int_billing__charges where delivery_id = "
        (newest,) = connection.execute(
            "select max(delivery_id) from intermediate.int_billing__deliveries"
        ).fetchall()[0]
        ((_, plan),) = connection.execute(
            f"explain (analyze, format json) select count(*), sum(billed_cost) {bill_of} '{newest}'"
        ).fetchall()
    landed = list((warehouse.parent / "landing" / "focus__charges").glob("*.parquet"))
    assert len(landed) > 3
    assert f'"Scanning Files": "1/{len(landed)}"' in plan
