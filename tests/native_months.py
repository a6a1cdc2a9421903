"""September 2026 on three clouds' own bills, and what each provider says that they come to.

AWS as CUR 2.0 (Parquet, negotiated discounts, so with net columns) and as a legacy report (CSV.gz,
without), Google Cloud's detailed usage cost export, Azure's FOCUS export. What the invoice asks for
and what the month costs with commitments spread is reckoned here from the lines as the provider
sends them, by the rule that the provider publishes.
"""

import csv
import gzip
import io
import json
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from billing_months import day

Line = dict[str, Any]
# Billing period, currency → effective cost, billed cost, and the size of both.
Sums = dict[tuple[str, str], tuple[float, float, float]]
HOURS = [day(1, hour) for hour in range(720)]
YEAR_HOURS = 8760


def sums(costs: Iterable[tuple[str, str, float, float]]) -> Sums:
    """(period, currency, effective, billed) of lines, added up."""
    found: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for period, currency, effective, billed in costs:
        total = found[period, currency]
        total[0] += effective
        total[1] += billed
        total[2] += abs(effective) + abs(billed)
    return {key: (values[0], values[1], values[2]) for key, values in found.items()}


# ---- AWS ---------------------------------------------------------------------------------------

PAYER, LEGACY_PAYER = "111111111111", "555555555555"
JOB = "arn:aws:sagemaker:eu-west-1:{payer}:training-job/fraud"
POD = "arn:aws:eks:eu-west-1:{payer}:pod/ml/training/trainer-0"
TASK = "arn:aws:ecs:eu-west-1:{payer}:task/batch/7c"
COVERED_TASK = "arn:aws:ecs:eu-west-1:{payer}:task/batch/8d"
# A plan of a dollar an hour, 40 cents of it paid for a year in advance; three machines reserved
# for a year, for 876 dollars in advance and 50 cents an hour each.
PLAN_UPFRONT, PLAN_RECURRING, PLAN_RATE = 0.4, 0.6, 0.6
RESERVED, RESERVED_UPFRONT, RESERVED_RECURRING = 3, 0.1, 0.5


class Report:
    """The lines of a payer's report; `discount` is what is negotiated off every price."""

    def __init__(self, payer: str, currency: str, discount: float, seed: int) -> None:
        self.payer, self.currency, self.discount = payer, currency, discount
        self.plan = f"arn:aws:savingsplans::{payer}:savingsplan/5d0c"
        self.reservation = f"arn:aws:ec2:eu-west-1:{payer}:reserved-instances/9f1e"
        self.dice = random.Random(seed)  # noqa: S311
        self.lines: list[Line] = []

    def add(self, kind: str, start: datetime, cost: float, hours: float = 1, **more: Any) -> None:
        """A line; its net cost is what the discount leaves, on a discount's own line nothing."""
        line: Line = {
            "identity_line_item_id": f"{self.payer}-{len(self.lines)}",
            "bill_bill_type": "Anniversary",
            "bill_billing_entity": "AWS",
            "bill_billing_period_start_date": day(1),
            "bill_payer_account_id": self.payer,
            "line_item_usage_account_id": self.payer,
            "line_item_currency_code": self.currency,
            "line_item_line_item_type": kind,
            "line_item_product_code": "AmazonEC2",
            "line_item_usage_type": "",
            "line_item_usage_start_date": start,
            "line_item_usage_end_date": start + timedelta(hours=hours),
            "line_item_usage_amount": hours,
            "line_item_unblended_cost": cost,
            "pricing_unit": "Hrs",
            "product": {"product_name": "Amazon Elastic Compute Cloud", "region": "eu-west-1"},
        }
        if self.discount:
            is_discount = kind.endswith("Discount")
            line["line_item_net_unblended_cost"] = 0.0 if is_discount else self.net(cost)
        self.lines.append(line | more)

    def net(self, cost: float) -> float:
        """After the discount."""
        return cost * (1 - self.discount)

    def priced(self, columns: dict[str, float]) -> dict[str, float]:
        """Columns of costs; beside each its net, where there is a discount: x_y_z → x_net_y_z."""
        if not self.discount:
            return columns
        return columns | {
            re.sub("^(reservation|savings_plan|split_line_item)_", r"\1_net_", name): self.net(cost)
            for name, cost in columns.items()
        }

    def named(self, name: str) -> str:
        """A resource of this payer: no two have one of the same name."""
        return name.format(payer=self.payer) if ":" in name else f"i-{self.payer[0]}{name}"

    def machine(self, kind: str, start: datetime, name: str, price: float, **more: Any) -> None:
        """An hour on demand."""
        self.add("Usage", start, price, **on_machine(kind, name, price) | more)


def on_machine(kind: str, name: str, price: float) -> Line:
    """What lines say of a machine, by whatever price it is paid for."""
    return {
        "line_item_usage_type": f"EU-BoxUsage:{kind}",
        "line_item_operation": "RunInstances",
        "line_item_resource_id": name,
        "product_instance_type": kind,
        "pricing_public_on_demand_cost": price,
    }


def savings_plan(report: Report) -> None:
    """A month under a plan: some hours less than was committed is used, in some more."""
    committed = PLAN_UPFRONT + PLAN_RECURRING
    fee = {
        "savings_plan_savings_plan_a_r_n": report.plan,
        "line_item_product_code": "ComputeSavingsPlans",
    }
    report.add("SavingsPlanUpfrontFee", HOURS[0], PLAN_UPFRONT * YEAR_HOURS, **fee)
    for start in HOURS:
        machines = 2 if start.day == 10 else report.dice.choice([0, 1, 2, 2, 2, 3])
        left = committed
        for number in range(machines):
            share = min(1.0, left / PLAN_RATE)
            left -= share * PLAN_RATE
            told = on_machine("g5.xlarge", report.named(f"plan{number}"), share)
            effective = {"savings_plan_savings_plan_effective_cost": share * PLAN_RATE}
            if share:
                report.add(
                    "SavingsPlanCoveredUsage",
                    start,
                    share,
                    **told
                    | {"savings_plan_savings_plan_a_r_n": report.plan, **report.priced(effective)},
                )
                report.add(
                    "SavingsPlanNegation",
                    start,
                    -share,
                    savings_plan_savings_plan_a_r_n=report.plan,
                )
            if share < 1:
                report.machine("g5.xlarge", start, report.named(f"plan{number}"), 1 - share)
        costs = {
            "savings_plan_recurring_commitment_for_billing_period": PLAN_RECURRING,
            "savings_plan_amortized_upfront_commitment_for_billing_period": PLAN_UPFRONT,
        }
        report.add(
            "SavingsPlanRecurringFee",
            start,
            PLAN_RECURRING,
            savings_plan_total_commitment_to_date=committed,
            savings_plan_used_commitment=committed - left,
            **fee | report.priced(costs),
        )


def reservations(report: Report) -> None:
    """Reserved machines, of which some hours nobody uses one."""
    arn = {"reservation_reservation_a_r_n": report.reservation}
    report.add("Fee", HOURS[0], RESERVED * RESERVED_UPFRONT * YEAR_HOURS, **arn)
    unused = 0
    for start in HOURS:
        used = RESERVED if start.day == 10 else report.dice.choice([0, 2, 3, 3])
        unused += RESERVED - used
        for number in range(used):
            costs = {"reservation_effective_cost": RESERVED_UPFRONT + RESERVED_RECURRING}
            told = on_machine("m5.4xlarge", report.named(f"reserved{number}"), 0.8)
            report.add("DiscountedUsage", start, 0.0, **told | arn | report.priced(costs))
    costs = {
        "reservation_unused_recurring_fee": unused * RESERVED_RECURRING,
        "reservation_unused_amortized_upfront_fee_for_billing_period": unused * RESERVED_UPFRONT,
    }
    fee = RESERVED * len(HOURS) * RESERVED_RECURRING
    report.add("RIFee", HOURS[0], fee, len(HOURS), **arn | report.priced(costs))


def usage(report: Report) -> None:
    """What is paid by the hour, the gigabyte and the task, and who asked for it."""
    for hour in range(24):
        start = day(10, hour)
        tags = {"user_run_id": "tagged"} if hour in (8, 9) else {"user_team": "nlp"}
        report.machine("g5.xlarge", start, report.named("tagged"), 1.006, resource_tags=tags)
        report.machine("g5.48xlarge", start, report.named("node"), 16.288)
        report.machine("m5.4xlarge", start, report.named("pods"), 0.856)
        pod = {
            "line_item_resource_id": report.named(POD),
            "line_item_usage_type": "EU-EKS-EC2-vCPU-Hours",
        }
        task = {
            "line_item_resource_id": report.named(TASK),
            "line_item_usage_type": "EU-ECS-EC2-vCPU-Hours",
        }
        other = pod | {"line_item_resource_id": report.named(f"{POD}-other")}
        for told, node, used, left in (
            (pod, report.named("pods"), 0.5, 0.1),
            (other, report.named("pods"), 0.2, 0.056),
            # A task on a reserved machine: the parts are of its effective cost.
            (task, report.named("reserved1"), 0.25, 0.05),
            # On a machine of which the plan covers two thirds: it has two lines an hour.
            (task | {"line_item_resource_id": report.named(COVERED_TASK)},
             report.named("plan1"), 0.5, 0.1),
        ):  # fmt: skip
            costs = {
                "split_line_item_split_cost": used,
                "split_line_item_unused_cost": left,
            }
            parent = {"split_line_item_parent_resource_id": node, "pricing_unit": "vCPU-Hours"}
            report.add("Usage", start, 0.0, **told | parent | report.priced(costs))
    sagemaker = {
        "line_item_product_code": "AmazonSageMaker",
        "line_item_resource_id": report.named(JOB),
        "line_item_usage_type": "EU-Train:ml.g5.xlarge",
        "product": {"product_name": "Amazon SageMaker", "region": "eu-west-1"},
    }
    for hour in (8, 9):
        report.add("Usage", day(11, hour), 1.408, **sagemaker)
    storage = {
        "line_item_product_code": "AmazonS3",
        "line_item_usage_type": "EU-TimedStorage-ByteHrs",
        "line_item_resource_id": "datasets",
        "pricing_unit": "GB-Mo",
        "product": {"product_name": "Amazon Simple Storage Service", "region": "eu-west-1"},
    }
    for number in range(1, 31):
        report.add("Usage", day(number), report.dice.uniform(0.01, 90), 24, **storage)
        surcharge = on_machine("g5.xlarge", report.named("tagged"), 0.01)
        surcharge |= {"line_item_usage_type": "EU-EBSOptimized:g5.xlarge"}
        report.add("Usage", day(number), 1e-10, 24, **surcharge)


def money_alone(report: Report) -> None:
    """Lines that are no usage, and corrections of usage."""
    eligible = sum(line["line_item_unblended_cost"] for line in report.lines)
    market = {"line_item_product_code": "8xmarketplace", "bill_billing_entity": "AWS Marketplace"}
    market |= {"product": {"product_name": "Somebody's AMI"}}
    for kind, cost, told in (
        ("Fee", 100.0, {"line_item_product_code": "AWSSupportBusiness"}),
        ("Usage", 12.5, market),
        ("Credit", -25.0, {}),
        ("Credit", -0.000001, on_machine("g5.xlarge", report.named("tagged"), 0)),
        ("Refund", -3.21, on_machine("g5.xlarge", report.named("tagged"), 0)),
        (
            "Usage",
            -1.006,
            {"bill_bill_type": "Refund"} | on_machine("g5.xlarge", report.named("tagged"), 0),
        ),
        ("BundledDiscount", -0.5, {}),
        ("PrivateRateDiscount", -2.25, {}),
        ("EdpDiscount", -0.1 * eligible, {}),
        ("Tax", 0.19 * eligible, {"line_item_product_code": "AmazonEC2"}),
        ("MoonFee", 7.0, {}),
    ):
        report.add(kind, day(1), cost, 720, **told)
    # A month that is over: its refund is on a bill of that month.
    before = {"bill_billing_period_start_date": day(1, month=8), "bill_bill_type": "Refund"}
    report.add("Refund", day(31, month=8), -40.0, **before)
    report.add("Usage", day(31, month=8), 4.0, **before)


def report(payer: str, currency: str, discount: float, seed: int) -> list[Line]:
    """All lines of a payer."""
    made = Report(payer, currency, discount, seed)
    for part in (savings_plan, reservations, usage, money_alone):
        part(made)
    made.dice.shuffle(made.lines)
    return made.lines


CUR_2 = report(PAYER, "USD", 0.1, 1)
LEGACY = report(LEGACY_PAYER, "CNY", 0, 2)


def aws_sums(lines: list[Line]) -> Sums:
    """AWS: the invoice is the (net) unblended cost of all lines; amortised cost takes usage under
    a commitment at its effective cost, of a commitment's fee what was not used, and neither what
    was paid in advance nor negations.
    """
    net = "net_" if "line_item_net_unblended_cost" in lines[0] else ""

    def amortised(line: Line) -> float:
        kind = line["line_item_line_item_type"]
        unblended: float = line[f"line_item_{net}unblended_cost"]
        recurring = line.get("savings_plan_recurring_commitment_for_billing_period")
        unused_fee = f"reservation_{net}unused_amortized_upfront_fee_for_billing_period"
        found: dict[str, Callable[[], float]] = {
            "SavingsPlanCoveredUsage": lambda: line[
                f"savings_plan_{net}savings_plan_effective_cost"
            ],
            "SavingsPlanRecurringFee": lambda: (
                (line["savings_plan_total_commitment_to_date"] - line[USED])
                * line[f"savings_plan_{net}recurring_commitment_for_billing_period"]
                / recurring
            ),
            "SavingsPlanNegation": lambda: 0.0,
            "SavingsPlanUpfrontFee": lambda: 0.0,
            "DiscountedUsage": lambda: line[f"reservation_{net}effective_cost"],
            "RIFee": lambda: line[unused_fee] + line[f"reservation_{net}unused_recurring_fee"],
            "Fee": lambda: 0.0 if line.get("reservation_reservation_a_r_n") else unblended,
        }
        return found.get(kind, lambda: unblended)()

    return sums(
        (
            f"{line['bill_billing_period_start_date']:%Y-%m}",
            line["line_item_currency_code"],
            amortised(line),
            line[f"line_item_{net}unblended_cost"],
        )
        for line in lines
    )


USED = "savings_plan_used_commitment"


def commitments_of_a_month(discount: float) -> float:
    """What September's commitments cost, used or not."""
    plan = PLAN_UPFRONT + PLAN_RECURRING
    reserved = RESERVED * (RESERVED_UPFRONT + RESERVED_RECURRING)
    return len(HOURS) * (plan + reserved) * (1 - discount)


def fees_paid(discount: float) -> float:
    """What September's invoice asks for commitments: the year in advance, and the month."""
    recurring = len(HOURS) * (PLAN_RECURRING + RESERVED * RESERVED_RECURRING)
    upfront = YEAR_HOURS * (PLAN_UPFRONT + RESERVED * RESERVED_UPFRONT)
    return (recurring + upfront) * (1 - discount)


def _cur_2_parquet(lines: list[Line]) -> bytes:
    """As Data Exports write it: every column, maps as maps."""
    names = sorted({name for line in lines for name in line})
    maps = pa.map_(pa.string(), pa.string())
    columns = {
        name: pa.array([list((line.get(name) or {}).items()) for line in lines], maps)
        if name in ("product", "resource_tags")
        else pa.array([line.get(name) for line in lines])
        for name in names
    }
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def _legacy_name(name: str) -> str:
    """reservation_reservation_a_r_n → reservation/ReservationARN."""
    sections = ("identity", "bill", "line_item", "pricing", "product", "reservation")
    section = next(s for s in (*sections, "savings_plan", "split_line_item") if name.startswith(s))
    first, *others = section.split("_")
    rest = "".join(word.capitalize() for word in name[len(section) + 1 :].split("_"))
    if section == "product":
        rest = rest[0].lower() + rest[1:]
    return f"{first}{''.join(word.capitalize() for word in others)}/{rest}"


def _legacy_csv(lines: list[Line]) -> bytes:
    """As legacy reports write it: maps are columns, empty where there is nothing."""

    def flat(line: Line) -> Iterator[tuple[str, Any]]:
        for name, value in line.items():
            if name == "product":
                yield from (("product/ProductName" if k == "product_name" else f"product/{k}", v)
                            for k, v in value.items())  # fmt: skip
            elif name == "resource_tags":
                yield from ((f"resourceTags/{k.replace('_', ':', 1)}", v) for k, v in value.items())
            elif isinstance(value, datetime):
                yield _legacy_name(name), f"{value:%Y-%m-%dT%H:%M:%SZ}"
            else:
                yield _legacy_name(name), value

    rows = [dict(flat(line)) for line in lines]
    text = io.StringIO()
    writer = csv.DictWriter(text, sorted({name for row in rows for name in row}), restval="")
    writer.writeheader()
    writer.writerows(rows)
    return gzip.compress(text.getvalue().encode(), mtime=0)


def aws_files() -> dict[str, str | bytes]:
    """Trees as AWS delivers them, with an older version of September that does not count."""
    found: dict[str, str | bytes] = {}
    for period, month in (("2026-08", 8), ("2026-09", 9)):
        lines = [line for line in CUR_2 if line["bill_billing_period_start_date"].month == month]
        for version, some in (("2026-10-01T03:00:00.000Z-a", lines[::2]),
                              ("2026-10-02T03:00:00.000Z-b", lines)):  # fmt: skip
            tree = f"BILLING_PERIOD={period}/{version}"
            halves = [some[: len(some) // 2], some[len(some) // 2 :]]
            keys = [f"ml/data/{tree}/ml-0000{n}.snappy.parquet" for n in (1, 2)]
            found |= {
                f"cur2/{key}": _cur_2_parquet(half) for key, half in zip(keys, halves, strict=True)
            }
            manifest = json.dumps({"dataFiles": [f"s3://bills/{key}" for key in keys]})
            found[f"cur2/ml/metadata/{tree}/ml-Manifest.json"] = manifest
    for period, month in (("20260801-20260901", 8), ("20260901-20261001", 9)):
        lines = [line for line in LEGACY if line["bill_billing_period_start_date"].month == month]
        found[f"legacy/{period}/0b1c/r-1.csv.gz"] = _legacy_csv(lines)
        keys = {"reportKeys": [f"p/{period}/0b1c/r-1.csv.gz"]}
        found[f"legacy/{period}/r-Manifest.json"] = json.dumps(keys)
    return found


# ---- Google Cloud ------------------------------------------------------------------------------

GKE_NODE = "//compute.googleapis.com/projects/1/zones/europe-west4-a/instances/gke-{}"
CREDITS = (
    "SUSTAINED_USAGE_DISCOUNT",
    "COMMITTED_USAGE_DISCOUNT",
    "COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE",
    "DISCOUNT",
    "FREE_TIER",
    "PROMOTION",
    "RESELLER_MARGIN",
    "SUBSCRIPTION_BENEFIT",
    "MOON_BONUS",
)


def gcp_line(account: str, currency: str, start: datetime, cost: float, **more: Any) -> Line:
    """A row of the detailed export: a day of cores, on the invoice of its month."""
    return {
        "billing_account_id": account,
        "service": {"id": "6F81", "description": "Compute Engine"},
        "sku": {"id": "D2CF", "description": "N2 Instance Core running in Netherlands"},
        "usage_start_time": start,
        "usage_end_time": start + timedelta(days=1),
        "project": {"id": f"ml-{currency.lower()}", "name": "ML"},
        "labels": [],
        "location": {"region": "europe-west4", "zone": "europe-west4-a"},
        "resource": {"name": f"gke-{currency}", "global_name": GKE_NODE.format(currency)},
        "export_time": start + timedelta(days=1, hours=5),
        "cost": cost,
        "currency": currency,
        "usage": {
            "amount": 345600.0,
            "unit": "seconds",
            "amount_in_pricing_units": 96.0,
            "pricing_unit": "hour",
        },
        "credits": [],
        "invoice": {"month": f"{start:%Y%m}"},
        "cost_type": "regular",
        "adjustment_info": {"id": None, "description": None, "mode": None, "type": None},
        "cost_at_list": cost,
    } | more


def gcp_credit(kind: str, amount: float) -> Line:
    """A credit of a row."""
    return {"name": kind, "full_name": kind.title(), "id": kind, "type": kind, "amount": amount}


def gcp_export(account: str, currency: str, seed: int) -> list[Line]:
    """All rows that a billing account exports for September, and what came late."""
    dice = random.Random(seed)  # noqa: S311

    def made(start: datetime, cost: float, **more: Any) -> Line:
        return gcp_line(account, currency, start, cost, **more)

    lines = []
    for number in range(1, 31):
        lines.append(made(day(number), 4.0))
        labels = [{"key": "run_id", "value": "gcp-tagged"}] if number == 10 else []
        disk = {"id": "D973", "description": "Storage PD Capacity in Netherlands"}
        lines.append(made(day(number), dice.uniform(0, 9), sku=disk, labels=labels,
                          resource={"name": "data", "global_name": None}))  # fmt: skip
        for kind in dice.sample(CREDITS, 3):
            cost = dice.uniform(1, 50)
            some = [gcp_credit(kind, -cost * part) for part in (0.2, 0.05)]
            if dice.random() < 0.3:  # a credit that is taken back
                some.append(gcp_credit(kind, cost * 0.01))
            resource = {"name": f"vm-{number}", "global_name": None}
            lines.append(made(day(number), cost, credits=some, resource=resource))
    service = {"id": "A1E8", "description": "Support"}
    nothing = {"name": None, "global_name": None}
    database = {
        "service": {"id": "9662", "description": "Cloud SQL"},
        "sku": {"id": "5A", "description": "Cloud SQL for MySQL: Zonal - vCPU in Netherlands"},
        "resource": {"name": "registry", "global_name": None},
    }
    commitment = {"id": "C0DE", "description": "Commitment v1: N2 Cpu in Netherlands for 1 Year"}
    spend = {"id": "C1DE", "description": "Commitment - dollar based v1: Compute Engine"}
    adjusted = {"id": "8", "description": "price fix", "mode": "COMPLETE_CORRECTION", "type": "X"}
    alone = {"service": service, "resource": nothing}
    lines += [
        made(day(1), 90.0, sku=commitment, resource=nothing),
        made(day(1), 60.0, sku=spend, resource=nothing,
             credits=[gcp_credit("FEE_UTILIZATION_OFFSET", -47.5)]),
        made(day(30), 33.33, cost_type="tax", **alone),
        made(day(30), -0.004, cost_type="rounding_error", **alone),
        made(day(30), 250.0, sku={"id": "5", "description": "Enhanced Support"}, **alone),
        made(day(30), 1.25, cost_type="moon", **alone),
        # Usage of July that was billed wrong, on September's invoice, known in October.
        made(day(3, month=7), -7.5, cost_type="adjustment", adjustment_info=adjusted,
             invoice={"month": "202609"}, export_time=day(2, month=10)),
        made(day(3), -2.0, adjustment_info=adjusted),
        made(day(4), -4.0, credits=[gcp_credit("SUSTAINED_USAGE_DISCOUNT", 0.8)]),
        # The last hours of a month are on the invoice of the next.
        made(day(31, month=8), 3.0, invoice={"month": "202609"}),
        made(day(30), 5.0, invoice={"month": "202610"}, export_time=day(1, month=10),
             credits=[gcp_credit("PROMOTION", -5.0)]),
        made(day(12), 6.5, export_time=day(3, month=10)),
        made(day(13), 0.0),
        made(day(14), 8.8, **database),
    ]  # fmt: skip
    dice.shuffle(lines)
    return lines


GCP = {
    "usd": gcp_export("0A1B2C-3D4E5F-6A7B8C", "USD", 3),
    "eur": gcp_export("9A1B2C-3D4E5F-6A7B8C", "EUR", 4),
}


def gcp_sums() -> Sums:
    """Google: an invoice is the cost of its month's rows and their credits; both costs add up to
    it, as discounts say which usage they are for.
    """
    return sums(
        (f"{month[:4]}-{month[4:]}", line["currency"], amount, amount)
        for lines in GCP.values()
        for line in lines
        for month in [line["invoice"]["month"]]
        for amount in [line["cost"], *(credit["amount"] for credit in line["credits"])]
    )


# ---- Azure -------------------------------------------------------------------------------------

VM = "/subscriptions/s-1/resourceGroups/ml/providers/Microsoft.Compute/virtualMachines/train"
AZURE_PRICE = {"Reservation": 0.12, "Savings plan": 0.14}  # of an hour, of one machine


def azure_line(start: datetime, billed: float, effective: float, **more: Any) -> Line:
    """A row of the FOCUS export: a day of a machine."""
    month = day(1, month=start.month)
    return {
        "BillingAccountId": "/providers/Microsoft.Billing/billingAccounts/1",
        "BillingCurrency": "EUR",
        "BillingPeriodStart": month,
        "BillingPeriodEnd": (month + timedelta(days=32)).replace(day=1),
        "ChargeCategory": "Usage",
        "ChargeClass": None,
        "ChargeDescription": "Virtual Machines Dsv5 Series - D4s v5 - EU West",
        "ChargePeriodStart": start,
        "ChargePeriodEnd": start + timedelta(days=1),
        "CommitmentDiscountId": None,
        "CommitmentDiscountStatus": None,
        "CommitmentDiscountType": None,
        "ConsumedQuantity": 24.0,
        "ConsumedUnit": "Hours",
        "BilledCost": billed,
        "EffectiveCost": effective,
        "ListCost": billed,
        "ContractedCost": billed,
        "PricingCategory": "Standard",
        "ProviderName": "Microsoft",
        "RegionId": "westeurope",
        "ResourceId": VM,
        "ServiceCategory": "Compute",
        "ServiceName": "Virtual Machines",
        "SubAccountId": "/subscriptions/s-1",
        "Tags": None,
        "x_SkuMeterName": "D4s v5",
    } | more


def azure_export() -> list[Line]:
    """All rows of September, in two currencies."""
    dice = random.Random(5)  # noqa: S311
    lines = []
    for number in range(1, 31):
        start = day(number)
        lines.append(azure_line(start, 4.8, 4.8))
        lines.append(azure_line(start, 4.0, 4.0, Tags='{"job_name": "azure-job"}',
                                ResourceId=f"{VM}-job"))  # fmt: skip
        for kind, price in AZURE_PRICE.items():
            told = {
                "CommitmentDiscountId": f"/providers/{kind}/1",
                "CommitmentDiscountType": kind,
                "PricingCategory": "Committed",
                "ResourceId": f"{VM}-{kind}",
            }
            used = dice.choice([0, 12, 24])
            for status, hours in (("Used", used), ("Unused", 24 - used)):
                if hours:
                    lines.append(azure_line(start, 0.0, hours * price, ListCost=hours * 0.2,
                                            CommitmentDiscountStatus=status,
                                            ConsumedQuantity=float(hours), **told))  # fmt: skip
        blobs = {"ServiceName": "Storage Accounts", "ServiceCategory": "Storage",
                 "ConsumedUnit": "1 GB/Month", "x_SkuMeterName": "Hot LRS Data Stored",
                 "ResourceId": "blobs"}  # fmt: skip
        lines.append(azure_line(start, dice.uniform(0, 2), 0.0, **blobs))
        lines[-1]["EffectiveCost"] = lines[-1]["BilledCost"] * 0.9
        dollars = {"BillingCurrency": "USD", "SubAccountId": "/subscriptions/s-2"}
        lines.append(azure_line(start, 5.5, 5.5, **dollars, ResourceId=f"{VM}-2"))
    nothing = {"ResourceId": None, "ConsumedQuantity": None, "x_SkuMeterName": None}
    for kind, price in AZURE_PRICE.items():
        bought = {
            "ChargeCategory": "Purchase",
            "CommitmentDiscountId": f"/providers/{kind}/1",
            "CommitmentDiscountType": kind,
            "ResourceId": None,
        }
        lines.append(azure_line(day(1), price * 720, 0.0, **bought))
        # One that was given back: what is left of a year.
        lines.append(azure_line(day(9), -price * 4000, 0.0, ChargeClass="Correction", **bought))
    lines += [
        azure_line(day(5), -1.6, -1.6, ChargeClass="Correction"),
        azure_line(day(30), 0.003, 0.003, ChargeCategory="Adjustment",
                   ChargeDescription="Rounding Adjustment", **nothing),
        azure_line(day(30), -15.0, -15.0, ChargeCategory="Credit", **nothing),
        azure_line(day(30), 21.0, 21.0, ChargeCategory="Tax", **nothing),
        azure_line(day(2), 49.0, 49.0, ChargeCategory="Purchase", ServiceName="SaaS",
                   **nothing),
        azure_line(day(6), 3.0, 3.0, x_SkuMeterName="4 vCPU VM License",
                   ChargeDescription="Windows Server License"),
        azure_line(day(31, month=8), -2.4, -2.4, ChargeClass="Correction"),
    ]  # fmt: skip
    dice.shuffle(lines)
    return lines


AZURE = azure_export()


def azure_sums() -> Sums:
    """FOCUS: each cost is the sum of its column; what commitments cost is in the rows of what used
    them and of what nobody used.
    """
    return sums(
        (f"{line['BillingPeriodStart']:%Y-%m}", line["BillingCurrency"], *costs)
        for line in AZURE
        for costs in [(line["EffectiveCost"], line["BilledCost"])]
    )


def azure_files() -> dict[str, str | bytes]:
    """A month of exports: a run that was cut short, and the last one."""
    found: dict[str, str | bytes] = {}
    runs = {1: ("2026-09-20T00:00:00Z", AZURE[:40]), 2: ("2026-10-02T00:00:00Z", AZURE)}
    for number, (submitted, lines) in runs.items():
        folder = f"focus/20260901-20260930/00000000-0000-0000-0000-{number:012}"
        names = [f"{folder}/part_{part}_0001.parquet" for part in (0, 1)]
        for name, some in zip(names, (lines[::2], lines[1::2]), strict=True):
            out = io.BytesIO()
            pq.write_table(pa.Table.from_pylist(some), out)
            found[f"azure/{name}"] = out.getvalue()
        manifest = {
            "runInfo": {"submittedTime": submitted},
            "blobs": [{"blobName": f"billing/{name}"} for name in names],
        }
        found[f"azure/{folder}/manifest.json"] = json.dumps(manifest)
    return found
