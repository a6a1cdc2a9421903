"""Google Cloud's billing export, read by the real client from a BigQuery on this machine."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from bigquery_stand_in import (
    DETAILED,
    PROJECT,
    Emulator,
    Forward,
    _field,
    create,
    credit,
    door,
    insert,
    is_dry_run,
    line,
    refusal,
)
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.cloud import bigquery
from grid_api import NOW, Asked, Reply, serving

from ingest.landing import Landing
from ingest.runner import SourceReport, run_source
from ingest.sources import SourceContext, gcp_billing

pytestmark = pytest.mark.real

DAY = timedelta(days=1)


@dataclass
class Billing:
    """A landing, and what nights of the source leave there."""

    landing: Landing
    emulator: Emulator

    def run(self, table: str, at: datetime = NOW, **told: Any) -> SourceReport:
        told = {
            "api_endpoint": self.emulator.url,
            "storage_endpoint": self.emulator.storage,
            "timeout_s": 10,
            "retry_for_s": 5,
            **told,
        }
        settings = gcp_billing.Settings.model_validate({"table": table, **told})
        report = run_source(gcp_billing, settings, SourceContext("gcp", at), self.landing)  # type: ignore[arg-type]
        manifest = self.landing.deliveries()
        assert (manifest["rows_in"] == manifest["rows_landed"] + manifest["rows_rejected"]).all()
        return report

    @property
    def rows(self) -> pl.DataFrame:
        """All that was ever landed, in order."""
        frame = pl.read_parquet(self.landing.root / "gcp_billing__lines" / "*.parquet")
        return frame.sort("export_time", "source_row")

    @property
    def rejected(self) -> pl.DataFrame:
        return pl.read_parquet(self.landing.root / "_rejected" / "*.parquet")


@pytest.fixture
def night(tmp_path: Path, bigquery_emulator: Emulator) -> Billing:
    landing = Landing(tmp_path / "landing")
    landing.initialise(gcp_billing.DATASETS)
    return Billing(landing, bigquery_emulator)


def scopes(report: SourceReport, status: str) -> list[str]:
    return [d.scope.rpartition("/")[2] for d in report.deliveries if d.status == status]


ROUTES = pytest.mark.parametrize("storage_api", [True, False], ids=["storage", "rest"])


@ROUTES
def test_a_line_lands_with_all_it_says(night: Billing, storage_api: bool) -> None:
    told = line("2026-10-02T04:00:00Z", 0.1, credits=[credit("PROMOTION", -0.05)])
    table = create(night.emulator, f"whole_{storage_api}", [told])
    report = night.run(table, storage_api=storage_api)
    assert (report.status, report.rows_landed) == ("ok", 1)
    (row,) = night.rows.to_dicts()
    assert row["cost"] == row["cost_at_list"] == Decimal("0.1")
    assert row["usage_start_time"] == datetime(2026, 10, 1, tzinfo=UTC)
    assert (row["service_description"], row["project_id"]) == ("Compute Engine", "nlp")
    assert (row["location_zone"], row["invoice_month"]) == ("europe-west1-b", "202610")
    assert (row["usage_amount"], row["usage_unit"]) == (14400.0, "seconds")
    assert json.loads(row["credits"]) == told["credits"]
    assert json.loads(row["tags"]) == told["tags"]
    assert json.loads(row["labels"]) == {"team": "nlp"}
    assert json.loads(row["x_tags"]) == {
        "team": "nlp",
        "env": "prod",
        "cost-center": "42",
        "compute.googleapis.com/cores": "4",
        "compute.googleapis.com/machine_spec": "n2-standard-4",
        "compute.googleapis.com/memory": "16384",
    }
    assert json.loads(row["x_price_details"]) == {
        "InstanceType": "n2-standard-4",
        "CoreCount": "4",
        "MemorySize": "16",
        "x_SystemMemoryMib": "16384",
    }
    assert row["x_extra"] is None


@ROUTES
def test_many_pages_are_one_delivery_a_day_and_twice_is_once(
    night: Billing, storage_api: bool
) -> None:
    rows = [line(f"2026-10-0{1 + i % 2}T04:00:00Z", i / 10) for i in range(60)]
    rows[0]["credits"] = [credit("PROMOTION", -1.0), credit("DISCOUNT", -2.0)]
    table = create(night.emulator, f"pages_{storage_api}", rows)
    report = night.run(table, storage_api=storage_api, page_rows=7)
    assert scopes(report, "landed") == ["2026-10-01", "2026-10-02"]
    assert report.rows_landed == 60
    assert night.rows["cost"].sum() == Decimal("177")
    # Each credit has a number of its own after its row's.
    first = night.rows.filter(pl.col("export_time") < datetime(2026, 10, 2, tzinfo=UTC))
    assert sorted(first["source_row"])[:3] == [1, 4, 5]
    again = night.run(table, NOW + DAY, storage_api=storage_api)
    assert (again.rows_landed, again.rows_unchanged) == (0, 60)


@ROUTES
def test_three_nights_read_what_is_new_and_what_came_late(
    night: Billing, storage_api: bool
) -> None:
    table = create(
        night.emulator,
        f"nights_{storage_api}",
        [line("2026-10-01T04:00:00Z", 1.0), line("2026-10-02T04:00:00Z", 2.0)],
    )
    assert night.run(table, storage_api=storage_api).rows_landed == 2
    late = line("2026-10-02T20:00:00Z", 0.5, usage_start_time="2026-08-31T10:00:00Z")
    insert(night.emulator, table, [late, line("2026-10-03T04:00:00Z", 3.0)])
    second = night.run(table, NOW + DAY, storage_api=storage_api)
    assert scopes(second, "landed") == ["2026-10-02", "2026-10-03"]
    assert scopes(second, "unchanged") == ["2026-10-01"]
    third = night.run(table, NOW + 2 * DAY, storage_api=storage_api, recheck_days=2)
    assert (scopes(third, "landed"), len(third.deliveries)) == ([], 2)
    newest = night.landing.newest("gcp_billing__lines", f"gcp/{table}/2026-10-02")
    assert newest is not None and newest["rows_landed"] == 2


def test_the_first_night_starts_where_it_is_told_to(night: Billing) -> None:
    table = create(
        night.emulator,
        "since",
        [line("2026-09-30T04:00:00Z", 1.0), line("2026-10-02T04:00:00Z", 2.0)],
    )
    assert scopes(night.run(table, since="2026-10-01"), "landed") == ["2026-10-02"]


@ROUTES
def test_new_columns_are_kept_and_missing_ones_are_null(night: Billing, storage_api: bool) -> None:
    without = ("tags", "resource", "cost_at_list", "price")
    schema = [field for field in DETAILED if field.name not in without]
    schema += [
        _field("carbon_note"),
        bigquery.SchemaField(
            "price",
            "RECORD",
            fields=[bigquery.SchemaField("unit", "STRING"), bigquery.SchemaField("moon", "STRING")],
        ),
    ]
    told = line("2026-10-02T04:00:00Z", 1.0, carbon_note="low", price={"unit": "h", "moon": "full"})
    told = {name: value for name, value in told.items() if name in {f.name for f in schema}}
    table = create(night.emulator, f"schema_{storage_api}", [told], schema)
    assert night.run(table, storage_api=storage_api).status == "ok"
    (row,) = night.rows.to_dicts()
    assert json.loads(row["x_extra"]) == {"carbon_note": "low", "price.moon": "full"}
    assert (row["price_unit"], row["resource_name"], row["cost_at_list"]) == ("h", None, None)


def test_a_table_without_an_essential_column_is_refused(night: Billing) -> None:
    schema = [field for field in DETAILED if field.name not in ("cost", "sku")]
    table = create(night.emulator, "no_cost", [], schema)
    report = night.run(table)
    assert report.status == "failed"
    assert "sku.description, cost" in str(report.error)


def test_rows_that_cannot_be_dated_or_summed_are_rejected_whole(night: Billing) -> None:
    bad = [
        line("2026-10-02T04:00:00Z", 1.0, currency=None),
        line("2026-10-02T04:00:00Z", 1e16),
        line("2026-10-02T04:00:00Z", 1.0, credits=[credit("PROMOTION", 1e16)]),
        line("2026-10-02T04:00:00Z", 1.0, usage_end_time="2026-09-01T00:00:00Z"),
        line("2026-10-02T04:00:00Z", 1.0, invoice={"month": "October"}),
    ]
    table = create(night.emulator, "bad", [*bad, line("2026-10-02T04:00:00Z", 2.0)])
    report = night.run(table)
    assert (report.status, report.rows_landed, report.rows_rejected) == ("partial", 1, 5)
    assert sorted(night.rejected["field"]) == [
        "cost",
        "credits",
        "currency",
        "invoice_month",
        "usage_end_time",
    ]
    assert all(json.loads(text)["billing_account_id"] for text in night.rejected["raw"])


FOCUS = """
select
    location.zone as AvailabilityZone, cost as BilledCost, cost as EffectiveCost,
    billing_account_id as BillingAccountId, currency as BillingCurrency,
    timestamp '2026-10-01 07:00:00' as BillingPeriodStart,
    'usage' as ChargeCategory, sku.description as ChargeDescription,
    usage_start_time as ChargePeriodStart, usage_end_time as ChargePeriodEnd,
    'Google Cloud' as ProviderName, service.description as ServiceName,
    labels as Tags, credits as x_Credits, {export_time}
from `{table}`
"""


def test_googles_focus_view_lands_as_focus(night: Billing) -> None:
    told = line("2026-10-02T04:00:00Z", 0.1, credits=[credit("PROMOTION", -0.05)])
    table = create(night.emulator, "under_focus", [told])
    view = table.replace("under_focus", "focus")
    sql = FOCUS.format(table=table, export_time="export_time as x_ExportTime")
    night.emulator.client.query(f"create view `{view}` as {sql}").result()
    assert scopes(night.run(view), "landed") == ["2026-10-02"]
    folder = night.landing.root / "gcp_billing__focus"
    (row,) = pl.read_parquet(folder / "*.parquet").to_dicts()
    assert (row["BilledCost"], row["ChargeCategory"]) == (Decimal("0.1"), "Usage")
    assert json.loads(row["Tags"]) == {"team": "nlp"}
    assert "PROMOTION" in row["x_extra"]
    assert night.run(view, NOW + DAY).rows_unchanged == 1


def test_a_focus_view_that_does_not_say_what_is_new_is_refused(night: Billing) -> None:
    table = create(night.emulator, "under_blind", [])
    view = table.replace("under_blind", "blind")
    sql = FOCUS.format(table=table, export_time="1 as x_one")
    night.emulator.client.query(f"create view `{view}` as {sql}").result()
    assert "add `export_time as x_ExportTime`" in str(night.run(view).error)


def test_a_view_is_read_over_rest(night: Billing) -> None:
    table = create(night.emulator, "behind", [line("2026-10-02T04:00:00Z", 1.0)])
    view = table.replace("behind", "in_front")
    night.emulator.client.query(f"create view `{view}` as select * from `{table}`").result()
    assert night.run(view, storage_api=True).rows_landed == 1


def test_without_the_storage_api_rest_serves(
    night: Billing, caplog: pytest.LogCaptureFixture
) -> None:
    table = create(night.emulator, "no_storage", [line("2026-10-02T04:00:00Z", 1.0)])
    report = night.run(table, storage_endpoint="127.0.0.1:1", retry_for_s=1)
    assert report.rows_landed == 1
    assert "reading over REST" in caplog.text


def test_a_deleted_table_keeps_what_was_landed(night: Billing) -> None:
    table = create(night.emulator, "gone", [line("2026-10-02T04:00:00Z", 1.0)])
    night.run(table)
    night.emulator.client.delete_table(table)
    report = night.run(table, NOW + DAY)
    assert report.status == "failed"
    assert "was it deleted" in str(report.error)
    assert night.rows.height == 1


def test_throttled_requests_are_sent_again(night: Billing) -> None:
    rows = [line("2026-10-02T04:00:00Z", 1.0) for _ in range(5)]
    table = create(night.emulator, "busy", rows)
    refusals = [
        refusal(403, "rateLimitExceeded", "Exceeded rate limits"),
        refusal(403, "quotaExceeded", "Quota exceeded"),
        refusal(429, "rateLimitExceeded", "Too many requests"),
    ]

    def answer(asked: Asked, forward: Forward) -> Reply:
        return refusals.pop() if refusals else forward()

    with door(night.emulator, answer) as api:
        report = night.run(table, api_endpoint=api.url, retry_for_s=60)
    assert (report.status, report.rows_landed, refusals) == ("ok", 5, [])


def test_throttled_to_the_end_fails_with_a_remedy_and_goes_on_the_next_night(
    night: Billing,
) -> None:
    days = [line("2026-10-01T04:00:00Z", 1.0), line("2026-10-02T04:00:00Z", 2.0)]
    table = create(night.emulator, "quota", days)

    def answer(asked: Asked, forward: Forward) -> Reply:
        if b"select *" in asked.body and b"2026-10-02 00" in asked.body:
            is_first_day = b"2026-10-01 00" in asked.body
            return forward() if is_first_day else refusal(403, "quotaExceeded", "Quota exceeded")
        return forward()

    with door(night.emulator, answer) as api:
        report = night.run(table, api_endpoint=api.url, storage_api=False, retry_for_s=1)
    assert report.status == "failed"
    assert "quota" in str(report.error).lower()
    assert scopes(report, "landed") == ["2026-10-01"]
    assert scopes(night.run(table, NOW + DAY), "landed") == ["2026-10-02"]


def test_more_bytes_than_the_maximum_are_not_read(
    night: Billing, caplog: pytest.LogCaptureFixture
) -> None:
    table = create(night.emulator, "large", [line("2026-10-02T04:00:00Z", 1.0)])

    def answer(asked: Asked, forward: Forward) -> Reply:
        reply = forward()
        if not is_dry_run(asked):
            return reply
        told = json.loads(reply.content)
        size = str(5 * 2**30) if b"select *" in asked.body else "80"
        told.setdefault("statistics", {})["query"] = {"totalBytesProcessed": size}
        return Reply(told, headers={"Content-Type": "application/json"})

    with door(night.emulator, answer) as api:
        caplog.set_level("INFO")
        report = night.run(table, api_endpoint=api.url, maximum_bytes=2**30)
        assert report.status == "failed"
        assert "5.0 GiB, more than `maximum_bytes` (1.0 GiB)" in str(report.error)
        read = [a for a in api.asked if b"select *" in a.body and not is_dry_run(a)]
        assert not read
        assert night.run(table, api_endpoint=api.url, maximum_bytes=2**33).rows_landed == 1
    assert "would read 5.0 GiB" in caplog.text


def test_a_query_carries_the_maximum_itself(night: Billing) -> None:
    table = create(night.emulator, "billed", [line("2026-10-02T04:00:00Z", 1.0)])
    with door(night.emulator, lambda _, forward: forward()) as api:
        night.run(table, api_endpoint=api.url, storage_api=False, maximum_bytes=12345)
    queries = [json.loads(a.body) for a in api.asked if a.body and not is_dry_run(a)]
    assert queries
    assert all(q["configuration"]["query"]["maximumBytesBilled"] == "12345" for q in queries)


def key_of(token_uri: str) -> str:
    """A service account's key that gets its tokens at an address of ours."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    told = {
        "type": "service_account",
        "project_id": PROJECT,
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": f"reader@{PROJECT}.iam.gserviceaccount.com",
        "token_uri": token_uri,
    }
    return json.dumps(told)


def test_expired_credentials_are_named(night: Billing, tmp_path: Path) -> None:
    table = create(night.emulator, "secret", [line("2026-10-02T04:00:00Z", 1.0)])
    refused = Reply(
        {"error": "invalid_grant", "error_description": "Token has been expired or revoked."},
        400,
        {"Content-Type": "application/json"},
    )
    with serving(lambda _: refused) as tokens:
        (tmp_path / "key.json").write_text(key_of(f"{tokens.url}/token"))
        report = night.run(table, credentials_file=str(tmp_path / "key.json"))
    assert report.status == "failed"
    assert "`credentials_file`" in str(report.error)
    assert "expired or revoked" in str(report.error)
    assert "PRIVATE KEY" not in str(report.error)


def test_a_token_that_bigquery_does_not_take_is_named(night: Billing, tmp_path: Path) -> None:
    table = create(night.emulator, "token", [line("2026-10-02T04:00:00Z", 1.0)])
    token = Reply(
        {"access_token": "secret-token", "expires_in": 3600, "token_type": "Bearer"},
        headers={"Content-Type": "application/json"},
    )
    unauthorized = refusal(401, "authError", "Invalid Credentials")
    with serving(lambda _: token) as tokens:
        (tmp_path / "key.json").write_text(key_of(f"{tokens.url}/token"))
        with door(night.emulator, lambda _, __: unauthorized) as api:
            report = night.run(
                table, api_endpoint=api.url, credentials_file=str(tmp_path / "key.json")
            )
    assert "have expired or are not accepted" in str(report.error)
    assert "secret-token" not in str(report.error)


def test_no_credentials_and_no_key_are_named(
    night: Billing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = night.run(f"{PROJECT}.billing.x", credentials_file=str(tmp_path / "none.json"))
    assert "none.json cannot be read" in str(missing.error)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    absent = night.run(f"{PROJECT}.billing.x", api_endpoint=None)
    assert "`credentials_file`" in str(absent.error)


def test_forbidden_says_which_roles(night: Billing) -> None:
    denied = refusal(403, "accessDenied", "Access Denied: Table x: User does not have permission")
    with door(night.emulator, lambda _, __: denied) as api:
        report = night.run(f"{PROJECT}.billing.x", api_endpoint=api.url)
    assert "BigQuery Job User" in str(report.error)


@pytest.mark.parametrize("table", ["billing.x", "a b.c.d", "p.d.t`; drop table x"])
def test_a_name_that_is_no_table_is_refused(table: str) -> None:
    with pytest.raises(ValueError, match=r"project\.dataset\.table"):
        gcp_billing.Settings(table=table)
