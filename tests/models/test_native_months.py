"""Months of AWS, Google Cloud and Azure as they bill them: does every cent arrive, and add up?"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import native_months as months
import pyarrow as pa
import pytest
from billing_months import day, event
from conftest import Marts, Night

import ingest.bigquery
from ingest.bigquery import Access, ExportDay
from ingest.landing import Landing
from ingest.runner import run_source
from ingest.sources import SourceContext, gcp_billing

CONFIG = """
[reporting]
currency = "USD"

[billing]
exchange_rates = "rates.csv"

[sources.aws_cur.cur2]
path = "cur2"

[sources.aws_cur.legacy]
path = "legacy"

[sources.azure]
path = "azure"

[sources.run_events]
path = "events"
"""
YUAN = 0.14  # dollars
RATES = f"""\
from_currency,to_currency,rate,valid_from,valid_to,published_on,source
EUR,USD,1.25,2026-01-01,,2026-01-01,the treasury
CNY,USD,{YUAN},2026-01-01,,2026-01-01,the treasury
"""
PART_OF_A_NODE = {"instance_type": "m5.4xlarge", "vcpus": 4}
AZURE_REGION = {"region": "westeurope", "instance_type": "D4s_v5"}
GCP_REGION = {"region": "europe-west4", "instance_type": "n2-standard-4"}


def of_payer(name: str) -> str:
    """The resource of the payer with the newer report."""
    return name.format(payer=months.PAYER)


RUNS = [
    event("sagemaker", day(11, 8), 2, resource_id=of_payer(months.JOB)),
    event("tagged", day(10, 8), 2),
    event("node-a", day(10, 8), 2, host_id="i-1node", instance_type="g5.48xlarge",
          accelerator_count=3),
    event("node-b", day(10, 9), 3, host_id="i-1node", instance_type="g5.48xlarge",
          accelerator_count=8),
    event("pod", day(10, 8), 1, resource_id=of_payer(months.POD), **PART_OF_A_NODE),
    event("task", day(10, 8), 4, resource_id=of_payer(months.TASK), **PART_OF_A_NODE),
    event("covered", day(10, 8), 4, resource_id=of_payer(months.COVERED_TASK)),
    event("planned", day(5, 3), 9, host_id="i-1plan0"),
    event("reserved", day(6, 3), 5, host_id="i-1reserved0", instance_type="m5.4xlarge"),
    event("nowhere", day(7, 3), 5, instance_type="m5.4xlarge"),
    event("gke-a", day(10), 3, host_id="gce://ml-usd/europe-west4-a/gke-USD", **GCP_REGION),
    event("gke-b", day(10, 6), 3, host_id=months.GKE_NODE.format("USD"), **GCP_REGION),
    event("gcp-tagged", day(10), 3, **GCP_REGION),
    event("azure-a", day(5), 6, host_id=months.VM, **AZURE_REGION),
    event("azure-b", day(5, 8), 2, host_id=months.VM, **AZURE_REGION),
    event("azure-c", day(8, 1), 4, host_id=f"{months.VM}-Reservation", **AZURE_REGION),
    event("azure-d", day(8, 1), 4, job_name="azure-job", **AZURE_REGION),
]  # fmt: skip


@dataclass
class Table:
    """A table of rows in the place of one in BigQuery: what `ExportTable` is to the source."""

    access: Access

    @property
    def _rows(self) -> pa.Table:
        return pa.Table.from_pylist(months.GCP[self.access.table.rpartition(".")[2]])

    @property
    def paths(self) -> list[str]:
        return [
            path
            for field in self._rows.schema
            for path in (
                field.name,
                *(f"{field.name}.{inner.name}" for inner in _fields(field.type)),
            )
        ]

    def days(self, _column: str, _since: date | None) -> list[ExportDay]:
        times: dict[date, list[datetime]] = {}
        for at in self._rows["export_time"].to_pylist():
            times.setdefault(at.date(), []).append(at)
        return [ExportDay(day, len(at), max(at), None, None) for day, at in sorted(times.items())]

    def check_days(self, _column: str, _days: list[ExportDay]) -> None:
        pass

    def batches(self, _column: str, wanted: ExportDay) -> Iterator[pa.RecordBatch]:
        is_of_day = [at.date() == wanted.day for at in self._rows["export_time"].to_pylist()]
        yield from self._rows.filter(pa.array(is_of_day)).combine_chunks().to_batches()


def _fields(kind: pa.DataType) -> list[pa.Field]:
    return list(kind) if pa.types.is_struct(kind) else []


def _landed_exports(root: Path) -> dict[str, bytes]:
    """Google's exports as the source lands them."""
    landing = Landing(root)
    landing.initialise(gcp_billing.DATASETS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest.bigquery, "ExportTable", Table)
        for name, lines in months.GCP.items():
            told = gcp_billing.Settings(table=f"billing-admin.billing.{name}")
            context = SourceContext(name, day(4, month=10))
            report = run_source(gcp_billing, told, context, landing)  # type: ignore[arg-type]
            assert (report.status, report.rows_landed) == ("ok", len(lines)), report
    files = (path for path in root.rglob("*.parquet") if path.name != "_empty.parquet")
    return {f"data/landing/{path.relative_to(root)}": path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def marts(night: Night, tmp_path_factory: pytest.TempPathFactory) -> Marts:
    return night(
        "native_months",
        CONFIG,
        {
            "rates.csv": RATES,
            "events/runs.jsonl": "\n".join(map(json.dumps, RUNS)) + "\n",
            **months.aws_files(),
            **months.azure_files(),
            **_landed_exports(tmp_path_factory.mktemp("exports")),
        },
    )


EXPECTED = {
    ("aws", *key): value
    for lines in (months.CUR_2, months.LEGACY)
    for key, value in months.aws_sums(lines).items()
}
EXPECTED |= {("gcp", *key): value for key, value in months.gcp_sums().items()}
EXPECTED |= {("azure", *key): value for key, value in months.azure_sums().items()}


@pytest.mark.parametrize("mart, period", [
    ("fct_cost_allocation", "billing_period"), ("fct_billing_daily", "billing_period_date"),
])  # fmt: skip
def test_allocated_is_what_the_provider_says_the_month_comes_to(
    marts: Marts, mart: str, period: str
) -> None:
    rows = marts.rows(
        f"select provider, strftime({period}, '%Y-%m') as month, cost_currency as currency,"
        f" sum(effective_cost) as effective, sum(billed_cost) as billed from {mart} group by all"
    )
    found = {(r["provider"], r["month"], r["currency"]): r for r in rows}
    assert set(found) == set(EXPECTED)
    for key, (effective, billed, size) in EXPECTED.items():
        assert found[key]["effective"] == pytest.approx(effective, abs=1e-6 * size), key
        assert found[key]["billed"] == pytest.approx(billed, abs=1e-6 * size), key


def test_nothing_was_refused_and_every_test_of_the_models_passed(marts: Marts) -> None:
    assert marts.returncode == 0, marts.report


@pytest.mark.parametrize("discount, currency", [(0.1, "USD"), (0.0, "CNY")])
def test_a_month_bears_the_price_of_its_commitments_not_what_was_paid_for_them(
    marts: Marts, discount: float, currency: str
) -> None:
    (row,) = marts.rows(
        "select sum(effective_cost) as effective, sum(billed_cost) as billed"
        " from fct_cost_allocation where provider = 'aws' and cost_currency = ?"
        " and billing_period = date '2026-09-01'",
        currency,
    )
    borne = row["billed"] - months.fees_paid(discount) + months.commitments_of_a_month(discount)
    assert row["effective"] == pytest.approx(borne, rel=1e-9)


def test_azures_commitments_too(marts: Marts) -> None:
    (row,) = marts.rows(
        "select sum(effective_cost) as cost from fct_billing_daily where provider = 'azure'"
        " and (allocation = 'shared' or instance_type is not null)"
        " and service_name = 'Virtual Machines' and cost_currency = 'EUR'"
        " and billing_period_date = date '2026-09-01'"
    )
    on_demand, alone = 30 * (4.8 + 4.0) - 1.6, 0.003 - 15.0 + 21.0
    borne = sum(720 * price for price in months.AZURE_PRICE.values())
    assert row["cost"] == pytest.approx(on_demand + borne + alone, rel=1e-9)


def test_runs_idle_and_the_rest_are_all_there_on_each_cloud(marts: Marts) -> None:
    rows = marts.rows("select distinct provider, allocation from fct_cost_allocation")
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["provider"], set()).add(row["allocation"])
    everything = {"run", "idle", "unallocated", "not_ml", "shared"}
    assert found == {"aws": everything, "gcp": everything, "azure": everything}


def test_what_runs_are_billed_is_the_sum_of_their_parts(marts: Marts) -> None:
    rows = marts.rows("select run_id, cost_method, effective_cost from fct_runs")
    found = {row["run_id"]: (row["cost_method"], row["effective_cost"]) for row in rows}
    assert {run: method for run, (method, _) in found.items()} == {
        "azure-a": "billed_share",
        "azure-b": "billed_share",
        "azure-c": "own_rate",
        "azure-d": "billed_tag",
        "covered": "billed_share",
        "gcp-tagged": "billed_tag",
        "gke-a": "billed_share",
        "gke-b": "billed_share",
        "node-a": "billed_share",
        "node-b": "billed_share",
        "nowhere": "own_rate",
        "planned": "billed_resource",
        "pod": "billed_share",
        "reserved": "billed_resource",
        "sagemaker": "billed_resource",
        "tagged": "billed_tag",
        "task": "billed_share",
    }
    net = 1 - 0.1
    # Its tag is on the bills of two payers.
    assert found["tagged"][1] == pytest.approx(2 * 1.006 * (net + YUAN), rel=1e-9)
    assert found["sagemaker"][1] == pytest.approx(2 * 1.408 * net, rel=1e-9)
    assert found["covered"][1] == pytest.approx(4 * 0.5 * net, rel=1e-9)
    assert found["task"][1] == pytest.approx(4 * 0.25 * net, rel=1e-9)
    parts = "select part_currency, sum(part_cost) from fct_run_cost_parts group by all order by all"
    billed = (
        "select cost_currency, sum(effective_cost) from fct_cost_allocation"
        " where allocation = 'run' group by all order by all"
    )
    assert [list(row.values()) for row in marts.rows(parts)] == [
        [currency, pytest.approx(cost, rel=1e-9)]
        for currency, cost in (row.values() for row in marts.rows(billed))
    ]
