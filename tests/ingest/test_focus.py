"""FOCUS exports: is each provider's file understood, and each bad one refused with its reason?"""

import csv
import gzip
import io
import json
import math
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import table_csv
from ingest.bounds import MAX_COST
from ingest.contracts import Batch
from ingest.focus_columns import COLUMNS
from ingest.focus_values import as_money, canonical_json
from ingest.landing import Landing
from ingest.runner import SourceReport, run_source
from ingest.sources import SourceContext, registry
from ingest.sources import focus as source

PAYLOADS = Path(__file__).parent / "payloads" / "focus"
REAL = Path(__file__).parents[3] / "shared" / "real" / "focus" / "focus_sample.csv"
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
FIELDS = (
    "BillingPeriodStart,ChargePeriodStart,ChargePeriodEnd,BilledCost,EffectiveCost,"
    "BillingCurrency,ProviderName,ServiceName,ChargeCategory"
)
LINE = "2026-10-01,2026-10-02 01:00:00,2026-10-02 02:00:00,1.5,1.25,USD,AWS,EC2,Usage"
CHARGE: dict[str, Any] = {
    "BillingPeriodStart": datetime(2026, 10, 1),  # noqa: DTZ001 - exports write naive times
    "ChargePeriodStart": datetime(2026, 10, 2, 1),  # noqa: DTZ001
    "ChargePeriodEnd": datetime(2026, 10, 2, 2),  # noqa: DTZ001
    "BilledCost": 1.5,
    "EffectiveCost": 1.25,
    "BillingCurrency": "USD",
    "ProviderName": "AWS",
    "ServiceName": "EC2",
    "ChargeCategory": "Usage",
}


class Night:
    """A landing folder and an input folder, and what a run of the source left there."""

    def __init__(self, root: Path) -> None:
        self.inputs = root / "exports"
        self.inputs.mkdir()
        self.landing = Landing(root / "landing")
        self.landing.initialise(source.DATASETS)

    def put(self, name: str, content: bytes | str) -> Path:
        path = self.inputs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def run(self, path: Path | None = None, at: datetime = NOW, **more: Any) -> SourceReport:
        told = source.Settings(path=str(path or self.inputs), **more)
        report = run_source(source, told, SourceContext("focus", at), self.landing)
        deliveries = self.landing.deliveries()
        assert (
            deliveries["rows_in"] == deliveries["rows_landed"] + deliveries["rows_rejected"]
        ).all()
        return report

    @property
    def rows(self) -> pl.DataFrame:
        frame = pl.read_parquet(self.landing.root / "focus__charges" / "*.parquet")
        assert frame.schema == source.CHARGES.schema
        return frame.sort("source_file", "source_row")

    @property
    def rejected(self) -> pl.DataFrame:
        frame = pl.read_parquet(self.landing.root / "_rejected" / "*.parquet")
        return frame.sort("source_file", "source_row")

    def statuses(self, report: SourceReport) -> dict[str, str]:
        return {d.scope.removeprefix("focus/"): d.status for d in report.deliveries}


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return Night(tmp_path)


def table(night: Night, name: str, rows: list[dict[str, Any]], **types: pa.DataType) -> Path:
    """A Parquet file of charges with the given columns' Arrow types."""
    arrays = {
        column: pa.array([row.get(column) for row in rows], type=types.get(column))
        for column in {key: None for row in rows for key in row}
    }
    path = night.inputs / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(arrays), path)
    return path


def only(night: Night, path: Path) -> dict[str, Any]:
    """The one landed row of a file."""
    report = night.run(path)
    assert night.rejected.rows(named=True) == []
    assert report.status == "ok"
    (row,) = night.rows.rows(named=True)
    return row


def test_source_is_registered_by_its_name() -> None:
    assert registry()["focus"] is source  # type: ignore[comparison-overlap]


# What providers write


def test_aws_1_0_csv_gz_lands_in_two_periods_with_its_credits_and_corrections(
    night: Night,
) -> None:
    night.put("aws/data/part-1.csv.gz", gzip.compress((PAYLOADS / "aws_1_0.csv").read_bytes()))
    night.put("aws/data/manifest.json", "{}")
    report = night.run()
    assert night.statuses(report) == {"aws/data/2026-10": "landed", "aws/data/2026-11": "landed"}
    rows = night.rows.rows(named=True)
    assert [row["source_row"] for row in rows] == [2, 3, 4, 6, 7]
    assert rows[0]["Tags"] == '{"env":"prod","team":"nlp"}'
    assert rows[0]["ChargePeriodStart"] == datetime(2026, 10, 3, 7, tzinfo=UTC)
    assert rows[1]["BilledCost"] == Decimal("0.0000001")
    assert rows[1]["EffectiveCost"] == Decimal("0.123456789012345678")
    assert rows[1]["Tags"] is None
    assert rows[2]["BilledCost"] == Decimal("-3")
    assert rows[2]["ChargeDescription"] == "Credit, see\nnote 5"
    assert (rows[3]["ChargeClass"], rows[3]["Tags"]) == ("Correction", None)
    assert rows[0]["SkuMeter"] is None  # a column of 1.1
    assert rows[0]["x_extra"] is None


def test_aws_1_2_csv_keeps_its_own_columns_in_x_extra(night: Night) -> None:
    row = only(night, night.put("a.csv", (PAYLOADS / "aws_1_2.csv").read_bytes()))
    assert row["SkuMeter"] == "EUW1-BoxUsage:p3.2xlarge"
    assert row["SkuPriceDetails"] == '{"GpuCount":1,"InstanceType":"p3.2xlarge"}'
    assert row["PricingCurrencyEffectiveCost"] == 2.142
    assert json.loads(row["x_extra"]) == {
        "x_Discounts": None,
        "x_Operation": "RunInstances",
        "x_ServiceCode": "AmazonEC2",
    }


def test_azure_1_0_csv_with_a_byte_order_mark_and_tags_without_braces(night: Night) -> None:
    night.run(night.put("part_0.csv", (PAYLOADS / "azure_1_0.csv").read_bytes()))
    first, second = night.rows.rows(named=True)
    assert first["AvailabilityZone"] is None
    assert first["BilledCost"] == Decimal("1.97651418586")
    assert first["ChargePeriodEnd"] == datetime(2026, 10, 6, tzinfo=UTC)
    assert second["Tags"] == '{"cost center":"7","team":"vision"}'
    assert json.loads(second["x_extra"]) == {
        "x_ResourceGroupName": "ml",
        "x_SkuMeterCategory": None,
    }


def test_aws_1_2_parquet_with_tags_as_a_map(night: Night) -> None:
    row = {
        **CHARGE,
        "Tags": [("team", "nlp"), ("env", 'pr"od')],
        "SkuPriceDetails": [("GpuCount", "1")],
        "x_Discounts": [("edp", 0.5)],
    }
    text_map = pa.map_(pa.string(), pa.string())
    path = table(
        night,
        "f.snappy.parquet",
        [row],
        Tags=text_map,
        SkuPriceDetails=text_map,
        x_Discounts=pa.map_(pa.string(), pa.float64()),
        BillingPeriodStart=pa.timestamp("ms"),
        BilledCost=pa.float64(),
    )
    landed = only(night, path)
    assert landed["source_row"] == 1
    assert landed["Tags"] == '{"env":"pr\\"od","team":"nlp"}'
    assert landed["SkuPriceDetails"] == '{"GpuCount":"1"}'
    assert json.loads(landed["x_extra"]) == {"x_Discounts": '{"edp": 0.5}'}


def test_gcp_1_0_parquet_with_numeric_costs_and_a_list_of_structs(night: Night) -> None:
    names = [name for name in COLUMNS if name in _focus_1_0()]
    row = dict.fromkeys(names) | {
        **CHARGE,
        "BilledCost": Decimal("0.123456789"),
        "EffectiveCost": Decimal("1e-30"),
        "ListCost": Decimal("7"),
        "ProviderName": "Google Cloud",
        "Tags": [{"key": "team", "value": "nlp"}, {"key": "env", "value": None}],
        "BillingPeriodStart": datetime(2026, 10, 1, tzinfo=UTC),
    }
    path = table(
        night,
        "gcp.parquet",
        [row],
        BilledCost=pa.decimal128(38, 9),
        EffectiveCost=pa.decimal256(76, 38),
        ListCost=pa.int64(),
        Tags=pa.list_(pa.struct({"key": pa.string(), "value": pa.string()})),
        BillingPeriodStart=pa.timestamp("us", "UTC"),
        ServiceName=pa.dictionary(pa.int32(), pa.string()),
    )
    assert len(pq.read_schema(path)) == 43
    landed = only(night, path)
    assert landed["BilledCost"] == Decimal("0.123456789")
    assert landed["EffectiveCost"] == 0
    assert landed["ListCost"] == Decimal(7)
    assert landed["Tags"] == '{"env":null,"team":"nlp"}'


def _focus_1_0() -> set[str]:
    with (PAYLOADS / "aws_1_0.csv").open(newline="") as file:
        return set(next(csv.reader(file)))


@pytest.mark.parametrize(
    ("column", "value", "kind", "expected"),
    [
        ("Tags", {"team": "nlp", "env": None}, None, '{"env":null,"team":"nlp"}'),
        ("Tags", '{"b": 1, "a": [1.5]}', None, '{"a":[1.5],"b":1}'),
        ("BilledCost", "0.123456789012345678", None, Decimal("0.123456789012345678")),
        ("BilledCost", 0.1, pa.float32(), Decimal("0.1")),
        ("BilledCost", 1e-7, None, Decimal("0.0000001")),
        ("BilledCost", Decimal("5.00"), pa.decimal128(20, 2), Decimal(5)),
        ("ConsumedQuantity", "7.25", None, 7.25),
        ("ConsumedQuantity", Decimal("7.25"), None, 7.25),
        ("SubAccountId", 123456789012, None, "123456789012"),
        ("SubAccountId", b"b\xc3\xbc", pa.binary(), "bü"),
        ("ChargePeriodStart", date(2026, 10, 2), None, datetime(2026, 10, 2, tzinfo=UTC)),
        ("ChargePeriodStart", "2026-10-02", None, datetime(2026, 10, 2, tzinfo=UTC)),
        (
            "ChargePeriodStart",
            datetime(2026, 10, 2, tzinfo=UTC),
            pa.timestamp("ns", "Europe/Berlin"),
            datetime(2026, 10, 2, tzinfo=UTC),
        ),
        ("InvoiceId", None, pa.null(), None),
        ("ResourceId", "NULL", None, None),
        ("ResourceName", "", None, None),
    ],
)
def test_parquet_types(
    night: Night, column: str, value: object, kind: pa.DataType | None, expected: object
) -> None:
    types = {column: kind} if kind else {}
    row = only(night, table(night, "t.parquet", [{**CHARGE, column: value}], **types))
    assert row[column] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-02 01:00:00", "2026-10-02T01:00"),
        ("2026-10-02T01:00:00Z", "2026-10-02T01:00"),
        ("2026-10-02T01:00Z", "2026-10-02T01:00"),
        ("2026-10-02T02:30:00+01:30", "2026-10-02T01:00"),
        ("2026-10-01 21:00:00-0400", "2026-10-02T01:00"),
        ("2026-10-02 01:00:00 UTC", "2026-10-02T01:00"),
        ("2026-10-02T01:00:00.123456Z", "2026-10-02T01:00:00.123456"),
        ("2026-10-02T01:00:00.1234567Z", "2026-10-02T01:00:00.123456"),
        ("2026-10-02", "2026-10-02T00:00"),
    ],
)
def test_times_of_every_form(night: Night, text: str, expected: str) -> None:
    line = LINE.replace("2026-10-02 01:00:00", text)
    row = only(night, night.put("a.csv", f"{FIELDS}\n{line}\n"))
    assert row["ChargePeriodStart"] == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_times_without_a_zone_are_in_the_zone_of_the_settings(night: Night, kind: str) -> None:
    if kind == "csv":
        night.put("a.csv", f"{FIELDS}\n{LINE}\n")
    else:
        table(night, "a.parquet", [CHARGE])
    report = night.run(timezone="Europe/Berlin")
    (row,) = night.rows.rows(named=True)
    assert row["ChargePeriodStart"] == datetime(2026, 10, 1, 23, tzinfo=UTC)
    # The period is the month as written: October began in September's UTC.
    assert night.statuses(report) == {"./2026-10": "landed"}


def test_an_unknown_zone_is_refused_by_the_settings() -> None:
    with pytest.raises(ValueError, match="Mars/Olympus"):
        source.Settings(path="x", timezone="Mars/Olympus")


def test_semicolons_close_spellings_and_a_header_alone(night: Night) -> None:
    for name in ("semicolons", "spellings", "header_only"):
        night.put(f"{name}.csv", (PAYLOADS / f"{name}.csv").read_bytes())
    night.put("tabs.tsv", f"{FIELDS}\n{LINE}\n".replace(",", "\t"))
    report = night.run()
    assert (report.status, report.rows_landed) == ("ok", 3)
    rows = night.rows
    assert rows["EffectiveCost"].to_list() == [Decimal("1.25")] * 3
    assert rows["ProviderName"].to_list() == ["AWS"] * 3


def test_a_stray_value_and_a_null_provider_keep_their_row(night: Night) -> None:
    line = "x.0,2" + LINE.replace("AWS", "NULL").removeprefix("2026-10-01")
    line = line.replace("x.0,2", "2026-10-01")
    row = only(night, night.put("a.csv", f"{FIELDS},AvailabilityZone\n{line},0.02\n"))
    assert (row["AvailabilityZone"], row["ProviderName"]) == ("0.02", None)


@pytest.mark.skipif(not REAL.exists(), reason="needs ../shared/real")
def test_the_real_sample_lands_whole_and_to_the_last_digit(night: Night) -> None:
    report = night.run(REAL)
    rows = night.rows
    assert report.rows_in == rows.height + night.rejected.height == 1000
    expected: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    with REAL.open(newline="") as file:
        for line in csv.DictReader(file):
            sums = expected[line["ProviderName"], line["BillingCurrency"]]
            sums[0] += Decimal(line["EffectiveCost"])
            sums[1] += Decimal(line["BilledCost"])
    found = rows.group_by("ProviderName", "BillingCurrency").agg(
        pl.col("EffectiveCost", "BilledCost").sum()
    )
    assert {(p, c): [e, b] for p, c, e, b in found.rows()} == dict(expected)
    assert rows["x_extra"].str.json_path_match("$.Id").n_unique() == 1000


# What is refused, and why

FAILURES = sorted(path.stem for path in PAYLOADS.glob("failure_*"))
REASONS = (
    "wrong_type",
    "missing_value",
    "out_of_range",
    "not_json",
    "wrong_column_count",
    "not_utf8",
    "empty_file",
    "missing_column",
    "not_this_format",
    "duplicate_header",
)
WHOLE_FILE = ("empty_file", "missing_column", "not_this_format", "duplicate_header")


def test_every_reason_has_a_payload() -> None:
    assert {r for r in REASONS if any(f.startswith(f"failure_{r}") for f in FAILURES)} == set(
        REASONS
    )


@pytest.mark.parametrize("name", FAILURES)
def test_failure_payload(night: Night, name: str) -> None:
    reason = next(r for r in REASONS if name.startswith(f"failure_{r}"))
    content = (PAYLOADS / f"{name}.csv").read_bytes()
    report = night.run(night.put(f"{name}.csv", content))
    assert report.status == "partial"
    (row,) = night.rejected.rows(named=True)
    assert row["reason"] == reason
    assert row["source_file"] == f"{name}.csv"
    assert ";" in row["detail"]  # what is wrong; what to do
    if reason in WHOLE_FILE:
        assert (row["source_row"], row["raw"]) == (None, None)
        assert night.statuses(report) == {f"file:{name}.csv": "landed"}
    else:
        assert row["source_row"] == 3
        bad = content.split(b"\n")[2].decode("utf-8", "backslashreplace")
        assert row["raw"] == bad
        # The good rows before and after it land, and it stays with their period.
        assert night.rows["source_row"].to_list() == [2, 4]
        assert night.statuses(report) == {"./2026-10": "landed"}


def test_a_missing_column_is_named(night: Night) -> None:
    night.run(night.put("a.csv", (PAYLOADS / "failure_missing_column.csv").read_bytes()))
    assert "EffectiveCost, ServiceName" in night.rejected["detail"][0]


def test_a_field_of_a_million_characters_rejects_its_row(night: Night) -> None:
    giant = LINE.replace("EC2", "é" * 1_000_001)
    longest = LINE.replace("EC2", "é" * 1_000_000)
    night.run(night.put("a.csv", f"{FIELDS}\n{LINE}\n{giant}\n{longest}\n"))
    (row,) = night.rejected.rows(named=True)
    assert (row["reason"], row["field"], row["source_row"]) == ("field_too_long", "ServiceName", 3)
    assert row["raw"] == giant
    assert night.rows["source_row"].to_list() == [2, 4]


def test_a_line_without_end_is_cut_and_the_rest_lands(night: Night) -> None:
    content = f"{FIELDS}\n{LINE}\n{'x' * 5000}\n{LINE}\n"
    small = {"BLOCK": 512, "LONGEST_HEADER": 200, "LONGEST_RECORD": 1024}
    with patch.multiple(table_csv, **small):
        night.run(night.put("a.csv", content))
    (row,) = night.rejected.rows(named=True)
    assert (row["reason"], row["source_row"]) == ("field_too_long", 3)
    assert night.rows["source_row"].to_list() == [2, 4]


def test_a_quote_that_is_never_closed_costs_one_line(night: Night) -> None:
    opened = LINE.replace("EC2", '"EC2')
    night.run(night.put("a.csv", f"{FIELDS}\n{LINE}\n{opened}\n{LINE}\n{LINE}\n"))
    (row,) = night.rejected.rows(named=True)
    assert (row["reason"], row["source_row"], row["raw"]) == ("wrong_column_count", 3, opened)
    assert night.rows["source_row"].to_list() == [2, 4, 5]


def test_blank_lines_carriage_returns_and_quotes_within_text(night: Night) -> None:
    lines = [
        FIELDS,
        "",
        LINE.replace("EC2", '"a\r\n\r\nb"'),
        "",
        LINE.replace("EC2", '5" disk'),
        "",
    ]
    night.run(night.put("a.csv", "\r\n".join(lines)))
    assert night.rejected.is_empty()
    assert night.rows["source_row"].to_list() == [3, 7]
    assert night.rows["ServiceName"].to_list() == ["a\r\n\r\nb", '5" disk']


@pytest.mark.parametrize(
    ("column", "value", "kind", "reason"),
    [
        ("BilledCost", float("nan"), None, "out_of_range"),
        ("BilledCost", 1e300, None, "out_of_range"),
        ("BilledCost", Decimal(10) ** 25, pa.decimal128(38, 0), "out_of_range"),
        ("BilledCost", "a lot", None, "wrong_type"),
        ("BilledCost", None, pa.float64(), "missing_value"),
        ("BilledCost", [1.0], None, "wrong_type"),
        ("ConsumedQuantity", float("inf"), None, "out_of_range"),
        ("ChargePeriodStart", 1_790_000_000, None, "wrong_type"),
        ("ChargePeriodStart", datetime(9999, 1, 1, tzinfo=UTC), None, "out_of_range"),
        ("BillingPeriodStart", None, pa.timestamp("us"), "missing_value"),
        ("ServiceName", b"B\xfcro", pa.binary(), "not_utf8"),
        ("ServiceName", "x" * 1_000_001, None, "field_too_long"),
        ("Tags", "{", None, "not_json"),
    ],
)
def test_parquet_rows_refused(
    night: Night, column: str, value: object, kind: pa.DataType | None, reason: str
) -> None:
    types = {column: kind} if kind else {}
    night.run(table(night, "t.parquet", [{**CHARGE, column: value}], **types))
    (row,) = night.rejected.rows(named=True)
    assert (row["reason"], row["field"], row["source_row"]) == (reason, column, 1)
    assert json.loads(row["raw"])["BillingCurrency"] == "USD"


def test_parquet_text_that_is_not_utf8(night: Night) -> None:
    rows = [CHARGE, {**CHARGE, "ServiceName": b"B\xfcro"}, CHARGE]
    offsets = pa.array([0, 3, 7, 10], pa.int32()).buffers()[1]
    damaged = pa.Array.from_buffers(pa.string(), 3, [None, offsets, pa.py_buffer(b"EC2B\xfcroEC2")])
    columns = {k: pa.array([r[k] for r in rows]) for k in CHARGE if k != "ServiceName"}
    path = night.inputs / "t.parquet"
    pq.write_table(pa.table(columns | {"ServiceName": damaged}), path)
    night.run(path)
    (row,) = night.rejected.rows(named=True)
    assert (row["reason"], row["source_row"]) == ("not_utf8", 2)
    assert json.loads(row["raw"])["ServiceName"] == "B\\xfcro"
    assert night.rows["source_row"].to_list() == [1, 3]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.parquet", b"", "empty_file"),
        ("a.parquet", b"PAR1 and nothing more", "not_this_format"),
        ("a.csv", b"\xff\xfeB\0", "not_utf8"),
        ("a.csv", b"B\xfcro,b\n", "not_utf8"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), "empty_file"),
        ("a.csv", b"x" * 2_000_000, "not_this_format"),
        ("a.csv", b"\n\n \n", "empty_file"),
        ("a.csv", b"a,b\rc,d", "not_this_format"),
    ],
)
def test_files_refused(night: Night, name: str, content: bytes, reason: str) -> None:
    night.run(night.put(name, content))
    (row,) = night.rejected.rows(named=True)
    assert (row["source_file"], row["reason"]) == (name, reason)


# Deliveries


def test_landing_twice_is_landing_once_and_a_restatement_supersedes(night: Night) -> None:
    night.put("a/x.csv", f"{FIELDS}\n{LINE}\n")
    night.put("b/x.csv", f"{FIELDS}\n{LINE}\n")
    assert set(night.statuses(night.run()).values()) == {"landed"}
    before = {p: p.read_bytes() for p in (night.landing.root / "focus__charges").glob("2*.parquet")}
    again = night.run(at=NOW + timedelta(hours=1))
    assert night.statuses(again) == {"a/2026-10": "unchanged", "b/2026-10": "unchanged"}
    night.put("a/x.csv", f"{FIELDS}\n{LINE.replace('1.25', '1.75')}\n")
    restated = night.run(at=NOW + timedelta(hours=2))
    assert night.statuses(restated) == {"a/2026-10": "landed", "b/2026-10": "unchanged"}
    assert all(path.read_bytes() == content for path, content in before.items())
    assert night.landing.deliveries().height == 3


def test_a_truncated_gzip_lands_nothing_and_holds_its_folder_back(night: Night) -> None:
    night.put("a/1.csv", f"{FIELDS}\n{LINE}\n")
    whole = gzip.compress(f"{FIELDS}\n{LINE}\n{LINE}\n".encode())
    night.put("a/2.csv.gz", whole)
    night.put("b/1.csv", f"{FIELDS}\n{LINE}\n")
    assert night.run().rows_landed == 4
    night.put("a/2.csv.gz", whole[:-12])
    night.put("b/1.csv", f"{FIELDS}\n{LINE}\n{LINE}\n")
    report = night.run(at=NOW + timedelta(hours=1))
    assert night.statuses(report) == {
        "a/2026-10": "held_back",
        "file:a/2.csv.gz": "landed",
        "b/2026-10": "landed",
    }
    assert night.rejected["reason"].to_list() == ["truncated_gzip"]


def test_two_periods_in_one_file_share_no_row(night: Night) -> None:
    november = LINE.replace("2026-10", "2026-11")
    broken = november.replace("1.25", "?")
    lines = "\n".join([FIELDS, LINE, november, broken, LINE, "short"])
    report = night.run(night.put("a.csv", lines))
    counts = {d.scope[-7:]: (d.rows_landed, d.rows_rejected) for d in report.deliveries}
    assert counts == {"2026-10": (2, 1), "2026-11": (1, 1)}


def test_a_file_without_any_period_is_rejected_row_by_row(night: Night) -> None:
    line = LINE.replace("2026-10-01", "NULL", 1)
    report = night.run(night.put("a.csv", f"{FIELDS}\n{line}\n{line}\n"))
    assert night.statuses(report) == {"./no-period": "landed"}
    assert night.rejected["reason"].to_list() == ["missing_value"] * 2


# Properties

FREE_TEXT = ("ServiceName", "ChargeDescription", "x_note")


def csv_file(texts: list[list[str]], **dialect: Any) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, **dialect)
    names = [name for name in FIELDS.split(",") if name != "ServiceName"]
    values = [
        v for v, name in zip(LINE.split(","), FIELDS.split(","), strict=True) if name in names
    ]
    writer.writerow([*names, *FREE_TEXT])
    writer.writerows([*values, *row] for row in texts)
    return out.getvalue().encode()


@pytest.mark.parametrize("form", ["csv", "decimal", "float"])
@pytest.mark.parametrize(
    ("column", "value", "bound"),
    [
        *((name, 1.1e15, "1,000,000,000,000,000;") for name in COLUMNS if name.endswith("Cost")),
        ("EffectiveCost", -1.1e15, "-1,000,000,000,000,000 and"),
        *((n, 1.1e18, "1,000,000,000,000,000,000;") for n in COLUMNS if n.endswith("Quantity")),
        ("ConsumedQuantity", -1.1e18, "-1,000,000,000,000,000,000 and"),
        *((n, float("inf"), "a finite number") for n in COLUMNS if n.endswith("UnitPrice")),
    ],
)
def test_what_cannot_be_true_is_refused_with_its_bound(
    night: Night, column: str, value: float, bound: str, form: str
) -> None:
    rows = [CHARGE, CHARGE | {column: value}]
    if form == "csv":
        fields = list(dict.fromkeys([*CHARGE, column]))
        lines = [fields, *([str(row.get(name, "")) for name in fields] for row in rows)]
        path = night.put("a.csv", "".join(",".join(line) + "\n" for line in lines))
    elif form == "decimal" and math.isfinite(value):
        cells = [row | {column: Decimal(row.get(column, 0))} for row in rows]
        path = table(night, "a.parquet", cells, **{column: pa.decimal128(38, 9)})
    else:
        path = table(night, "a.parquet", rows)
    night.run(path)
    (finding,) = night.rejected.rows(named=True)
    assert night.rows.height == 1
    assert (finding["field"], finding["reason"]) == (column, "out_of_range")
    assert bound in finding["detail"]


def test_what_is_at_its_bound_lands(night: Night) -> None:
    row = only(
        night,
        table(
            night,
            "a.parquet",
            [CHARGE | {"BilledCost": 1e15, "ListUnitPrice": 1e300, "ConsumedQuantity": 1e18}],
        ),
    )
    assert (row["BilledCost"], row["ConsumedQuantity"]) == (10**15, 1e18)


def read_all(content: bytes, folder: Path, **small: int) -> list[Batch]:
    path = folder / "any.csv"
    path.write_bytes(content)
    told = source.Settings(path=str(path))
    with patch.multiple(table_csv, **small):
        return list(source.read(told, SourceContext("focus", NOW)))


@pytest.fixture
def sizes() -> Iterator[dict[str, int]]:
    yield {"BLOCK": 300, "LONGEST_HEADER": 400}


@settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    texts=st.lists(
        st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=40) | st.sampled_from(
            ["NULL", "", '"', "a\r\nb", ",", '5" disk', "\n\n", "\r"]), min_size=3, max_size=3),
        max_size=12,
    ),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    delimiter=st.sampled_from([",", ";", "\t"]),
)  # fmt: skip
def test_any_csv_reads_back_row_for_row(
    tmp_path: Path, sizes: dict[str, int], texts: list[list[str]], quoting: int, delimiter: str
) -> None:
    content = csv_file(texts, quoting=quoting, delimiter=delimiter)
    batches = read_all(content, tmp_path, **sizes)
    assert sum(batch.rejected.height for batch in batches) == 0
    found = [
        (
            row["ServiceName"],
            row["ChargeDescription"],
            json.loads(row["x_extra"] or "{}").get("x_note"),
        )
        for batch in batches
        for row in batch.rows.rows(named=True)
    ]
    expected = [tuple(None if v in ("", "NULL") else v for v in row) for row in texts]
    assert found == expected
    physical = content.decode().split("\n")
    for batch in batches:
        for number in batch.rows["source_row"]:
            assert physical[number - 1].removeprefix('"').startswith("2026-10-01")


@settings(
    max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    parts=st.lists(
        st.sampled_from([LINE.encode(), b"\n", b"\r\n", b'"', b",", b"\xff", b"\r", b"NULL", b"\0"])
        | st.binary(max_size=8),
        max_size=40,
    )
)
def test_any_bytes_are_landed_or_rejected_and_lines_are_told_once(
    tmp_path: Path, parts: list[bytes]
) -> None:
    body = b"".join(parts)
    content = FIELDS.encode() + b"\n" + body
    whole = read_all(content, tmp_path, BLOCK=table_csv.BLOCK)
    batches = read_all(content, tmp_path, BLOCK=50, LONGEST_HEADER=150, LONGEST_RECORD=1 << 20)

    def told(of: list[Batch]) -> list[int]:
        return sorted(
            number
            for batch in of
            for number in [*batch.rows["source_row"], *batch.rejected["source_row"]]
        )  # fmt: skip

    assert len(told(whole)) == len(set(told(whole)))
    assert told(batches) == told(whole)
    with patch.object(table_csv._Reader, "_fast", return_value=None):
        carefully = read_all(content, tmp_path, BLOCK=table_csv.BLOCK)
    for one, other in zip(whole, carefully, strict=True):
        assert one.rows.equals(other.rows)
        assert one.rejected.equals(other.rejected)
    assert all(raw is not None for batch in whole for raw in batch.rejected["raw"])


@settings(max_examples=300, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-MAX_COST, max_value=MAX_COST))
def test_money_is_exact_and_rounds_half_even(number: Decimal) -> None:
    found, problems = as_money("BilledCost", pl.Series([str(number)]))
    with localcontext(prec=80):
        expected = number.quantize(Decimal("1e-18"))
    assert problems == []
    assert found[0] == expected


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.booleans()))
def test_tags_are_one_text_however_they_are_written(tags: dict[str, object]) -> None:
    listed = [{"Key": k, "Value": v} for k, v in tags.items()]
    text = canonical_json(json.dumps(tags, indent=1))
    assert json.loads(text) == tags
    assert not tags or canonical_json(json.dumps(listed)) == text
