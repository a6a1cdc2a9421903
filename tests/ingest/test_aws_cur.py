"""AWS cost and usage reports: is each generation's file understood, and each bad row refused?"""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.cur_columns import COLUMNS, cur_name
from ingest.landing import Landing
from ingest.runner import SourceReport, run_source
from ingest.sources import SourceContext, registry
from ingest.sources import aws_cur as source

REPO = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
LEGACY = {
    "identity/LineItemId": "a",
    "bill/PayerAccountId": "111122223333",
    "bill/BillingPeriodStartDate": "2026-10-01T00:00:00Z",
    "lineItem/UsageAccountId": "444455556666",
    "lineItem/LineItemType": "Usage",
    "lineItem/UsageStartDate": "2026-10-02T01:00:00Z",
    "lineItem/UsageEndDate": "2026-10-02T02:00:00Z",
    "lineItem/ProductCode": "AmazonEC2",
    "lineItem/UsageType": "EUW1-BoxUsage:p4d.24xlarge",
    "lineItem/CurrencyCode": "USD",
    "lineItem/UnblendedCost": "32.772600000000000001",
    "lineItem/UsageAmount": "1",
    "product/ProductName": "Amazon Elastic Compute Cloud",
    "product/instanceType": "p4d.24xlarge",
    "product/region": "eu-west-1",
    "product/gpu": "8",
    "pricing/publicOnDemandCost": "32.7726",
    "reservation/ReservationARN": "",
    "savingsPlan/SavingsPlanARN": "",
    "resourceTags/user:team": "nlp",
    "resourceTags/user:Cost Center": "",
    "costCategory/Product": "search",
}


class Night:
    """A landing and a folder of reports."""

    def __init__(self, root: Path) -> None:
        self.inputs = root / "reports"
        self.inputs.mkdir()
        self.landing = Landing(root / "landing")
        self.landing.initialise(source.DATASETS)

    def put(self, name: str, content: bytes) -> None:
        (self.inputs / name).write_bytes(content)

    def run(self) -> SourceReport:
        told = source.Settings(path=str(self.inputs))
        report = run_source(source, told, SourceContext("aws", NOW), self.landing)
        deliveries = self.landing.deliveries()
        assert (
            deliveries["rows_in"] == deliveries["rows_landed"] + deliveries["rows_rejected"]
        ).all()
        return report

    @property
    def rows(self) -> list[dict[str, Any]]:
        frame = pl.read_parquet(self.landing.root / "aws_cur__lines" / "*.parquet")
        assert frame.schema == source.LINES.schema
        return frame.rows(named=True)

    @property
    def rejected(self) -> list[dict[str, Any]]:
        return pl.read_parquet(self.landing.root / "_rejected" / "*.parquet").rows(named=True)


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def table(*rows: dict[str, Any]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list({key: None for row in rows for key in row}))
    writer.writeheader()
    writer.writerows(rows)
    return gzip.compress(out.getvalue().encode(), mtime=0)


def parquet(frame: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(frame, out)
    return out.getvalue()


def test_source_is_registered_by_its_name() -> None:
    assert registry()["aws_cur"] is source  # type: ignore[comparison-overlap]


@pytest.mark.parametrize(
    "name, found",
    [
        ("lineItem/UsageType", ("line_item_usage_type", None)),
        ("lineItem/LineItemType", ("line_item_line_item_type", None)),
        ("line_item_usage_type", ("line_item_usage_type", None)),
        ("reservation/ReservationARN", ("reservation_reservation_a_r_n", None)),
        ("savingsPlan/SavingsPlanARN", ("savings_plan_savings_plan_a_r_n", None)),
        (
            "savingsPlan/NetAmortizedUpfrontCommitmentForBillingPeriod",
            ("savings_plan_net_amortized_upfront_commitment_for_billing_period", None),
        ),
        ("splitLineItem/NetSplitCost", ("split_line_item_net_split_cost", None)),
        ("product/fromRegionCode", ("product_from_region_code", None)),
        ("product/ProductName", ("product", "product_name")),
        ("product_product_name", ("product", "product_name")),
        ("product_vcpu", ("product", "vcpu")),
        ("resourceTags/user:team", ("resource_tags", "user:team")),
        ("resource_tags_user_team", ("resource_tags", "user_team")),
        ("costCategory/My Category", ("cost_category", "My Category")),
        ("discount/EdpDiscount", ("discount", "edp_discount")),
        ("discount_total_discount", ("discount_total_discount", None)),
        ("something_new", ("something_new", None)),
    ],
)
def test_names_of_all_generations_are_those_of_cur_2(
    name: str, found: tuple[str, str | None]
) -> None:
    assert cur_name(name) == found


def test_a_legacy_csv(night: Night) -> None:
    night.put("r.csv.gz", table({**LEGACY, "lineItem/Novelty": "7"}))
    assert night.run().status == "ok"
    (row,) = night.rows
    assert row["line_item_unblended_cost"] == Decimal("32.772600000000000001")
    assert row["line_item_usage_start_date"] == datetime(2026, 10, 2, 1, tzinfo=UTC)
    assert row["resource_tags"] == '{"user:team":"nlp"}'
    assert row["cost_category"] == '{"Product":"search"}'
    assert json.loads(row["product"]) == {
        "gpu": "8",
        "product_name": "Amazon Elastic Compute Cloud",
        "region": "eu-west-1",
    }
    assert json.loads(row["x_price_details"]) == {
        "GpuCount": "8",
        "InstanceType": "p4d.24xlarge",
        "x_ProductCode": "AmazonEC2",
    }
    assert (row["x_service_name"], row["x_region"]) == (
        "Amazon Elastic Compute Cloud",
        "eu-west-1",
    )
    assert row["reservation_reservation_a_r_n"] is None
    assert row["x_extra"] == '{"lineItem/Novelty":"7"}'


def test_a_legacy_parquet_and_cur_2_with_maps_say_the_same(night: Night) -> None:
    instant = datetime(2026, 10, 2, 1, tzinfo=UTC)
    common = {
        "bill_billing_period_start_date": [datetime(2026, 10, 1, tzinfo=UTC)],
        "line_item_usage_start_date": [instant],
        "line_item_usage_end_date": [instant],
        "line_item_line_item_type": ["Usage"],
        "line_item_product_code": ["AmazonEC2"],
        "line_item_usage_type": ["BoxUsage:m5.large"],
        "line_item_currency_code": ["USD"],
        "line_item_unblended_cost": [0.1],
    }
    legacy = {
        **common,
        "product_product_name": ["EC2"],
        "product_region": ["us-east-1"],
        "product_vcpu": ["2"],
        "resource_tags_user_team": ["nlp"],
        "resource_tags_user_empty": [None],
    }
    maps = pa.map_(pa.string(), pa.string())
    newer = pa.table(
        {
            **common,
            "product": pa.array(
                [[("product_name", "EC2"), ("region", "us-east-1"), ("vcpu", "2")]], maps
            ),
            "resource_tags": pa.array([[("user_team", "nlp")]], maps),
            "discount": pa.array([[("edp_discount", 0.5)]], pa.map_(pa.string(), pa.float64())),
        }
    )
    night.put("a.parquet", parquet(pa.table(legacy)))
    night.put("b.snappy.parquet", parquet(newer))
    assert night.run().status == "ok"
    first, second = night.rows
    same = set(COLUMNS) | {"x_service_name", "x_region", "x_price_details"}
    differ = {name for name in same if first[name] != second[name]}
    assert differ == {"discount"}
    assert (second["discount"], second["line_item_unblended_cost"]) == (
        '{"edp_discount":0.5}',
        Decimal("0.1"),
    )
    assert second["resource_tags"] == '{"user_team":"nlp"}'


@pytest.mark.parametrize(
    "change, field, reason",
    [
        ({"lineItem/UsageStartDate": ""}, "line_item_usage_start_date", "missing_value"),
        ({"lineItem/UnblendedCost": ""}, "line_item_unblended_cost", "missing_value"),
        ({"lineItem/UnblendedCost": "dear"}, "line_item_unblended_cost", "wrong_type"),
        ({"lineItem/UnblendedCost": "1e30"}, "line_item_unblended_cost", "out_of_range"),
        ({"lineItem/UsageAmount": "1e19"}, "line_item_usage_amount", "out_of_range"),
        ({"lineItem/UsageEndDate": "2026-10-01"}, "line_item_usage_end_date", "out_of_range"),
        (
            {"lineItem/LineItemType": "SavingsPlanCoveredUsage"},
            "savings_plan_savings_plan_effective_cost",
            "missing_value",
        ),
        (
            {"lineItem/LineItemType": "DiscountedUsage"},
            "reservation_effective_cost",
            "missing_value",
        ),
    ],
)
def test_a_line_that_cannot_be_dated_or_summed_is_rejected_whole(
    night: Night, change: dict[str, str], field: str, reason: str
) -> None:
    night.put("r.csv.gz", table(LEGACY, {**LEGACY, **change}))
    report = night.run()
    assert (report.rows_landed, report.rows_rejected) == (1, 1)
    (row,) = night.rejected
    assert (row["field"], row["reason"], row["source_row"]) == (field, reason, 3)
    assert "BoxUsage:p4d.24xlarge" in row["raw"]


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"", "empty_file"),
        (b"a,b\n1,2\n", "not_this_format"),
        (table({k: v for k, v in LEGACY.items() if "Unblended" not in k}), "missing_column"),
        (b"lineItem/UsageType,lineItem/UsageType\n1,2\n", "duplicate_header"),
        (table(LEGACY)[:60], "truncated_gzip"),
        (b"PAR1 is not all", "not_this_format"),
    ],
)
def test_a_file_that_is_no_report_is_refused(night: Night, content: bytes, reason: str) -> None:
    night.put("r.csv", content)
    assert night.run().status == "partial"
    assert [row["reason"] for row in night.rejected] == [reason]


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200), st.booleans())
def test_whatever_bytes_come_rows_in_are_landed_or_rejected(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, after_a_report: bool
) -> None:
    night = Night(tmp_path_factory.mktemp("noise"))
    night.put("r.csv", (gzip.decompress(table(LEGACY)) if after_a_report else b"") + noise)
    report = night.run()
    assert report.status in ("ok", "partial")
    assert report.rows_in == report.rows_landed + report.rows_rejected


def test_memory_does_not_grow_with_the_report(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from tests.ingest.test_aws_cur import NOW, Landing, SourceContext, run_source, source
landing = Landing(Path(sys.argv[1]) / "landing")
landing.initialise(source.DATASETS)
told = source.Settings(path=sys.argv[1] + "/r.parquet")
report = run_source(source, told, SourceContext("aws", NOW), landing)
assert report.status == "ok", report
print(report.rows_landed, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
    peaks = {}
    for groups in (4, 16):
        folder = tmp_path / str(groups)
        folder.mkdir()
        height = 1 << 14
        rows = [{**LEGACY, "identity/LineItemId": f"{n:032}"} for n in range(height)]
        frame = pa.Table.from_pylist(rows)
        with pq.ParquetWriter(folder / "r.parquet", frame.schema) as writer:
            for _ in range(groups):
                writer.write_table(frame)
        done = subprocess.run(
            [sys.executable, "-c", code, str(folder)],
            capture_output=True,
            text=True,
            check=True,
            cwd=REPO,
            env={**os.environ, "PYTHONPATH": str(REPO)},
        )
        landed, peak = map(int, done.stdout.split())
        assert landed == groups * height
        peaks[groups] = peak
    assert peaks[16] < peaks[4] * 1.25, peaks
