"""List prices: files of one's own, and what AWS, Google Cloud and Azure answer."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from grid_api import NOW, Asked, Reply, serving

from ingest.landing import Landing
from ingest.runner import SourceReport, run_source
from ingest.sources import SourceContext, prices


@dataclass
class Prices:
    """A landing, and what nights of the source leave there."""

    landing: Landing

    def run(self, at: datetime = NOW, **told: Any) -> SourceReport:
        told = {"longest_wait_s": 0, "attempts": 2, "timeout_s": 10, **told}
        settings = prices.Settings.model_validate(told)
        report = run_source(prices, settings, SourceContext("list", at), self.landing)  # type: ignore[arg-type]
        manifest = self.landing.deliveries()
        assert (manifest["rows_in"] == manifest["rows_landed"] + manifest["rows_rejected"]).all()
        return report

    @property
    def rows(self) -> pl.DataFrame:
        frame = pl.read_parquet(self.landing.root / "prices__list" / "*.parquet")
        return frame.sort("region", "instance_type", "component", "price")

    @property
    def rejected(self) -> pl.DataFrame:
        return pl.read_parquet(self.landing.root / "_rejected" / "*.parquet")


@pytest.fixture
def night(tmp_path: Path) -> Prices:
    landing = Landing(tmp_path / "landing")
    landing.initialise(prices.DATASETS)
    return Prices(landing)


# --- files -----------------------------------------------------------------------------------

FILE = """\
Provider,Region,Instance type,Price,Currency,Unit,Effective from,Approved by
AWS,eu-west-1,m5.xlarge,0.2140000000000000001,usd,Hrs,2026-01-01,Ada
AWS,eu-west-1,p4d.24xlarge,-3,USD,Hrs,2026-01-01,Ada
GCP,europe-west1,n2-standard-4,0.2,EUR,,,Ada
AWS,eu-west-1,,0.1,USD,Hrs,2026-01-01,Ada
AWS,eu-west-1,m5.large,cheap,USD,Hrs,2026-01-01,Ada
AWS,eu-west-1,m5.large,0.1,Dollar,Hrs,2026-01-01,Ada
AWS,eu-west-1,m5.large,0.1,USD,Hrs,tomorrow,Ada
"""


def test_a_file_lands_row_by_row_and_twice_is_once(night: Prices, tmp_path: Path) -> None:
    (tmp_path / "ours.csv").write_text(FILE)
    report = night.run(path=str(tmp_path / "ours.csv"))
    assert (report.rows_landed, report.rows_rejected) == (2, 5)
    first = night.rows.filter(pl.col("instance_type") == "m5.xlarge").row(0, named=True)
    assert first["price"] == Decimal("0.214")
    assert (first["provider"], first["currency"], first["term"]) == ("aws", "USD", "on_demand")
    assert first["effective_from"] == datetime(2026, 1, 1, tzinfo=UTC)
    second = night.rows.filter(pl.col("provider") == "gcp").row(0, named=True)
    assert (second["unit"], second["effective_from"]) == ("hour", None)
    found = {row["source_row"]: (row["field"], row["reason"]) for row in night.rejected.to_dicts()}
    assert found == {
        3: ("price", "value_not_allowed"),
        5: ("instance_type", "missing_value"),
        6: ("price", "wrong_type"),
        7: ("currency", "value_not_allowed"),
        8: ("effective_from", "wrong_type"),
    }
    again = night.run(path=str(tmp_path / "ours.csv"))
    assert (again.rows_landed, again.rows_unchanged) == (0, 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("Provider,Region,Price,Currency\nAWS,r,1,USD\n", "missing_column"),
        ("Provider,provider,Region,Instance type,Price,Currency\n", "duplicate_header"),
        ("", "empty_file"),
    ],
)
def test_a_file_that_is_no_price_list_is_refused(
    night: Prices, tmp_path: Path, text: str, reason: str
) -> None:
    (tmp_path / "ours.csv").write_text(text)
    report = night.run(path=str(tmp_path / "ours.csv"))
    assert (report.rows_landed, night.rejected["reason"].to_list()) == (0, [reason])


# --- AWS -------------------------------------------------------------------------------------


def aws_item(machine: str, price: object, **told: Any) -> dict[str, Any]:
    """A product as GetProducts tells it, a text of JSON."""
    attributes = {
        "instanceType": machine,
        "regionCode": "eu-west-1",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        **told,
    }
    dimension = {
        "unit": "Hrs",
        "beginRange": "0",
        "endRange": "Inf",
        "description": f"${price} per On Demand Linux {machine} Instance Hour",
        "pricePerUnit": {"USD": price},
    }
    sku = f"SKU-{machine}"
    return {
        "product": {"productFamily": "Compute Instance", "attributes": attributes, "sku": sku},
        "serviceCode": "AmazonEC2",
        "terms": {
            "OnDemand": {
                f"{sku}.JRTC": {
                    "effectiveDate": "2026-11-01T00:00:00Z",
                    "priceDimensions": {f"{sku}.JRTC.6YS6": dimension},
                }
            },
            "Reserved": {"x": {"effectiveDate": "2026-11-01T00:00:00Z", "priceDimensions": {}}},
        },
        "version": "20261101000000",
    }


def aws_answer(pages: list[list[object]]) -> Callable[[Asked], Reply]:
    def answer(asked: Asked) -> Reply:
        body = json.loads(asked.body)
        number = int(body.get("NextToken", "0"))
        page: dict[str, Any] = {"FormatVersion": "aws_v1", "PriceList": pages[number]}
        if number + 1 < len(pages):
            page["NextToken"] = str(number + 1)
        return Reply(page, headers={"Content-Type": "application/x-amz-json-1.1"})

    return answer


@pytest.fixture
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.mark.usefixtures("aws_credentials")
def test_aws_is_asked_page_by_page_for_each_region(night: Prices) -> None:
    pages: list[list[object]] = [
        [json.dumps(aws_item("p4d.24xlarge", "24.0320000000"))],
        [json.dumps(aws_item("ml.m5.large-Training", "0.128", instanceName="ml.m5.large"))],
        [json.dumps(aws_item("m5.bad", "minus one")), "no JSON"],
    ]
    with serving(aws_answer(pages)) as api:
        report = night.run(provider="aws", regions=["eu-west-1"], url=api.url)
    assert (report.status, report.rows_landed, report.rows_rejected) == ("partial", 2, 2)
    asked = json.loads(api.asked[0].body)
    assert asked["ServiceCode"] == "AmazonEC2"
    filters = {told["Field"]: told["Value"] for told in asked["Filters"]}
    assert filters["regionCode"] == "eu-west-1"
    assert (filters["tenancy"], filters["capacitystatus"]) == ("Shared", "Used")
    by_type = {row["instance_type"]: row for row in night.rows.to_dicts()}
    assert by_type["p4d.24xlarge"]["price"] == Decimal("24.032")
    assert by_type["ml.m5.large"]["effective_from"] == datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.usefixtures("aws_credentials")
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ExpiredTokenException", "renew"),
        ("AccessDeniedException", "pricing:GetProducts"),
        ("ThrottlingException", "busy"),
    ],
)
def test_aws_says_no_and_we_say_what_to_do(night: Prices, code: str, said: str) -> None:
    refusal = Reply(
        {"__type": code, "message": "no"},
        status=400,
        headers={"Content-Type": "application/x-amz-json-1.1"},
    )
    with serving(lambda _: refusal) as api:
        report = night.run(provider="aws", regions=["eu-west-1", "eu-west-2"], url=api.url)
    assert report.status == "failed"
    assert said in str(report.error)
    # Throttling is asked again; nothing is asked of the second region.
    assert len(api.asked) == (2 if code == "ThrottlingException" else 1)


def test_aws_without_credentials_names_the_setting(
    night: Prices, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with serving(aws_answer([[]])) as api:
        report = night.run(provider="aws", regions=["eu-west-1"], url=api.url)
        other = night.run(provider="aws", regions=["eu-west-1"], url=api.url, profile="gone")
    assert report.status == other.status == "failed"
    assert "`profile`" in str(report.error)
    assert "gone" in str(other.error)
    assert not api.asked


# --- Google Cloud ----------------------------------------------------------------------------


def gcp_sku(description: str, nanos: int, **told: Any) -> dict[str, Any]:
    """A SKU as the Cloud Billing catalogue tells it."""
    rates = told.pop("rates", [{"startUsageAmount": 0, "unitPrice": money(nanos)}])
    category = {
        "serviceDisplayName": "Compute Engine",
        "resourceFamily": told.pop("family", "Compute"),
        "resourceGroup": "CPU",
        "usageType": told.pop("usage", "OnDemand"),
    }
    return {
        "name": f"{prices.COMPUTE_ENGINE}/skus/{description}",
        "skuId": description,
        "description": description,
        "category": category,
        "serviceRegions": told.pop("regions", ["europe-west1"]),
        "pricingInfo": [
            {
                "effectiveTime": told.pop("at", "2026-11-20T06:14:04.100Z"),
                "pricingExpression": {
                    "usageUnit": told.pop("unit", "h"),
                    "displayQuantity": 1,
                    "tieredRates": rates,
                },
            }
        ],
        "serviceProviderName": "Google",
    }


def money(nanos: int) -> dict[str, Any]:
    return {"currencyCode": "EUR", "units": str(nanos // 10**9), "nanos": nanos % 10**9}


def test_gcp_tells_the_parts_of_machines(night: Prices) -> None:
    core = "N2 Instance Core running in Belgium"
    pages = [
        [gcp_sku(core, 31_611_000), gcp_sku("Storage PD Capacity", 1, family="Storage")],
        [
            gcp_sku("N2 Instance Ram running in Belgium", 4_237_000, unit="GiBy.h"),
            gcp_sku("Spot Preemptible N2 Instance Core running in Belgium", 9, usage="Preemptible"),
            gcp_sku("Commitment v1: N2 Cpu in Belgium", 9, usage="Commit1Yr"),
            gcp_sku("Nvidia L4 GPU running in Belgium", 1_610_000_000, regions=["a", "b"]),
            gcp_sku("N2 Instance Core running in Tiers", 1, rates=[]),
            {"skuId": "broken"},
        ],
    ]

    def answer(asked: Asked) -> Reply:
        assert asked.headers["X-Goog-Api-Key"] == "secret-key"
        assert asked.query["currencyCode"] == "EUR"
        number = int(asked.query.get("pageToken", "0"))
        last = number + 1 == len(pages)
        return Reply({"skus": pages[number], "nextPageToken": "" if last else str(number + 1)})

    with serving(answer) as api:
        told = {"provider": "gcp", "url": api.url, "api_key": "secret-key", "currency": "EUR"}
        report = night.run(**told)
    assert (report.rows_landed, report.rows_rejected) == (5, 1)
    found = {(row["description"], row["region"]): row for row in night.rows.to_dicts()}
    assert found[core, "europe-west1"]["price"] == Decimal("0.031611")
    assert found[core, "europe-west1"]["component"] == "vcpu"
    assert found["N2 Instance Ram running in Belgium", "europe-west1"]["component"] == "memory"
    gpu = found["Nvidia L4 GPU running in Belgium", "b"]
    assert (gpu["component"], gpu["price"]) == ("accelerator", Decimal("1.61"))
    spot = found["Spot Preemptible N2 Instance Core running in Belgium", "europe-west1"]
    assert spot["term"] == "spot"


def test_an_unchanged_list_is_not_landed_again(night: Prices) -> None:
    answers = {"at": "2026-11-20T06:00:00Z", "nanos": 5}

    def answer(_: Asked) -> Reply:
        sku = gcp_sku("N2 Instance Core running in X", int(answers["nanos"]), at=answers["at"])
        return Reply({"skus": [sku]})

    with serving(answer) as api:
        told = {"provider": "gcp", "url": api.url, "api_key": "k"}
        assert night.run(**told).rows_landed == 1
        answers["at"] = "2026-11-21T06:00:00Z"  # the catalogue dates every answer anew
        assert night.run(NOW + timedelta(days=1), **told).rows_unchanged == 1
        answers["nanos"] = 6
        assert night.run(NOW + timedelta(days=2), **told).rows_landed == 1
    assert night.rows["price"].to_list() == [Decimal("5e-9"), Decimal("6e-9")]


def test_gcp_refuses_a_key_and_we_name_the_setting_but_not_the_key(night: Prices) -> None:
    refusal = Reply({"error": {"code": 400, "message": "API key not valid: secret-key"}}, 400)
    with serving(lambda _: refusal) as api:
        report = night.run(provider="gcp", url=api.url, api_key="secret-key")
    assert "`api_key`" in str(report.error)
    assert "secret-key" not in str(report.error)
    assert "api_key_file" in str(night.run(provider="gcp").error)


# --- Azure -----------------------------------------------------------------------------------


def azure_item(machine: str, price: float, **told: Any) -> dict[str, Any]:
    """A meter as the retail prices API tells it."""
    return {
        "currencyCode": "USD",
        "tierMinimumUnits": 0.0,
        "retailPrice": price,
        "armRegionName": "westeurope",
        "effectiveStartDate": "2026-03-01T00:00:00Z",
        "productName": "Virtual Machines Dsv3 Series",
        "skuName": machine.removeprefix("Standard_").replace("_", " "),
        "skuId": "DZH318Z0BQ4L/00G1",
        "serviceName": "Virtual Machines",
        "unitOfMeasure": "1 Hour",
        "type": "Consumption",
        "isPrimaryMeterRegion": True,
        "armSkuName": machine,
        **told,
    }


def test_azure_is_followed_page_by_page_on_the_same_host(night: Prices) -> None:
    machine = "Standard_D2s_v3"
    pages = [
        [azure_item(machine, 0.12), azure_item(machine, 0.2, productName="VM Dsv3 Windows")],
        [
            azure_item(machine, 0.03, skuName="D2s v3 Spot"),
            azure_item(machine, 0.02, skuName="D2s v3 Low Priority"),
            azure_item(machine, 9.0, type="DevTestConsumption"),
            azure_item(machine, 9.0, isPrimaryMeterRegion=False),
            azure_item(machine, 9.0, tierMinimumUnits=100.0),
            azure_item(machine, -1.0),
        ],
    ]

    def answer(asked: Asked) -> Reply:
        assert "westeurope" in asked.query["$filter"]
        number = int(asked.query.get("$skip", "0"))
        following = f"https://elsewhere.example/prices?$filter={asked.query['$filter']}&$skip=1"
        return Reply({"Items": pages[number], "NextPageLink": None if number else following})

    with serving(answer) as api:
        report = night.run(provider="azure", regions=["westeurope"], url=api.url)
    assert len(api.asked) == 2
    assert (report.rows_landed, report.rows_rejected) == (3, 1)
    found = {(row["operating_system"], row["term"]): row["price"] for row in night.rows.to_dicts()}
    assert found == {
        ("Linux", "on_demand"): Decimal("0.12"),
        ("Windows", "on_demand"): Decimal("0.2"),
        ("Linux", "spot"): Decimal("0.03"),
    }


def test_a_region_that_fails_leaves_the_others(night: Prices) -> None:
    def answer(asked: Asked) -> Reply:
        if "'nowhere'" in asked.query["$filter"]:
            return Reply({"Items": [], "NextPageLink": None})
        return Reply({"Items": [azure_item("Standard_D2s_v3", 0.1)], "NextPageLink": None})

    with serving(answer) as api:
        report = night.run(provider="azure", regions=["nowhere", "westeurope"], url=api.url)
    assert (report.status, report.rows_landed) == ("partial", 1)
    assert "azure/nowhere" in str(report.error)


def test_throttling_is_asked_again(night: Prices) -> None:
    replies = iter([Reply({}, 429, {"Retry-After": "0"})])
    item = azure_item("Standard_D2s_v3", 0.1)

    def answer(_: Asked) -> Reply:
        return next(replies, Reply({"Items": [item], "NextPageLink": ""}))

    with serving(answer) as api:
        assert night.run(provider="azure", regions=["westeurope"], url=api.url).status == "ok"
    assert len(api.asked) == 2


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({}, "path"),
        ({"provider": "aws"}, "regions"),
        ({"provider": "azure", "regions": ["x' or 'y"]}, "regions"),
        ({"provider": "ibm"}, "provider"),
        ({"provider": "gcp", "url": "http://prices.example"}, "url"),
    ],
)
def test_settings_that_do_not_fit_are_named(told: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        prices.Settings.model_validate(told)
