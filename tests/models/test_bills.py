"""Bills of AWS and Azure through a night: is each kind of line what FOCUS says of it, and does
every cent arrive?"""

import csv
import gzip
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import Marts, Night

from ingest.landing import Landing
from ingest.runner import run_source
from ingest.sources import SourceContext, aws_cur
from observatory.build import build_part
from observatory.refresh import datasets
from observatory.settings import load_settings

CONFIG = """
[sources.aws_cur]
path = "aws"

[sources.azure]
path = "azure"
"""
SAVINGS_PLAN, RESERVATION = "arn:aws:savingsplans::1:savingsplan/s", "arn:aws:ec2:eu-west-1:1:r/r"
# Name of a line → what differs from a plain hour of a machine. The names are CUR 2.0's, shortened.
LINES: dict[str, dict[str, Any]] = {
    "usage": {"resource_tags": {"user_team": "nlp", "aws_created_by": "x"}},
    "spot": {"line_item_usage_type": "EUW1-SpotUsage:m5.large"},
    "after_discount": {"line_item_net_unblended_cost": "0.09"},
    "reserved": {
        "line_item_line_item_type": "DiscountedUsage",
        "line_item_unblended_cost": "0",
        "reservation_effective_cost": "0.06",
        "reservation_reservation_a_r_n": RESERVATION,
    },
    "reserved_net": {
        "line_item_line_item_type": "DiscountedUsage",
        "line_item_unblended_cost": "0",
        "reservation_effective_cost": "0.06",
        "reservation_net_effective_cost": "0.05",
        "reservation_reservation_a_r_n": RESERVATION,
    },
    "reservation_fee": {
        "line_item_line_item_type": "RIFee",
        "line_item_unblended_cost": "40",
        "reservation_unused_recurring_fee": "3",
        "reservation_unused_amortized_upfront_fee_for_billing_period": "1.5",
        "reservation_reservation_a_r_n": RESERVATION,
    },
    "reservation_fee_all_used": {
        "line_item_line_item_type": "RIFee",
        "line_item_unblended_cost": "40",
        "reservation_unused_recurring_fee": "0",
        "reservation_reservation_a_r_n": RESERVATION,
    },
    "reservation_upfront": {
        "line_item_line_item_type": "Fee",
        "line_item_unblended_cost": "1200",
        "reservation_reservation_a_r_n": RESERVATION,
    },
    "support": {"line_item_line_item_type": "Fee", "line_item_unblended_cost": "100"},
    "covered": {
        "line_item_line_item_type": "SavingsPlanCoveredUsage",
        "savings_plan_savings_plan_effective_cost": "0.07",
        "savings_plan_savings_plan_a_r_n": SAVINGS_PLAN,
    },
    "negation": {
        "line_item_line_item_type": "SavingsPlanNegation",
        "line_item_unblended_cost": "-0.107",
        "savings_plan_savings_plan_a_r_n": SAVINGS_PLAN,
    },
    "plan_fee": {
        "line_item_line_item_type": "SavingsPlanRecurringFee",
        "line_item_unblended_cost": "10",
        "savings_plan_total_commitment_to_date": "10.000000000000000001",
        "savings_plan_used_commitment": "9",
        "savings_plan_savings_plan_a_r_n": SAVINGS_PLAN,
    },
    "plan_fee_net": {
        "line_item_line_item_type": "SavingsPlanRecurringFee",
        "line_item_unblended_cost": "10",
        "savings_plan_total_commitment_to_date": "10",
        "savings_plan_used_commitment": "6",
        "savings_plan_recurring_commitment_for_billing_period": "10",
        "savings_plan_net_recurring_commitment_for_billing_period": "9",
        "savings_plan_savings_plan_a_r_n": SAVINGS_PLAN,
    },
    "plan_upfront": {
        "line_item_line_item_type": "SavingsPlanUpfrontFee",
        "line_item_unblended_cost": "500",
        "savings_plan_savings_plan_a_r_n": SAVINGS_PLAN,
    },
    "tax": {"line_item_line_item_type": "Tax", "line_item_unblended_cost": "19"},
    "credit": {"line_item_line_item_type": "Credit", "line_item_unblended_cost": "-5"},
    "refund": {"line_item_line_item_type": "Refund", "line_item_unblended_cost": "-1"},
    "refunded_bill": {"bill_bill_type": "Refund", "line_item_unblended_cost": "-2"},
    "discount": {"line_item_line_item_type": "EdpDiscount", "line_item_unblended_cost": "-3"},
    "unheard_of": {"line_item_line_item_type": "MoonFee", "line_item_unblended_cost": "7"},
    "pod": {
        "line_item_unblended_cost": "0",
        "line_item_resource_id": "arn:aws:eks:eu-west-1:1:pod/c/ns/p/u",
        "line_item_usage_type": "EUW1-EKS-EC2-vCPU-Hours",
        "split_line_item_parent_resource_id": "i-1",
        "split_line_item_split_cost": "0.03",
        "split_line_item_net_split_cost": "0.02",
        "split_line_item_unused_cost": "0.01",
    },
}
COLUMNS = (
    "charge_category, charge_class, pricing_category, commitment_discount_status, billed_cost, "
    "effective_cost"
)
EXPECTED = {
    "usage": ("Usage", None, "Standard", None, "0.107", "0.107"),
    "spot": ("Usage", None, "Dynamic", None, "0.107", "0.107"),
    "after_discount": ("Usage", None, "Standard", None, "0.09", "0.09"),
    "reserved": ("Usage", None, "Committed", "Used", "0", "0.06"),
    "reserved_net": ("Usage", None, "Committed", "Used", "0", "0.05"),
    "reservation_fee": ("Purchase", None, "Committed", "Unused", "40", "4.5"),
    "reservation_fee_all_used": ("Purchase", None, "Committed", None, "40", "0"),
    "reservation_upfront": ("Purchase", None, None, None, "1200", "0"),
    "support": ("Purchase", None, None, None, "100", "100"),
    "covered": ("Usage", None, "Committed", "Used", "0", "0.07"),
    "negation": ("Adjustment", None, None, None, "0", "0"),
    "plan_fee": ("Purchase", None, "Committed", "Unused", "10", "1.000000000000000001"),
    "plan_fee_net": ("Purchase", None, "Committed", "Unused", "10", "3.6"),
    "plan_upfront": ("Purchase", None, "Committed", None, "500", "0"),
    "tax": ("Tax", None, None, None, "19", "19"),
    "credit": ("Credit", None, None, None, "-5", "-5"),
    "refund": ("Adjustment", "Correction", None, None, "-1", "-1"),
    "refunded_bill": ("Usage", "Correction", "Standard", None, "-2", "-2"),
    "discount": ("Adjustment", None, None, None, "-3", "-3"),
    "unheard_of": (None, None, None, None, "7", "7"),
    "pod": ("Usage", None, "Standard", None, "0", "0"),
}


def table(rows: list[dict[str, Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list({key: None for row in rows for key in row}))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def cur(name: str, **more: Any) -> dict[str, Any]:
    line = {
        "identity_line_item_id": name,
        "bill_billing_period_start_date": "2026-10-01T00:00:00Z",
        "bill_payer_account_id": "111122223333",
        "bill_bill_type": "Anniversary",
        "line_item_usage_start_date": "2026-10-02T01:00:00Z",
        "line_item_usage_end_date": "2026-10-02T02:00:00Z",
        "line_item_currency_code": "USD",
        "line_item_product_code": "AmazonEC2",
        "line_item_usage_type": "EUW1-BoxUsage:m5.large",
        "line_item_usage_amount": "1",
        "line_item_operation": "RunInstances",
        "line_item_line_item_type": "Usage",
        "line_item_unblended_cost": "0.107",
        "line_item_line_item_description": name,
        "line_item_availability_zone": "eu-west-1a",
        "pricing_unit": "Hrs",
        "pricing_public_on_demand_cost": "0.107",
        "product": json.dumps({"product_name": "Amazon Elastic Compute Cloud", "vcpu": "2"}),
        "product_instance_type": "m5.large",
    }
    tags = more.pop("resource_tags", None)
    return {**line, **({"resource_tags": json.dumps(tags)} if tags else {}), **more}


def azure_charge(cost: float, **more: Any) -> dict[str, Any]:
    return {
        "BillingPeriodStart": "2026-10-01T00:00:00Z",
        "ChargePeriodStart": "2026-10-02T00:00:00Z",
        "ChargePeriodEnd": "2026-10-03T00:00:00Z",
        "BilledCost": cost,
        "EffectiveCost": cost,
        "BillingCurrency": "EUR",
        "ProviderName": "Microsoft",
        "ServiceName": "Virtual Machines",
        "ChargeCategory": "Usage",
        "ConsumedQuantity": 24,
        "ConsumedUnit": "Hours",
        "Tags": '"team": "nlp"',
        "x_SkuMeterName": "D8s v3",
        "x_SkuDetails": json.dumps({"ServiceType": "Standard_D8s_v3", "VCPUs": 8}),
        **more,
    }


def azure_run(run: str, submitted: str, *charges: dict[str, Any]) -> dict[str, bytes]:
    folder = f"azure/focus/20261001-20261031/{run}"
    names = [f"focus/20261001-20261031/{run}/part_0_{n:04}.csv" for n, _ in enumerate(charges)]
    manifest = {
        "manifestVersion": "2024-04-01",
        "runInfo": {"runId": run, "submittedTime": submitted},
        "blobs": [{"blobName": f"billing/{name}"} for name in names],
    }
    files = {
        f"azure/{name}": b"\xef\xbb\xbf" + table([charge])
        for name, charge in zip(names, charges, strict=True)
    }
    return {**files, f"{folder}/manifest.json": json.dumps(manifest).encode()}


FILES: dict[str, str | bytes] = {
    "aws/cur.csv.gz": gzip.compress(table([cur(name, **more) for name, more in LINES.items()])),
    # The newest run was submitted last, and is neither the last by name nor by time of its files.
    **azure_run(
        "00000000-0000-0000-0000-000000000009",
        "2026-11-02T00:00:00Z",
        azure_charge(2.5),
        azure_charge(0.5, ConsumedQuantity=2, ConsumedUnit="1000 GB/Month", x_SkuMeterName="LRS"),
    ),
    **azure_run("00000000-0000-0000-0000-00000000000a", "2026-10-09T00:00:00Z", azure_charge(9)),
}


@pytest.fixture(scope="module")
def marts(night: Night) -> Marts:
    return night("bills", CONFIG, FILES)


def staged(marts: Marts, sql: str) -> list[tuple[Any, ...]]:
    warehouse = marts.folder.parents[1] / "warehouse.duckdb"
    with duckdb.connect(warehouse, read_only=True) as connection:
        return connection.execute(sql).fetchall()


def test_each_kind_of_line_is_what_focus_says(marts: Marts) -> None:
    found = staged(marts, f"select charge_description, {COLUMNS} from staging.stg_aws_cur__charges")
    plain = {row[0]: (*row[1:5], Decimal(row[5]), Decimal(row[6])) for row in found}
    expected = {k: (*v[:4], Decimal(v[4]), Decimal(v[5])) for k, v in EXPECTED.items()}
    assert plain == expected


def test_what_a_line_says_of_its_machine_its_owner_and_its_pod(marts: Marts) -> None:
    (row,) = staged(
        marts,
        "select service_name, region, zone, provider_name, consumed_quantity, consumed_unit, "
        "sku_meter, sku_price_details_json, tags_json, list_cost "
        "from staging.stg_aws_cur__charges where charge_description = 'usage'",
    )
    assert row[:4] == ("Amazon Elastic Compute Cloud", "eu-west-1", "eu-west-1a", "AWS")
    assert row[4:7] == (1.0, "Hrs", "EUW1-BoxUsage:m5.large")
    assert json.loads(row[7]) == {
        "InstanceType": "m5.large",
        "CoreCount": "2",
        "x_Operation": "RunInstances",
        "x_ProductCode": "AmazonEC2",
    }
    assert json.loads(row[8]) == {"team": "nlp", "aws_created_by": "x"}
    assert row[9] == Decimal("0.107")
    (pod,) = staged(
        marts,
        "select x_parent_resource_id, x_split_effective_cost, x_split_unused_cost "
        "from staging.stg_aws_cur__charges where charge_description = 'pod'",
    )
    assert pod == ("i-1", Decimal("0.02"), Decimal("0.01"))


def test_of_azures_runs_only_the_newest_counts_and_its_units_stay(marts: Marts) -> None:
    found = staged(
        marts,
        "select billed_cost, consumed_unit, sku_meter, tags_json, "
        "json_extract_string(sku_price_details_json, '$.InstanceType') "
        "from staging.stg_azure__charges order by billed_cost",
    )
    assert found == [
        (Decimal("0.5"), "1000 GB/Month", "LRS", '{"team":"nlp"}', "Standard_D8s_v3"),
        (Decimal("2.5"), "Hours", "D8s v3", '{"team":"nlp"}', "Standard_D8s_v3"),
    ]


def test_every_cent_arrives(marts: Marts) -> None:
    found = marts.rows(
        "select provider, sum(billed_cost) as billed, sum(effective_cost) as effective "
        "from fct_billing_daily group by all order by provider"
    )
    aws = {
        "provider": "aws",
        "billed": float(sum(Decimal(row[4]) for row in EXPECTED.values())),
        "effective": float(sum(Decimal(row[5]) for row in EXPECTED.values())),
    }
    azure = {"provider": "azure", "billed": 3.0, "effective": 3.0}
    assert [{k: pytest.approx(v) for k, v in row.items()} for row in (aws, azure)] == found
    assert marts.returncode == 0


def test_a_month_delivered_three_times_ends_as_the_last_and_is_known_as_it_was(
    tmp_path: Path,
) -> None:
    (tmp_path / "observatory.toml").write_text("")
    told = load_settings(tmp_path / "observatory.toml")
    deliveries = {  # day it came → its lines
        2: {"a": "1"},
        3: {"a": "1", "b": "2"},  # growing
        4: {"a": "1", "b": "1.5"},  # restated
        5: {"a": "1", "b": "1.5", "c": "-0.5"},  # corrected
    }
    for day, lines in deliveries.items():
        landing = Landing(told.paths.landing)
        landing.initialise(datasets())
        folder = tmp_path / "aws" / "data" / "BILLING_PERIOD=2026-10"
        folder.mkdir(parents=True, exist_ok=True)
        rows = [
            cur(name, line_item_unblended_cost=cost, bill_bill_type="Refund" if name == "c" else "")
            for name, cost in lines.items()
        ]
        (folder / "ml-00001.csv").write_bytes(table(rows))
        settings = aws_cur.Settings(path=str(tmp_path / "aws" / "data"))
        now = datetime(2026, 11, day, tzinfo=UTC)
        assert run_source(aws_cur, settings, SourceContext("aws", now), landing).status == "ok"
    known = {}
    for day in (3, 5):
        warehouse = tmp_path / f"{day}" / "warehouse.duckdb"
        models = ["stg_landing__deliveries", "stg_aws_cur__charges"]
        build_part(told, datetime(2026, 11, day, 12, tzinfo=UTC), models, warehouse)
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            sql = "select charge_description, billed_cost from staging.stg_aws_cur__charges"
            known[day] = {name: Decimal(cost) for name, cost in connection.execute(sql).fetchall()}
    assert known == {
        day: {name: Decimal(cost) for name, cost in deliveries[day].items()} for day in (3, 5)
    }
