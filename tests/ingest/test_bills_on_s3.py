"""Bills in an object store: is only what changed fetched, and does nothing half-read land?"""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from s3_server import S3, s3_server

from ingest.landing import Landing
from ingest.objects import ObjectSourceSettings, S3Place
from ingest.runner import SourceReport, run_source
from ingest.sources import SourceContext, aws_cur, focus
from observatory import checks
from observatory.settings import load_settings

REPO = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
PATH = "s3://bills/exports/ml"


@pytest.fixture(scope="module")
def server() -> Iterator[S3]:
    with s3_server() as found:
        yield found


@pytest.fixture
def s3(server: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST",
        "AWS_SECRET_ACCESS_KEY": "a-secret-that-nobody-may-see",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for bucket in server.client.list_buckets()["Buckets"]:
        pages = server.client.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"])
        for entry in (e for page in pages for e in page.get("Contents", ())):
            server.delete(entry["Key"], bucket["Name"])
    server.put("elsewhere/readme.txt", "not a bill")
    server.clear()
    return server


class Nights:
    """Nights of one source over one landing."""

    def __init__(self, root: Path, s3: S3, source: Any = aws_cur, path: str = PATH) -> None:
        self.source = source
        self.settings = source.Settings(path=path, endpoint_url=s3.url, attempts=3)
        self.landing = Landing(root / "landing")
        self.landing.initialise(source.DATASETS)
        self.at = NOW

    def run(self) -> SourceReport:
        self.at += timedelta(days=1)
        landing = Landing(self.landing.root)
        context = SourceContext("aws", self.at)
        return run_source(self.source, self.settings, context, landing)

    def newest(self) -> dict[str, Decimal]:
        """Scope → cost of its newest delivery."""
        return self.known(self.at)

    def known(self, at: datetime) -> dict[str, Decimal]:
        """Scope → cost of what was known at a time."""
        dataset = self.source.DATASETS[0].name
        column = "BilledCost" if "BilledCost" in self.source.DATASETS[0].columns else CUR_COST
        known: dict[str, Decimal] = {}
        for row in self.landing.deliveries().rows(named=True):
            if row["received_at_utc"] <= at and not row["scope"].startswith("aws/file:"):
                path = self.landing.root / dataset / f"{row['delivery_id']}.parquet"
                known[row["scope"]] = pl.read_parquet(path)[column].sum()
        return known


CUR_COST = "line_item_unblended_cost"


def statuses(report: SourceReport) -> dict[str, str]:
    return {d.scope.removeprefix("aws/"): d.status for d in report.deliveries}


def line(cost: float | str, month: str = "2026-10", **more: Any) -> dict[str, Any]:
    return {
        "bill_billing_period_start_date": f"{month}-01T00:00:00Z",
        "line_item_usage_start_date": f"{month}-02T01:00:00Z",
        "line_item_usage_end_date": f"{month}-02T02:00:00Z",
        "line_item_currency_code": "USD",
        "line_item_product_code": "AmazonEC2",
        "line_item_usage_type": "EUW1-BoxUsage:m5.large",
        "line_item_line_item_type": "Usage",
        "line_item_unblended_cost": cost,
        **more,
    }


def table(*rows: dict[str, Any]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list({key: None for row in rows for key in row}))
    writer.writeheader()
    writer.writerows(rows)
    return gzip.compress(out.getvalue().encode(), mtime=0)


def parquet(*rows: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows)), out)
    return out.getvalue()


def deliver(
    s3: S3, month: str, *files: bytes, version: str = "", suffix: str = "csv.gz"
) -> list[str]:
    """A month of Data Exports, the manifest last; the keys of its data."""
    below = f"BILLING_PERIOD={month}/" + (f"{version}/" if version else "")
    keys = [f"exports/ml/data/{below}ml-{n:05}.{suffix}" for n in range(1, len(files) + 1)]
    for key, content in zip(keys, files, strict=True):
        s3.put(key, content)
    manifest = json.dumps({"dataFiles": [f"s3://bills/{key}" for key in keys]})
    s3.put(f"exports/ml/metadata/{below}ml-Manifest.json", manifest)
    return keys


def test_only_changed_months_are_fetched_and_each_is_one_delivery(s3: S3, tmp_path: Path) -> None:
    deliver(s3, "2026-09", table(line(1, "2026-09")), table(line(2, "2026-09")))
    october = deliver(s3, "2026-10", table(line("0.123456789012345678")))
    nights = Nights(tmp_path, s3)
    assert statuses(nights.run()) == {
        "data/BILLING_PERIOD=2026-09/2026-09": "landed",
        "data/BILLING_PERIOD=2026-10/2026-10": "landed",
    }
    assert [*nights.newest().values()] == [Decimal(3), Decimal("0.123456789012345678")]
    assert len(s3.gets()) == 5  # three files, two manifests
    s3.clear()
    again = nights.run()
    assert {d.status for d in again.deliveries} == {"unchanged"}
    assert (again.status, again.rows_unchanged) == ("ok", 3)
    assert not [key for key in s3.gets() if "/data/" in key]
    s3.clear()
    deliver(s3, "2026-10", table(line("0.2")))
    assert sorted(statuses(nights.run()).values()) == ["landed", "unchanged"]
    assert [key for key in s3.gets() if "/data/" in key] == october
    assert [*nights.newest().values()] == [Decimal(3), Decimal("0.2")]


@pytest.mark.parametrize("keep", [False, True], ids=["overwrite", "new version"])
def test_a_month_delivered_three_times_ends_as_the_last_one(
    s3: S3, tmp_path: Path, keep: bool
) -> None:
    nights = Nights(tmp_path, s3)
    deliveries = [
        [table(line(1))],
        [table(line(1)), table(line(2))],  # growing
        [table(line(1), line(1.5))],  # restated: the second file is no more
        [table(line(1), line(1.5), line(-0.5, line_item_line_item_type="Refund"))],  # corrected
    ]
    known = []
    for number, files in enumerate(deliveries, start=1):
        version = f"2026-11-0{number}T00:00:00.000Z-{number:08}-aaaa-bbbb-cccc-dddddddddddd"
        deliver(s3, "2026-10", *files, version=version if keep else "")
        assert nights.run().status == "ok"
        known.append((nights.at, nights.newest()))
    sums = [Decimal(1), Decimal(3), Decimal("2.5"), Decimal(2)]
    scope = "aws/data/BILLING_PERIOD=2026-10/2026-10"
    assert [found for _, found in known] == [{scope: cost} for cost in sums]
    assert [nights.known(at) for at, _ in known] == [{scope: cost} for cost in sums]


def test_a_legacy_report_counts_its_newest_assembly(s3: S3, tmp_path: Path) -> None:
    nights = Nights(tmp_path, s3)
    root = "exports/ml/20261001-20261101"
    for assembly, cost in (("b0b0", 1), ("a1a1", 2)):
        key = f"{root}/{assembly}/ml-00001.csv.gz"
        legacy = {
            "bill/BillingPeriodStartDate": "2026-10-01T00:00:00Z",
            "lineItem/UsageStartDate": "2026-10-02T01:00:00Z",
            "lineItem/UsageEndDate": "2026-10-02T02:00:00Z",
            "lineItem/CurrencyCode": "USD",
            "lineItem/ProductCode": "AmazonEC2",
            "lineItem/UsageType": "BoxUsage",
            "lineItem/LineItemType": "Usage",
            "lineItem/UnblendedCost": cost,
        }
        s3.put(key, table(legacy))
        manifest = json.dumps({"assemblyId": assembly, "reportKeys": [key]})
        s3.put(f"{root}/{assembly}/ml-Manifest.json", manifest)
        s3.put(f"{root}/ml-Manifest.json", manifest)
        assert statuses(nights.run()) == {"20261001-20261101/2026-10": "landed"}
        assert [*nights.newest().values()] == [Decimal(cost)]


def test_more_than_a_thousand_objects_are_listed_page_by_page(s3: S3, tmp_path: Path) -> None:
    for number in range(1005):
        s3.put(f"exports/ml/noise/{number:04}.txt", "")
    deliver(s3, "2026-10", table(line(1)))
    assert statuses(Nights(tmp_path, s3).run()) == {"data/BILLING_PERIOD=2026-10/2026-10": "landed"}
    assert len([path for _, path in s3.requests if "list-type" in path]) == 2


def test_a_month_that_misses_an_object_is_held_back_and_the_others_land(
    s3: S3, tmp_path: Path
) -> None:
    nights = Nights(tmp_path, s3)
    deliver(s3, "2026-09", table(line(1, "2026-09")))
    keys = deliver(s3, "2026-10", table(line(1)), table(line(2)))
    s3.delete(keys[1])
    report = nights.run()
    assert report.status == "partial"
    assert report.error is not None and "names 1 object(s) that are not there" in report.error
    assert statuses(report) == {"data/BILLING_PERIOD=2026-09/2026-09": "landed"}
    s3.put(keys[1], table(line(2)))
    assert sorted(nights.run().rows_in for _ in range(1)) == [3]
    assert [*nights.newest().values()] == [Decimal(1), Decimal(3)]


def test_an_object_deleted_or_replaced_after_the_listing_lands_nothing_of_its_month(
    s3: S3, tmp_path: Path
) -> None:
    nights = Nights(tmp_path, s3)
    deliver(s3, "2026-09", table(line(1, "2026-09")))
    keys = deliver(s3, "2026-10", table(line(1)), table(line(2)))

    def deleted(method: str, path: str) -> None:
        if keys[1].replace("=", "%3D") in path:
            s3.delete(keys[1])

    s3.faults.append(deleted)
    report = nights.run()
    assert report.status == "partial" and report.error is not None
    assert f"{keys[1].removeprefix('exports/ml/')}: was listed, but is gone" in report.error
    assert statuses(report) == {"data/BILLING_PERIOD=2026-09/2026-09": "landed"}
    s3.clear()
    s3.put(keys[1], table(line(2)))

    def replaced(method: str, path: str) -> None:
        if keys[1].replace("=", "%3D") in path:
            s3.put(keys[1], table(line(5)))

    s3.faults.append(replaced)
    report = nights.run()
    assert report.error is not None and "was replaced after it was listed" in report.error
    s3.clear()
    assert nights.run().status == "ok"
    assert [*nights.newest().values()] == [Decimal(1), Decimal(6)]


def test_a_busy_store_is_asked_again_and_at_last_named(s3: S3, tmp_path: Path) -> None:
    deliver(s3, "2026-10", table(line(1)))
    left = [2]

    def busy(method: str, path: str) -> tuple[int, str] | None:
        left[0] -= 1
        return (503, "SlowDown") if left[0] >= 0 else None

    s3.faults.append(busy)
    assert Nights(tmp_path, s3).run().status == "ok"
    left[0] = 10**6
    report = Nights(tmp_path, s3).run()
    assert report.status == "failed"
    assert report.error == f"{PATH}: the store asked to slow down, 3 time(s); it is busy (SlowDown)"


@pytest.mark.parametrize(
    "status, code, said",
    [
        (400, "ExpiredToken", "the AWS credentials have expired; renew them"),
        (403, "InvalidAccessKeyId", "AWS does not know these credentials"),
        (403, "AccessDenied", "allow s3:ListBucket and s3:GetObject"),
        (404, "NoSuchBucket", "there is no bucket bills"),
    ],
)
def test_refusals_say_what_to_do_and_no_secret(
    s3: S3, tmp_path: Path, status: int, code: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    s3.faults.append(lambda method, path: (status, code))
    report = Nights(tmp_path, s3).run()
    assert report.status == "failed" and report.error is not None
    assert said in report.error and code in report.error
    assert "nobody-may-see" not in report.error + caplog.text


def test_credentials_that_expire_midway_keep_the_months_before(s3: S3, tmp_path: Path) -> None:
    nights = Nights(tmp_path, s3)
    for month in ("2026-08", "2026-09", "2026-10"):
        deliver(s3, month, table(line(1, month)))

    def expired(method: str, path: str) -> tuple[int, str] | None:
        return (400, "ExpiredToken") if "/data/" in path and "2026-09" in path else None

    s3.faults.append(expired)
    report = nights.run()
    assert report.status == "failed"
    assert statuses(report) == {"data/BILLING_PERIOD=2026-08/2026-08": "landed"}
    s3.clear()
    assert sorted(statuses(nights.run()).values()) == ["landed", "landed", "unchanged"]


def test_without_credentials_the_source_says_so(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    report = Nights(tmp_path, s3).run()
    assert report.error is not None and "no AWS credentials" in report.error
    nights = Nights(tmp_path, s3)
    nights.settings = aws_cur.Settings(path=PATH, profile="nobody")
    report = nights.run()
    assert report.error is not None and "nobody" in report.error


def test_a_role_is_taken_on(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", s3.url)
    deliver(s3, "2026-10", table(line(1)))
    nights = Nights(tmp_path, s3)
    role = "arn:aws:iam::123456789012:role/billing-reader"
    nights.settings = nights.settings.model_copy(update={"role_arn": role})
    assert nights.run().status == "ok"
    assert ("POST", "/") in s3.requests  # to the token service


def test_doctor_tells_what_is_there_and_what_is_wrong(s3: S3, tmp_path: Path) -> None:
    deliver(s3, "2026-10", table(line(1)))
    config = tmp_path / "observatory.toml"
    config.write_text(
        f"[sources.aws_cur.good]\npath = '{PATH}'\nendpoint_url = '{s3.url}'\n"
        f"[sources.aws_cur.gone]\npath = 's3://nowhere'\nendpoint_url = '{s3.url}'\n"
    )
    found = {check.name: check for check in checks.doctor(load_settings(config), NOW)}
    assert found["sources.aws_cur.good"].detail == f"2 object(s) in {PATH}"
    gone = found["sources.aws_cur.gone"]
    assert (gone.status, "there is no bucket nowhere" in gone.detail) == ("failed", True)


def test_a_night_killed_after_some_months_goes_on_with_the_next(s3: S3, tmp_path: Path) -> None:
    months = ["2026-07", "2026-08", "2026-09", "2026-10"]
    for month in months:
        deliver(s3, month, table(line(1, month)))
    nights = Nights(tmp_path, s3)
    code = f"""
import os
from pathlib import Path
from tests.ingest import test_bills_on_s3 as t
from ingest.landing import Landing
class Dies(Landing):
    def record(self, row):
        super().record(row)
        if row["scope"].endswith("2026-08"):
            os._exit(9)
settings = t.aws_cur.Settings(path={PATH!r}, endpoint_url={s3.url!r})
landing = Dies(Path({str(nights.landing.root)!r}))
t.run_source(t.aws_cur, settings, t.SourceContext("aws", t.NOW), landing)
"""
    environment = {**os.environ, "PYTHONPATH": f"{REPO}:{REPO / 'tests'}"}
    done = subprocess.run([sys.executable, "-c", code], check=False, cwd=REPO, env=environment)
    assert done.returncode == 9
    s3.clear()
    Landing(nights.landing.root).clear_leftovers()
    assert [*statuses(nights.run()).values()] == ["unchanged", "unchanged", "landed", "landed"]
    fetched = [key for key in s3.gets() if "/data/" in key]
    assert [key.split("=")[1][:7] for key in fetched] == ["2026-09", "2026-10"]
    assert [*nights.newest().values()] == [Decimal(1)] * 4


def test_a_schema_with_a_new_and_a_missing_column(s3: S3, tmp_path: Path) -> None:
    nights = Nights(tmp_path, s3)
    deliver(s3, "2026-09", table(line(1, "2026-09", line_item_new_thing="7")))
    short = {k: v for k, v in line(1).items() if k != "line_item_usage_type"}
    deliver(s3, "2026-10", table(short))
    report = nights.run()
    assert report.status == "partial"
    rows = pl.read_parquet(nights.landing.root / "aws_cur__lines" / "*.parquet")
    assert rows["x_extra"].to_list() == ['{"line_item_new_thing":"7"}']
    assert rows["line_item_resource_id"].to_list() == [None]
    rejected = pl.read_parquet(nights.landing.root / "_rejected" / "*.parquet")
    assert rejected["reason"].to_list() == ["missing_column"]
    assert "line_item_usage_type" in rejected["detail"][0]


def test_focus_exports_are_read_from_s3_and_by_their_manifests(s3: S3, tmp_path: Path) -> None:
    def charge(cost: float) -> dict[str, Any]:
        return {
            "BillingPeriodStart": "2026-10-01T00:00:00Z",
            "ChargePeriodStart": "2026-10-02T01:00:00Z",
            "ChargePeriodEnd": "2026-10-02T02:00:00Z",
            "BilledCost": cost,
            "EffectiveCost": cost,
            "BillingCurrency": "USD",
            "ProviderName": "AWS",
            "ServiceName": "Amazon Elastic Compute Cloud",
            "ChargeCategory": "Usage",
            "x_Operation": "RunInstances",
        }

    nights = Nights(tmp_path, s3, focus)
    for number in (1, 2):
        version = f"2026-11-0{number}T00:00:00.000Z-{number:08}-aaaa-bbbb-cccc-dddddddddddd"
        content = parquet(charge(number))
        deliver(s3, "2026-10", content, version=version, suffix="snappy.parquet")
        assert nights.run().status == "ok"
        assert [*nights.newest().values()] == [Decimal(number)]
    s3.clear()
    assert [*statuses(nights.run()).values()] == ["unchanged"]
    rows = pl.read_parquet(nights.landing.root / "focus__charges" / "*.parquet")
    assert rows["x_price_details"].unique().to_list() == ['{"x_Operation":"RunInstances"}']
    # A glob, and a tree without manifests: the newest version of the month.
    globbed = Nights(tmp_path / "glob", s3, focus, "s3://bills/exports/*/data/**")
    assert globbed.run().status == "ok"
    assert [*globbed.newest().values()] == [Decimal(2)]


def test_memory_does_not_grow_with_the_object(s3: S3, tmp_path: Path) -> None:
    place = S3Place(ObjectSourceSettings(path=PATH, endpoint_url=s3.url))
    peaks = []
    for size in (8 << 20, 64 << 20):
        s3.put("exports/ml/big.bin", os.urandom(1 << 20) * (size >> 20))
        (entry,) = place.listing()
        tracemalloc.start()
        file = place.fetch(entry, tmp_path)
        # The server is in this process: what the client itself holds is what counts here.
        held = tracemalloc.take_snapshot().filter_traces(
            [tracemalloc.Filter(True, "*ingest/objects.py"), tracemalloc.Filter(True, "*shutil.py")]
        )
        tracemalloc.stop()
        peaks.append(sum(stat.size for stat in held.statistics("filename")))
        assert file.path.stat().st_size == size
        file.path.unlink()
    assert peaks[1] < peaks[0] + (2 << 20)
