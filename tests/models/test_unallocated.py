"""What is on no run: by resource, with what its tags say and the fix that the data proves."""

import json
from typing import Any

import pytest
from billing_months import aws_machine, azure_machine, day, event, files, line, noise

CONFIG = """
[reporting]
currency = "USD"

[sources.focus]
path = "bills"

[sources.run_events]
path = "events"
"""
RUNS = [
    event("known", day(10, 8), 2, resource_id="i-0known", instance_type="g5.xlarge"),
    event(
        "nightly-1",
        day(10, 2),
        1,
        job_name="Nightly",
        host_id="i-0night",
        region="eu-north-1",
        instance_type="g5.xlarge",
    ),
    # It says on no machine, and no tag on the bill names it.
    event("homeless", day(10, 8), 1, region="us-east-2", instance_type="g5.xlarge"),
]
BUCKET = {"ServiceName": "Amazon Simple Storage Service", "ServiceCategory": "Storage",
          "RegionId": "eu-west-1", "ConsumedQuantity": 100.0, "ConsumedUnit": "GB-Mo",
          "SkuMeter": "EU-TimedStorage-ByteHrs",
          "ChargeDescription": "$0.023 per GB - first 50 TB / month of storage used"}  # fmt: skip
BILL = [
    *(aws_machine(day(10, hour), "g5.xlarge", 1.0, "i-0known") for hour in (8, 9)),
    # Ten days after the run: the log knows the machine, not what it did then.
    *(aws_machine(day(20, hour), "g5.xlarge", 1.0, "i-0known") for hour in (8, 9, 10)),
    aws_machine(day(12), "g5.xlarge", 2.0, "i-0job", tags={"job": "nightly"}),
    aws_machine(day(12), "g5.xlarge", 3.0, "i-0gone", tags={"run_id": "Gone-1", "team": "Text"}),
    aws_machine(day(12), "g5.xlarge", 4.0, "i-0ghost", tags={"job_name": "ghost"}),
    aws_machine(day(12), "g5.xlarge", 5.0, "i-0bare", tags={"ml-project": "shelf"}),
    aws_machine(day(13), "g5.xlarge", 5.0, "i-0bare", BilledCost=4.0, tags={"ml-project": "shelf"}),
    # At the own price of 6 dollars the run without a machine takes one of three hours.
    *(
        aws_machine(day(12, h), "g5.xlarge", 6.0, "i-0east", RegionId="us-east-2")
        for h in (1, 2, 3)
    ),
    aws_machine(day(12), "g5.xlarge", 7.0, "", RegionId="eu-west-3"),
    line(day(1), 720, 8.0, ResourceId="arn:aws:s3:::scratch", **BUCKET),
    # Shared and other lines of the same resources are nobody's to fix.
    line(day(12), 1, 9.0, ResourceId="i-0bare", ChargeCategory="Tax", ServiceName="Tax"),
    aws_machine(day(12), "g5.xlarge", -1.0, "i-0bare", ChargeClass="Correction"),
    azure_machine(day(12), 10.0, 24.0, "/subscriptions/s-1/vm"),
    *noise(1, 9),
]


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    events = "\n".join(map(json.dumps, RUNS)) + "\n"
    return night("unallocated", CONFIG, {"events/runs.jsonl": events, **files(BILL, None)})


def found(marts: Any, resource: str) -> dict[str, Any]:
    (row,) = marts.rows("select * from fct_unallocated_resources where resource_id = ?", resource)
    assert isinstance(row, dict)
    return row


@pytest.mark.parametrize(
    ("resource", "fix", "cost"),
    [
        ("i-0known", "no_run_at_the_time", 3.0),
        ("i-0job", "no_run_at_the_time", 2.0),
        ("i-0gone", "run_tag_names_no_known_run", 3.0),
        ("i-0ghost", "job_tag_names_no_known_job", 4.0),
        ("i-0bare", "add_run_or_job_tag", 10.0),
        ("i-0east", "report_host", 12.0),
        ("arn:aws:s3:::scratch", "add_job_tag", 8.0),
        ("/subscriptions/s-1/vm", "add_run_or_job_tag", 10.0),
    ],
)
def test_a_resource_on_no_run_has_the_fix_that_the_data_proves(
    marts: Any, resource: str, fix: str, cost: float
) -> None:
    row = found(marts, resource)
    assert (row["fix_code"], row["effective_cost"]) == (fix, pytest.approx(cost, rel=1e-9))


def test_a_charge_of_no_resource_says_so(marts: Any) -> None:
    (row,) = marts.rows("select * from fct_unallocated_resources where region = 'eu-west-3'")
    assert row["fix_code"] == "export_names_no_resource" and row["resource_id"] is None
    assert row["effective_cost"] == pytest.approx(7.0)
    assert not marts.rows(
        "select * from fct_unallocated_resources"
        " where (resource_id is null) <> (fix_code = 'export_names_no_resource')"
        " and run_tag is null and job_tag is null"
    )


def test_it_says_whose_tags_name_it_and_when_it_was_last_used(marts: Any) -> None:
    gone, bare = found(marts, "i-0gone"), found(marts, "i-0bare")
    assert (gone["run_tag"], gone["job_tag"]) == ("gone-1", None)
    assert gone["team"] == "text" and gone["project"] is None
    assert bare["project"] == "shelf" and bare["team"] is None
    assert bare["last_used_on"] == day(13).date() and bare["line_rows"] == 2
    assert bare["billed_cost"] == pytest.approx(9.0) and bare["cost_currency"] == "USD"
    assert found(marts, "/subscriptions/s-1/vm")["provider"] == "azure"
    assert found(marts, "/subscriptions/s-1/vm")["cost_currency"] == "EUR"


def test_resources_on_no_run_come_to_what_the_bill_has_on_no_run(marts: Any) -> None:
    sums = (
        "select provider, cost_currency, sum({}) as cost from {} where {} group by all order by all"
    )
    for cost in ("effective_cost", "billed_cost"):
        listed = marts.rows(sums.format(cost, "fct_unallocated_resources", "true"))
        billed = marts.rows(sums.format(cost, "fct_billing_daily", "allocation = 'unallocated'"))
        assert [row["provider"] for row in listed] == [row["provider"] for row in billed]
        assert [row["cost"] for row in listed] == pytest.approx([row["cost"] for row in billed])


def test_what_runs_claim_is_not_listed(marts: Any) -> None:
    (known,) = marts.rows("select effective_cost from fct_cost_allocation where run_id = 'known'")
    assert known["effective_cost"] == pytest.approx(2.0)
