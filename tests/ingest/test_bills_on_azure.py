"""Bills in Azure's blobs, by the client that reads them there: paging, throttling, refusals."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from azure.storage.blob._shared import policies_async
from blob_server import Blobs, blob_server

from ingest.landing import Landing
from ingest.runner import SourceReport, run_source
from ingest.sources import SourceContext, azure

NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)
PATH = "abfs://billing@exports.dfs.core.windows.net/exports/focus"
OCTOBER, SEPTEMBER = "20261001-20261031", "20260901-20260930"
RUN = "00000000-0000-0000-0000-{:012}"


@pytest.fixture(scope="module")
def server() -> Iterator[Blobs]:
    with blob_server() as account:
        yield account


@pytest.fixture
def blobs(server: Blobs, monkeypatch: pytest.MonkeyPatch) -> Blobs:
    server.clear()
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", server.connection())
    # The client's own pauses are some 15 seconds each.
    monkeypatch.setattr(policies_async.ExponentialRetry, "get_backoff_time", lambda *_: 0)
    return server


class Nights:
    """Nights of one landing."""

    def __init__(self, root: Path) -> None:
        self.landing = Landing(root / "landing")
        self.landing.initialise(azure.DATASETS)
        self.at = NOW

    def run(self, path: str = PATH) -> SourceReport:
        self.at += timedelta(days=1)
        told = azure.Settings(path=path)
        landing = Landing(self.landing.root)
        return run_source(azure, told, SourceContext("azure", self.at), landing)  # type: ignore[arg-type]

    def frame(self) -> pl.DataFrame:
        """All that was ever landed."""
        return pl.read_parquet(self.landing.root / "azure__charges" / "*.parquet")

    def newest(self) -> dict[str, Decimal]:
        """Folder of the period → cost of its newest delivery."""
        folder = self.landing.root / "azure__charges"
        return {
            row["scope"].split("/")[-2]: pl.read_parquet(folder / f"{row['delivery_id']}.parquet")[
                "BilledCost"
            ].sum()
            for row in Landing(self.landing.root).deliveries().rows(named=True)
        }


@pytest.fixture
def nights(tmp_path: Path) -> Nights:
    return Nights(tmp_path)


def charges(month: str, *costs: float, **more: str) -> str:
    """A file of charges; `more`: columns that all of them have too."""
    names = ["BillingPeriodStart", "ChargePeriodStart", "ChargePeriodEnd", "BilledCost",
             "EffectiveCost", "BillingCurrency", "ProviderName", "ServiceName", "ChargeCategory",
             *more]  # fmt: skip
    start = f"{month}-01T00:00:00Z"
    rows = [
        [start, start, start, cost, cost, "EUR", "Microsoft", "VM", "Usage", *more.values()]
        for cost in costs
    ]
    return "\ufeff" + "".join(",".join(map(str, row)) + "\n" for row in [names, *rows])


def deliver(blobs: Blobs, period: str, number: int, *costs: float) -> list[str]:
    """A run of a month's export, one file per cost, its manifest last; the names of the files."""
    folder = f"exports/focus/{period}/{RUN.format(number)}"
    blobs.put(folder, b"", is_folder=True)
    names = [f"{folder}/part_{part}_0001.csv" for part, _ in enumerate(costs)]
    for name, cost in zip(names, costs, strict=True):
        blobs.put(name, charges(f"{period[:4]}-{period[4:6]}", cost))
    manifest = {
        "runInfo": {"submittedTime": f"2026-11-{number:02}T00:00:00Z"},
        "blobs": [{"blobName": name} for name in names],
    }
    blobs.put(f"{folder}/manifest.json", json.dumps(manifest))
    return names


def test_months_over_many_pages_and_only_what_changed_is_fetched(
    blobs: Blobs, nights: Nights
) -> None:
    blobs.page_size = 2
    deliver(blobs, SEPTEMBER, 1, 1, 2)
    deliver(blobs, OCTOBER, 2, 3, 4, 5, 6)
    blobs.put("exports/focus-of-others/a.csv", charges("2026-10", 99))
    assert nights.run().status == "ok"
    assert nights.newest() == {SEPTEMBER: Decimal(3), OCTOBER: Decimal(18)}
    blobs.requests.clear()
    report = nights.run()
    assert {d.status for d in report.deliveries} == {"unchanged"}
    assert not [name for name in blobs.gets() if name.endswith(".csv")]
    newer = deliver(blobs, OCTOBER, 3, 7)
    report = nights.run()
    assert sorted(d.status for d in report.deliveries) == ["landed", "unchanged"]
    assert {name for name in blobs.gets() if name.endswith(".csv")} == set(newer)
    assert nights.newest() == {SEPTEMBER: Decimal(3), OCTOBER: Decimal(7)}


@pytest.mark.parametrize("place", ["az://billing/exports/focus", f"{PATH}/*/*/part*.csv"])
def test_other_ways_to_name_the_place(blobs: Blobs, nights: Nights, place: str) -> None:
    deliver(blobs, OCTOBER, 1, 3)
    assert nights.run(place).status == "ok"
    assert nights.frame()["BilledCost"].sum() == 3


def test_one_blob_is_a_place_too(blobs: Blobs, nights: Nights) -> None:
    blobs.put("exports/october.csv", charges("2026-10", 3))
    report = nights.run("abfs://billing/exports/october.csv")
    assert (report.status, report.rows_landed) == ("ok", 1), report.error


def test_new_columns_are_kept_and_missing_ones_are_null(blobs: Blobs, nights: Nights) -> None:
    blobs.put("exports/focus/a.csv", charges("2026-10", 1, x_Moon="full", ResourceId="vm"))
    blobs.put("exports/focus/b.csv", charges("2026-10", 2))
    assert nights.run().status == "ok"
    rows = nights.frame().sort("BilledCost").select("ResourceId", "Tags", "x_extra").rows()
    assert rows == [("vm", None, '{"x_Moon":"full"}'), (None, None, None)]


def busy(times: int) -> Any:
    """A fault that throttles so many requests for content."""
    left = [times]

    def fault(method: str, name: str, _: dict[str, str]) -> tuple[int, str] | None:
        if method == "HEAD" or not name.endswith(".csv") or not left[0]:
            return None
        left[0] -= 1
        return 503, "ServerBusy"

    return fault


def test_throttled_requests_are_sent_again(blobs: Blobs, nights: Nights) -> None:
    deliver(blobs, OCTOBER, 1, 3, 4)
    blobs.faults.append(busy(3))
    assert nights.run().status == "ok"
    assert nights.newest() == {OCTOBER: Decimal(7)}


def test_throttled_to_the_end_goes_on_the_next_night(blobs: Blobs, nights: Nights) -> None:
    deliver(blobs, SEPTEMBER, 1, 1)
    (october,) = deliver(blobs, OCTOBER, 2, 3)
    blobs.faults.append(
        lambda method, name, _: (503, "ServerBusy") if (method, name) == ("GET", october) else None
    )
    report = nights.run()
    assert report.status == "failed"
    assert "asked to slow down" in str(report.error)
    assert nights.newest() == {SEPTEMBER: Decimal(1)}
    blobs.faults.clear()
    assert nights.run().status == "ok"
    assert nights.newest() == {SEPTEMBER: Decimal(1), OCTOBER: Decimal(3)}


def test_expired_credentials_are_named(
    blobs: Blobs, nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver(blobs, OCTOBER, 1, 3)
    nights.run()
    signature = "SharedAccessSignature=sv=2024-08-04&sp=rl&sr=c&se={}&sig=a-secret"
    expired = blobs.connection(signature.format("2026-01-01T00:00:00Z"))
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", expired)
    report = nights.run()
    assert report.status == "failed"
    assert "have expired or are not accepted" in str(report.error)
    assert "a-secret" not in str(report.error)
    assert nights.newest() == {OCTOBER: Decimal(3)}
    renewed = blobs.connection(signature.format("2099-01-01T00:00:00Z"))
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", renewed)
    assert nights.run().rows_unchanged == 1


@pytest.mark.parametrize("status, code, message", [
    (401, "InvalidAuthenticationInfo", "have expired or are not accepted"),
    (403, "AuthorizationPermissionMismatch", "Storage Blob Data Reader"),
    (400, "MoonIsFull", "MoonIsFull"),
])  # fmt: skip
def test_what_the_store_refuses_is_told_with_its_remedy(
    blobs: Blobs, nights: Nights, status: int, code: str, message: str
) -> None:
    blobs.faults.append(lambda *_: (status, code))
    report = nights.run()
    assert report.status == "failed"
    assert message in str(report.error)


@pytest.mark.parametrize("path", ["abfs://billing/none", "abfs://no-container/exports"])
def test_a_place_where_nothing_is_is_named(blobs: Blobs, nights: Nights, path: str) -> None:
    assert "correct" in str(nights.run(path).error)


def test_a_blob_that_is_deleted_while_the_month_is_read_holds_it_back(
    blobs: Blobs, nights: Nights
) -> None:
    deliver(blobs, SEPTEMBER, 1, 1)
    first, second = deliver(blobs, OCTOBER, 2, 3, 4)

    def deletes(method: str, name: str, _: dict[str, str]) -> None:
        if method == "GET" and name == first:
            blobs.blobs.pop(second, None)

    blobs.faults.append(deletes)
    report = nights.run()
    assert report.status == "partial"
    assert "is gone" in str(report.error)
    assert nights.newest() == {SEPTEMBER: Decimal(1)}


@pytest.mark.parametrize("after", [0, 1])
def test_a_blob_that_is_replaced_while_it_is_read_holds_its_month_back(
    blobs: Blobs, nights: Nights, after: int
) -> None:
    (name,) = deliver(blobs, OCTOBER, 1, 3)
    asked: list[str] = []

    def replaces(method: str, blob: str, _: dict[str, str]) -> None:
        if blob == name:
            asked.append(method)
        # Before its first request, or once the client knows how long it is.
        if asked == (["HEAD"] if after == 0 else ["HEAD", "HEAD", "GET"]):
            blobs.put(name, charges("2026-10", 5, 6))
            asked.append("replaced")

    blobs.faults.append(replaces)
    report = nights.run()
    assert "replaced" in asked
    assert report.status == "failed"
    assert "was replaced after it was listed" in str(report.error)
    assert not nights.newest()
    assert nights.run().status == "ok"
    assert nights.newest() == {OCTOBER: Decimal(11)}
