"""Months of AWS, Google Cloud and Azure bills as FOCUS files, and runs that caused parts of them.

Everything is seeded: the same month is the same file on every machine. Each month has hourly and
daily usage in several accounts, commitments (fees, used and unused), taxes, support, credits,
refunds, corrections, marketplace, free, and negative lines.
"""

import csv
import io
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

COLUMNS = [
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountId",
    "CommitmentDiscountStatus",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "ListCost",
    "PricingCategory",
    "ProviderName",
    "RegionId",
    "ResourceId",
    "ResourceName",
    "ServiceCategory",
    "ServiceName",
    "SkuMeter",
    "SubAccountId",
    "SubAccountName",
    "Tags",
]

Line = dict[str, Any]


def day(number: int, hour: float = 0, month: int = 9) -> datetime:
    """An instant of the month that the runs are in: September 2026, UTC."""
    return datetime(2026, month, number, tzinfo=UTC) + timedelta(hours=hour)


def line(
    start: datetime,
    hours: float,
    cost: float,
    *,
    provider: str = "AWS",
    currency: str = "USD",
    tags: dict[str, str] | None = None,
    **more: Any,
) -> Line:
    """A FOCUS charge; `cost` is effective, billed and listed unless `more` says otherwise."""
    month = start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    values: Line = {
        "BillingAccountId": f"{provider}-payer",
        "BillingCurrency": currency,
        "BillingPeriodStart": month,
        "BillingPeriodEnd": (month + timedelta(days=32)).replace(day=1),
        "ChargePeriodStart": start,
        "ChargePeriodEnd": start + timedelta(hours=hours),
        "ChargeCategory": "Usage",
        "ProviderName": provider,
        "SubAccountId": "111111111111",
        "BilledCost": cost,
        "EffectiveCost": cost,
        "ListCost": cost,
        "ContractedCost": cost,
        "Tags": json.dumps(tags) if tags else "",
    }
    return values | more


def aws_machine(
    start: datetime, kind: str, price: float, resource: str, hours: float = 1.0, **more: Any
) -> Line:
    """An hour of an EC2 machine, of which it was on for `hours`."""
    values: Line = {
        "ServiceName": "Amazon Elastic Compute Cloud",
        "ServiceCategory": "Compute",
        "RegionId": "eu-west-1",
        "ResourceId": resource,
        "ConsumedQuantity": hours,
        "ConsumedUnit": "Hrs",
        "SkuMeter": f"EU-BoxUsage:{kind}",
        "ChargeDescription": f"${price} per On Demand Linux {kind} Instance Hour",
    }
    return line(start, 1, round(price * hours, 10), **(values | more))


def sagemaker(start: datetime, kind: str, cost: float, job: str, **more: Any) -> Line:
    """An hour of a SageMaker training job."""
    values: Line = {
        "ServiceName": "Amazon SageMaker",
        "ServiceCategory": "AI and Machine Learning",
        "RegionId": "eu-west-1",
        "ResourceId": f"arn:aws:sagemaker:eu-west-1:111111111111:training-job/{job}",
        "ConsumedQuantity": 1.0,
        "ConsumedUnit": "Hrs",
        "SkuMeter": f"EU-Train:{kind}",
        "ChargeDescription": f"${cost} per Training {kind} hour in EU (Ireland)",
    }
    return line(start, 1, cost, **(values | more))


def azure_machine(start: datetime, cost: float, hours: float, resource: str, **more: Any) -> Line:
    """A day of an Azure machine, of which it was on for `hours`."""
    values: Line = {
        "provider": "Microsoft",
        "currency": "EUR",
        "ServiceName": "Virtual Machines",
        "ServiceCategory": "Compute",
        "RegionId": "westeurope",
        "ResourceId": resource,
        "SubAccountId": "/subscriptions/s-1",
        "ConsumedQuantity": hours,
        "ConsumedUnit": "1 Hour",
        "SkuMeter": "D4s v5",
        "ChargeDescription": "Virtual Machines Dsv5 Series - D4s v5 - EU West",
    }
    return line(start, 24, cost, **(values | more))


def gcp_core(start: datetime, cost: float, core_hours: float, resource: str, **more: Any) -> Line:
    """A day of a Google Cloud machine's cores."""
    values: Line = {
        "provider": "Google Cloud",
        "ServiceName": "Compute Engine",
        "ServiceCategory": "Compute",
        "RegionId": "europe-west4",
        "ResourceId": resource,
        "SubAccountId": "gcp-project",
        "ConsumedQuantity": core_hours,
        "ConsumedUnit": "hour",
        "ChargeDescription": "N2 Instance Core running in Netherlands",
    }
    return line(start, 24, cost, **(values | more))


def noise(seed: int, month: int, lines: int = 150) -> Iterator[Line]:
    """What else is on the bills of a month, of three providers, nobody's run."""
    dice = random.Random(seed * 100 + month)  # noqa: S311
    for number in range(lines):
        provider, currency = dice.choice(
            [("AWS", "USD"), ("AWS", "GBP"), ("Google Cloud", "USD"), ("Microsoft", "EUR")]
        )
        start = day(dice.randint(1, 28), dice.randint(0, 23), month)
        cost = dice.choice([0.0, dice.uniform(0.0001, 2), dice.uniform(1, 900), 1e-10])
        effective = cost * dice.choice([1.0, 1.0, 0.61])
        values: Line = {
            "EffectiveCost": effective,
            "ListCost": cost * 1.1,
            "SubAccountId": dice.choice(["111111111111", "222222222222", "gcp-project"]),
            "RegionId": dice.choice(["eu-west-1", "europe-west4", "westeurope", ""]),
            "ResourceId": dice.choice(["", f"something-{number}", "arn:aws:s3:::data"]),
            "ConsumedQuantity": dice.choice(["", dice.uniform(0, 1000)]),
            "ConsumedUnit": dice.choice(["GB-Mo", "Requests", "Hrs", ""]),
            "ServiceName": dice.choice(
                ["Amazon Simple Storage Service", "Cloud Storage", "Virtual Machines", "Support"]
            ),
            "ChargeDescription": dice.choice(
                ["TimedStorage-ByteHrs", "Standard Storage", "AWS Marketplace software usage", "-"]
            ),
        }
        kind = dice.randint(0, 19)
        if kind == 0:
            values |= {"ChargeCategory": "Tax", "EffectiveCost": cost}
        elif kind == 1:
            values |= {"ChargeCategory": "Credit", "BilledCost": -cost, "EffectiveCost": -cost}
        elif kind == 2:
            values |= {"ChargeCategory": "Purchase", "EffectiveCost": 0.0, "BilledCost": cost}
        elif kind == 3:
            values |= {"CommitmentDiscountStatus": "Unused", "BilledCost": 0.0}
        elif kind == 4:
            values |= {"ChargeClass": "Correction", "BilledCost": -cost, "EffectiveCost": -cost}
        elif kind == 5:
            values |= {"ChargeCategory": "Adjustment", "BilledCost": -cost, "EffectiveCost": -cost}
        elif kind == 6:
            values |= {"BilledCost": -cost, "EffectiveCost": -cost}
        elif kind == 7:
            values |= {"CommitmentDiscountStatus": "Used", "BilledCost": 0.0}
        yield line(
            start, dice.choice([1, 24]), cost, provider=provider, currency=currency, **values
        )


def event(run_id: str, start: datetime, hours: float, **more: Any) -> dict[str, Any]:
    """A finished run."""
    return {
        "event_id": f"{run_id}-{more.get('attempt', 1)}-{more.get('event_id', '')}",
        "event_type": "finished",
        "event_time": f"{start + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}",
        "started_at": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "run_id": run_id,
        "job_name": f"job of {run_id}",
        "status": "succeeded",
        "duration_s": hours * 3600,
        "region": "eu-west-1",
        "instance_type": "g5.xlarge",
    } | more


def focus_csv(lines: list[Line], seed: int | None = None) -> str:
    """The lines as a FOCUS file, in another order for every seed."""
    lines = list(lines)
    if seed is not None:
        random.Random(seed).shuffle(lines)  # noqa: S311
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for values in lines:
        writer.writerow(
            {
                name: f"{value:%Y-%m-%dT%H:%M:%SZ}"
                if isinstance(value, datetime)
                else format(value, ".12f")
                if isinstance(value, float)
                else value
                for name, value in values.items()
            }
        )
    return text.getvalue()


def files(lines: list[Line], seed: int | None = None) -> dict[str, str]:
    """FOCUS files by provider and billing month, as exports come."""
    apart: dict[str, list[Line]] = {}
    for values in lines:
        provider = values["ProviderName"].lower().replace(" ", "_")
        name = f"bills/{provider}_{values['BillingPeriodStart']:%Y-%m}.csv"
        apart.setdefault(name, []).append(values)
    return {name: focus_csv(some, seed) for name, some in sorted(apart.items())}
