"""Cost of runs: every rung of the ladder on bills of three clouds, and not a cent lost."""

import csv
import io
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from billing_months import (
    aws_machine,
    azure_machine,
    day,
    event,
    files,
    gcp_core,
    line,
    noise,
    sagemaker,
)

from observatory.explain import as_text, evaluate, explain

CONFIG = """
[reporting]
currency = "USD"

[billing]
exchange_rates = "rates.csv"

[sources.focus]
path = "bills"

[sources.aws_cur]
path = "cur"

[sources.prices]
provider = "file"
path = "prices.csv"

[sources.run_events]
path = "events"
"""
PRICES = """\
provider,region,instance_type,price,currency,effective_from,effective_to,operating_system
aws,eu-north-1,m5.xlarge,0.40,EUR,2026-01-01,2026-09-01,Linux
aws,eu-north-1,m5.xlarge,0.20,EUR,2026-09-01,,Linux
aws,eu-north-1,m5.xlarge,0.90,EUR,2026-09-01,,Windows
aws,eu-north-1,m5.xlarge,0.10,EUR,2026-10-01,,Linux
aws,eu-west-1,g5.12xlarge,99,USD,2026-01-01,,Linux
"""
RATES = """\
from_currency,to_currency,rate,valid_from,valid_to,published_on,source
EUR,USD,1.10,2026-09-01,2026-09-11,2026-09-01,the treasury
EUR,USD,1.20,2026-09-01,2026-09-11,2026-09-15,the treasury
EUR,USD,1.30,2026-09-11,,2026-09-01,the treasury
EUR,USD,9.99,2026-09-01,,2199-01-01,nobody knows yet
"""
NODE = "arn:aws:ec2:eu-west-1:111111111111:instance/i-0bbb"
VM = "/subscriptions/S-1/resourceGroups/ml/providers/Microsoft.Compute/virtualMachines/Train"
POD = "arn:aws:eks:eu-west-1:333333333333:pod/cluster/ml/trainer/0f"
INSTANCE = "//compute.googleapis.com/projects/p/zones/europe-west4-a/instances/gke-1"

RUNS = [
    event("sagemaker", day(10, 8), 2, resource_id=sagemaker(day(1), "", 0, "fraud")["ResourceId"]),
    event("tagged", day(10, 8), 3),
    # A node of eight accelerators: three and two of them for an hour, then three for half of one.
    event(
        "eks-a",
        day(10, 8),
        1.5,
        host_id="aws:///eu-west-1a/i-0bbb",
        instance_type="g5.48xlarge",
        accelerator_count=3,
    ),
    event(
        "eks-b",
        day(10, 8),
        1,
        host_id="i-0bbb",
        instance_type="g5.48xlarge",
        accelerator_count=2,
    ),
    event(
        "eks-later",
        day(10, 11),
        0.5,
        host_id="i-0bbb",
        instance_type="g5.48xlarge",
        accelerator_count=8,
    ),
    event("nightly-1", day(10, 0), 1, job_name="Nightly Training", instance_type="g5.xlarge"),
    event("nightly-2", day(10, 2), 3, job_name="Nightly Training", instance_type="g5.xlarge"),
    # One after the other on one machine; the day's bill has nine hours.
    event("azure-1", day(10, 0), 6, host_id=VM, region="westeurope", instance_type="D4s_v5"),
    event("azure-2", day(10, 8), 2, host_id=VM, region="westeurope", instance_type="D4s_v5"),
    # The same on Google Cloud, where a machine of four vCPUs is billed by the core.
    event(
        "gcp-1",
        day(10, 0),
        1,
        host_id="gce://p/europe-west4-a/gke-1",
        region="europe-west4",
        instance_type="n2-standard-4",
    ),
    event(
        "gcp-2",
        day(10, 1),
        1,
        host_id="gke-1",
        region="europe-west4",
        instance_type="n2-standard-4",
    ),
    event("GCP:Label/7", day(10, 4), 1, region="europe-west4", instance_type="n2-standard-4"),
    event("pounds", day(10, 8), 1, resource_id="i-0eee"),
    event("nobody-bills", day(10, 8), 1, region="eu-north-1"),
    event("pod", day(10, 8), 1, resource_id=POD, instance_type="m5.4xlarge", vcpus=4),
    # On the type of a machine that nobody names: three hours of the five that there are.
    event("nobody-names", day(10, 8), 3, instance_type="g5.12xlarge"),
    *(
        event(f"too-many-{n}", day(10, 8), 2 * n, instance_type="c5.4xlarge", region="us-east-1")
        for n in (1, 2)
    ),
    event("listed", day(12, 8), 2, region="eu-north-1", instance_type="m5.xlarge"),
    # Twice the machine: claims beyond what there is are scaled.
    *(
        event(f"oversold-{n}", day(12, 8), 1, host_id="i-0fff", instance_type="g5.xlarge")
        for n in (1, 2)
    ),
]

BILL = [
    # The run had the first two hours; a correction of one of them is its too.
    *(sagemaker(day(10, h), "ml.g5.xlarge", 1.5, "fraud") for h in (8, 9)),
    sagemaker(day(10, 9), "ml.g5.xlarge", -0.25, "fraud", ChargeClass="Correction"),
    sagemaker(day(10, 20), "ml.g5.xlarge", 1.5, "other"),
    line(day(10, 8), 1, 0.4, ResourceId=NODE, ChargeCategory="Tax", ServiceName="Tax"),
    *(
        aws_machine(day(10, h), "g5.xlarge", 1.1, "i-0aaa", tags={"mlflow.run_id": "TAGGED"})
        for h in (8, 9, 10)
    ),
    line(
        day(1),
        720,
        7.0,
        tags={"Run-Id": "tagged"},
        ServiceName="Amazon Simple Storage Service",
        RegionId="eu-west-1",
        ResourceId="arn:aws:s3:::scratch",
        ConsumedQuantity=100.0,
        ConsumedUnit="GB-Mo",
        SkuMeter="EU-TimedStorage-ByteHrs",
    ),
    # The node's hours 7 to 12: before, with both, with one, between, with the last, after.
    *(
        aws_machine(
            day(10, h), "g5.48xlarge", 16.0, NODE, EffectiveCost=8.0, tags={"team": "platform"}
        )
        for h in (7, 8, 9, 10, 11, 12)
    ),
    aws_machine(day(10, 8), "g5.2xlarge", 1.2, "i-0ccc", SubAccountId="222222222222"),
    *(
        aws_machine(day(10, h), "g5.xlarge", 1.1, "i-0ddd", tags={"Job": "nightly-training"})
        for h in range(5)
    ),
    line(
        day(10),
        24,
        8.0,
        tags={"Job": "nightly-training"},
        ServiceName="Amazon Elastic Block Store",
        ResourceId="vol-1",
        RegionId="eu-west-1",
    ),
    azure_machine(day(10), 9.0, 9.0, VM),
    azure_machine(day(11), 9.0, 9.0, VM),
    gcp_core(day(10), 12.0, 12.0, INSTANCE),
    gcp_core(day(10), 3.0, 4.0, INSTANCE.replace("gke-1", "solo"), tags={"run_id": "gcp_label-7"}),
    aws_machine(day(10, 8), "g5.xlarge", 1.0, "i-0eee", currency="GBP"),
    aws_machine(day(12, 8), "g5.xlarge", 1.0, "i-0fff"),
    *(aws_machine(day(n), "g5.12xlarge", 6.0, f"i-{n}", EffectiveCost=4.5) for n in range(1, 6)),
    *(
        aws_machine(day(n), "c5.4xlarge", 1.0, f"i-{n}", RegionId="us-east-1", SubAccountId="4")
        for n in (1, 2, 3)
    ),
    *noise(1, 9),
    *noise(1, 8),
]


def cur_line(resource: str, cost: float, **more: Any) -> dict[str, Any]:
    """A line of an AWS cost and usage report, of hour 8 of the day."""
    return {
        "bill_billing_period_start_date": "2026-09-01T00:00:00Z",
        "bill_payer_account_id": "333333333333",
        "line_item_usage_account_id": "333333333333",
        "line_item_currency_code": "CHF",
        "line_item_line_item_type": "Usage",
        "line_item_product_code": "AmazonEC2",
        "line_item_unblended_cost": cost,
        "line_item_usage_start_date": "2026-09-10T08:00:00Z",
        "line_item_usage_end_date": "2026-09-10T09:00:00Z",
        "line_item_usage_type": "EU-BoxUsage:m5.4xlarge",
        "line_item_usage_amount": 1,
        "line_item_resource_id": resource,
        "pricing_unit": "Hrs",
        "split_line_item_parent_resource_id": "",
        "split_line_item_split_cost": "",
        "split_line_item_unused_cost": "",
    } | more


def pod_line(resource: str, used: float, unused: float) -> dict[str, Any]:
    """What a pod used of the node, and its part of what no pod did."""
    return cur_line(
        resource,
        0,
        line_item_usage_type="EU-EKS-EC2-vCPU-Hours",
        pricing_unit="vCPU-Hours",
        split_line_item_parent_resource_id="i-0999",
        split_line_item_split_cost=used,
        split_line_item_unused_cost=unused,
    )


def cur_csv() -> str:
    lines = [cur_line("i-0999", 8), pod_line(POD, 3, 1), pod_line("another-pod", 2, 2)]
    text = io.StringIO()
    writer = csv.DictWriter(text, lines[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    return night("cost_of_runs", CONFIG, inputs())


def inputs(seed: int | None = None) -> dict[str, str]:
    return {
        "rates.csv": RATES,
        "prices.csv": PRICES,
        "events/runs.jsonl": "\n".join(map(json.dumps, RUNS)) + "\n",
        "cur/report.csv": cur_csv(),
        **files(BILL, seed),
    }


def cost(marts: Any, run_id: str) -> tuple[str, float | None]:
    run = marts.run(run_id)
    assert run["cost_currency"] == "USD"
    return run["cost_method"], run["effective_cost"]


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-9)


def test_a_resource_of_the_runs_own_with_its_correction(marts: Any) -> None:
    assert cost(marts, "sagemaker") == ("billed_resource", close(2.75))


def test_a_tag_names_the_run_however_it_is_written(marts: Any) -> None:
    assert cost(marts, "tagged") == ("billed_tag", close(3 * 1.1 + 7.0))
    assert cost(marts, "GCP:Label/7") == ("billed_tag", close(3.0))


def test_runs_share_a_node_by_what_they_hold_of_it(marts: Any) -> None:
    assert cost(marts, "eks-a") == ("billed_share", close(8.0 * 3 / 8 * 1.5))
    assert cost(marts, "eks-b") == ("billed_share", close(8.0 * 2 / 8))
    assert cost(marts, "eks-later") == ("billed_share", close(8.0 * 0.5))
    assert cost(marts, "oversold-1") == ("billed_share", close(0.5))


def test_a_pod_takes_what_the_provider_splits_to_it(marts: Any) -> None:
    (row,) = marts.rows("select * from fct_cost_allocation where run_id = 'pod'")
    assert (row["cost_method"], row["effective_cost"], row["billed_cost"]) == (
        "billed_share",
        close(3.0),
        close(3.0),
    )
    rows = marts.rows(
        "select allocation, sum(effective_cost) as cost from fct_billing_daily"
        " where cost_currency = 'CHF' group by all having sum(effective_cost) <> 0 order by all"
    )
    # Three francs are nobody's of the pods; two are the other pod's.
    assert {row["allocation"]: row["cost"] for row in rows} == {
        "idle": close(3.0),
        "run": close(3.0),
        "unallocated": close(2.0),
    }


def test_a_run_that_the_bill_does_not_name_has_the_own_price(marts: Any) -> None:
    assert cost(marts, "nobody-names") == ("own_rate", close(3 * 4.5))
    assert not marts.run("nobody-names")["is_imputed"]
    rows = marts.rows(
        "select allocation, sum(effective_cost) as cost, sum(billed_cost) as billed"
        " from fct_billing_daily where instance_type = 'g5.12xlarge' group by all"
    )
    assert {row["allocation"]: (row["cost"], row["billed"]) for row in rows} == {
        "run": (close(13.5), close(18.0)),
        "unallocated": (close(9.0), close(12.0)),
    }


def test_a_run_without_a_bill_has_the_list_price_of_its_day(marts: Any) -> None:
    assert cost(marts, "listed") == ("list_price", close(2 * 0.20 * 1.3))
    assert marts.run("listed")["is_imputed"]
    assert not marts.rows("select * from fct_cost_allocation where run_id = 'listed'")


def test_no_more_than_is_left_moves_to_runs(marts: Any) -> None:
    # Six hours at a dollar are wanted of three.
    assert cost(marts, "too-many-1") == ("own_rate", close(1.0))
    assert cost(marts, "too-many-2") == ("own_rate", close(2.0))
    derivation = as_text(explain(Path(marts.folder).parent, "too-many-1"))
    assert "for 0.5 of its hours: no more was left on the bill" in derivation


def test_what_runs_do_not_hold_of_their_node_is_idle(marts: Any) -> None:
    rows = marts.rows(
        "select sum(effective_cost) as effective, sum(billed_cost) as billed"
        " from fct_billing_daily where allocation = 'idle' and instance_type = 'g5.48xlarge'"
    )
    # Four of the six hours lie between the first run and the last; of the others nobody knows.
    idle = 8.0 * (4 - 3 / 8 * 1.5 - 2 / 8 - 0.5)
    assert (rows[0]["effective"], rows[0]["billed"]) == (close(idle), close(2 * idle))


def test_a_tag_of_the_job_is_spread_over_its_runs_by_device_hours(marts: Any) -> None:
    # Hours 0 and 2 to 4 of the machine are a run's each; in hour 1 the job did not run.
    assert cost(marts, "nightly-1") == ("billed_tag", close(1.1 + 8.0 / 4))
    assert cost(marts, "nightly-2") == ("billed_tag", close(3.3 + 8.0 * 3 / 4))


def test_a_machine_pays_for_the_hours_it_was_on(marts: Any) -> None:
    # Nine euros for nine hours on the day's newest known rate.
    assert cost(marts, "azure-1") == ("billed_share", close(6.0 * 1.2))
    assert cost(marts, "azure-2") == ("billed_share", close(2.0 * 1.2))
    # Twelve core-hours of four cores are three hours.
    assert cost(marts, "gcp-1") == ("billed_share", close(4.0))


def test_without_a_rate_the_cost_is_unknown_but_not_the_bill(marts: Any) -> None:
    assert cost(marts, "pounds") == ("missing", None)
    assert marts.run("pounds")["missing_cost_reason"] == "no_exchange_rate"
    (part,) = marts.rows("select * from fct_run_cost_parts where run_id = 'pounds'")
    assert (part["part_cost"], part["part_currency"], part["effective_cost"]) == (1.0, "GBP", None)
    (row,) = marts.rows("select * from fct_cost_allocation where run_id = 'pounds'")
    assert (row["effective_cost"], row["cost_currency"]) == (1.0, "GBP")


def test_what_no_run_claims_is_unallocated(marts: Any) -> None:
    (row,) = marts.rows(
        "select allocation, effective_cost from fct_billing_daily where instance_type = ?",
        "g5.2xlarge",
    )
    assert row == {"allocation": "unallocated", "effective_cost": close(1.2)}
    assert cost(marts, "nobody-bills") == ("missing", None)
    assert marts.run("nobody-bills")["missing_cost_reason"] == "no_bill_and_no_rate"


def bill_of(texts: list[str]) -> dict[tuple[str, str, str], tuple[float, float, float]]:
    """Effective and billed cost, and the size of both, by provider, month and currency."""
    codes = {"AWS": "aws", "Google Cloud": "gcp", "Microsoft": "azure"}
    sums: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for text in texts:
        for row in csv.DictReader(io.StringIO(text)):
            provider = codes.get(row["ProviderName"], row["ProviderName"].lower())
            key = (provider, row["BillingPeriodStart"][:7], row["BillingCurrency"])
            effective, billed = float(row["EffectiveCost"]), float(row["BilledCost"])
            for place, value in enumerate((effective, billed, abs(effective) + abs(billed))):
                sums[key][place] += value
    return {key: (a, b, c) for key, (a, b, c) in sums.items()}


def assert_allocated_is(marts: Any, texts: list[str]) -> None:
    expected = bill_of(texts)
    rows = marts.rows(
        "select provider, strftime(billing_period, '%Y-%m') as month, cost_currency,"
        " sum(effective_cost) as effective, sum(billed_cost) as billed"
        " from fct_cost_allocation where cost_currency <> 'CHF' group by all"
    )
    found = {(r["provider"], r["month"], r["cost_currency"]): r for r in rows}
    assert set(found) == set(expected)
    for key, (effective, billed, size) in expected.items():
        assert found[key]["effective"] == pytest.approx(effective, abs=1e-6 * size), key
        assert found[key]["billed"] == pytest.approx(billed, abs=1e-6 * size), key


def test_allocated_is_the_bill_of_every_provider_month_and_currency(marts: Any) -> None:
    assert_allocated_is(marts, list(files(BILL).values()))
    (row,) = marts.rows(
        "select sum(effective_cost) as cost, sum(billed_cost) as billed"
        " from fct_cost_allocation where cost_currency = 'CHF'"
    )
    assert row == {"cost": close(8.0), "billed": close(8.0)}
    kinds = marts.rows("select allocation, count(*) as n from fct_cost_allocation group by all")
    found = {row["allocation"] for row in kinds}
    assert found == {"run", "idle", "unallocated", "not_ml", "shared"}


def test_runs_without_claims_leave_taxes_credits_and_waste_shared(marts: Any) -> None:
    rows = marts.rows(
        "select distinct allocation from fct_billing_daily"
        " where charge_category in ('Tax', 'Credit', 'Purchase', 'Adjustment')"
    )
    assert rows == [{"allocation": "shared"}]


def test_the_order_of_the_bill_does_not_matter(marts: Any, night: Any) -> None:
    shuffled = night("cost_of_runs_shuffled", CONFIG, inputs(seed=7))
    for mart, columns in (
        ("fct_cost_allocation", "*"),
        ("fct_run_cost_parts", "* exclude (cost_origin)"),
        ("fct_billing_daily", "*"),
    ):
        query = f"select {columns} from {mart} order by all"
        assert shuffled.rows(query) == marts.rows(query), mart


def test_explain_shows_the_share_and_its_arithmetic(marts: Any) -> None:
    derivation = explain(Path(marts.folder).parent, "eks-a")
    steps = {step.name: step for step in derivation.steps if "cost" in step.name}
    part = next(step for name, step in steps.items() if "i-0bbb" in name)
    assert evaluate(part.expression) == close(part.value) == close(4.5)
    assert "3.0 of 8.0 accelerators × 1.5 h of 2 h" in part.origin
    text = as_text(derivation)
    assert "COST" in text and "billed_share" in text


def test_explain_shows_the_exchange_rate(marts: Any) -> None:
    text = as_text(explain(Path(marts.folder).parent, "azure-1"))
    assert "the treasury, published 2026-09-15" in text
