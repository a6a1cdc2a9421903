"""A month of a bill, delivered three times: it grows, is restated, and is corrected. Then a night
on which the bill is the same, but not what is asked of it.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

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
SQUADS = """
[attribution]
team_tags = ["squad"]
"""
NIGHTS = [datetime(2026, 9, number, 3, tzinfo=UTC) for number in (11, 12, 13, 14)]
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


@pytest.fixture(scope="module")
def site(shared_tmp: Path) -> dict[str, Any]:
    folder = shared_tmp / "three_deliveries"
    answer = folder / "site.json"
    with FileLock(shared_tmp / "three_deliveries.lock"):
        if not answer.exists():
            (folder / "bills").mkdir(parents=True)
            (folder / "events").mkdir()
            (folder / "observatory.toml").write_text(CONFIG)
            run = json.dumps(event("trained", day(10), 4, resource_id="i-0aaa"))
            (folder / "events" / "runs.jsonl").write_text(f"{run}\n")
            settings = load_settings(folder / "observatory.toml")
            nights, again = [], []
            for instant, bill in zip(NIGHTS, BILLS, strict=False):
                (folder / "bills" / "september.csv").write_text(focus_csv(bill))
                nights.append(str(refresh(settings, now=instant).published.path))
            late = json.dumps(event("late", day(10), 2, resource_id="i-0bbb"))
            (folder / "events" / "late.jsonl").write_text(f"{late}\n")
            (folder / "observatory.toml").write_text(CONFIG + SQUADS)
            settings = load_settings(folder / "observatory.toml")
            nights.append(str(refresh(settings, now=NIGHTS[3]).published.path))
            for night in (nights[0], nights[3]):
                as_of = knowledge.published(Path(night)).as_of
                rebuilt = refresh(settings, now=NIGHTS[3], as_of=as_of, full_refresh=True)
                again.append(str(rebuilt.published.path))
            answer.write_text(json.dumps({"nights": nights, "again": again}))
    told: dict[str, Any] = json.loads(answer.read_text())
    return told


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
    assert [row[:2] for row in allocated] == [row[:2] for row in bill(BILLS[number])]
    for found, expected in zip(allocated, bill(BILLS[number]), strict=True):
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


def test_as_of_an_earlier_night_shows_the_earlier_bill(site: dict[str, Any]) -> None:
    assert figures(site["again"][0]) == figures(site["nights"][0])
