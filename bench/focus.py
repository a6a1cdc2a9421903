"""How fast a FOCUS bill lands and is published, beside DuckDB's own read of the same columns."""

import argparse
import shutil
import time
from pathlib import Path

import duckdb
from common import OUT, model_seconds, observatory, peak_mib, show, write_config

MONTHS = ("2026-08", "2026-09", "2026-10")
BILLING_MODELS = ("staging/focus/", "staging/billing", "billing", "intermediate/cost/")

# Seeded: every value is a hash of its line number, so the file is the same on every machine.
LINES = """
select
    case when h % 5 < 3 then 'eu-west-1a' end as AvailabilityZone,
    cast((h % 100000) / 10000.0 as double) as BilledCost,
    cast(100000000000 + h % 3 as varchar) as BillingAccountId,
    'Example Group' as BillingAccountName,
    'USD' as BillingCurrency,
    timestamptz '{month}-01 00:00:00+00' + interval 1 month as BillingPeriodEnd,
    timestamptz '{month}-01 00:00:00+00' as BillingPeriodStart,
    case when h % 1000 = 0 then 'Tax' when h % 500 = 1 then 'Credit' else 'Usage' end
        as ChargeCategory,
    cast(null as varchar) as ChargeClass,
    case when h % 4 < 2
        then '$0.192 per On Demand Linux ' || kind || ' Instance Hour'
        else '$0.023 per GB' end as ChargeDescription,
    'Usage-Based' as ChargeFrequency,
    start_at + interval 1 hour as ChargePeriodEnd,
    start_at as ChargePeriodStart,
    cast((h % 24) as double) as ConsumedQuantity,
    case when h % 4 < 2 then 'Hrs' else 'GB-Mo' end as ConsumedUnit,
    cast((h % 100000) / 11000.0 as double) as ContractedCost,
    cast((h % 100000) / 12000.0 as double) as EffectiveCost,
    cast((h % 100000) / 10000.0 as double) as ListCost,
    'Amazon Web Services, Inc.' as InvoiceIssuerName,
    case when h % 4 < 2 then 'Standard' else 'Committed' end as PricingCategory,
    cast((h % 24) as double) as PricingQuantity,
    'AWS' as ProviderName,
    'Amazon Web Services, Inc.' as PublisherName,
    region as RegionId,
    region as RegionName,
    'arn:aws:ec2:' || region || ':instance/i-' || lpad(cast(h % 40000 as varchar), 17, '0')
        as ResourceId,
    case when h % 4 < 2 then 'Compute' else 'Storage' end as ServiceCategory,
    case when h % 4 < 2 then 'Amazon Elastic Compute Cloud' else 'Amazon Simple Storage Service'
        end as ServiceName,
    'SKU' || lpad(cast(h % 900 as varchar), 13, '0') as SkuId,
    case when h % 4 < 2 then 'EUW1-BoxUsage:' || kind else 'TimedStorage-ByteHrs' end as SkuMeter,
    'SKU' || lpad(cast(h % 900 as varchar), 13, '0') || '.PRICE' as SkuPriceId,
    cast(200000000000 + h % 40 as varchar) as SubAccountId,
    'account-' || (h % 40) as SubAccountName,
    '{{"team":"team-' || (h % 12) || '","project":"project-' || (h % 60) || '"}}' as Tags
from (
    select
        h,
        timestamptz '{month}-01 00:00:00+00' + interval (h % 672) hour as start_at,
        list_element(['m5.xlarge', 'c5.2xlarge', 'g5.xlarge', 'p4d.24xlarge', 'r5.large'],
            cast(1 + (h >> 8) % 5 as integer)) as kind,
        list_element(['eu-west-1', 'us-east-1', 'eu-central-1', 'us-west-2'],
            cast(1 + (h >> 16) % 4 as integer)) as region
    from (select hash(i + {offset}) % 9007199254740993 as h from range({rows}) as lines(i))
)
"""

# What fct_billing_daily groups by, on the bare file: the least that any answer must read.
BASELINE = """
select
    cast(ChargePeriodStart as date) as usage_date, ProviderName, BillingAccountId, SubAccountId,
    ServiceName, ServiceCategory, RegionId, ChargeCategory, BillingCurrency, SkuMeter,
    sum(cast(EffectiveCost as decimal(38, 18))), sum(cast(BilledCost as decimal(38, 18))),
    sum(cast(ListCost as decimal(38, 18))), sum(ConsumedQuantity), count(*)
from read_parquet('{path}/*.parquet')
group by all
"""


def generate(folder: Path, rows: int) -> int:
    """One Parquet file per month; returns the bytes written."""
    exports = folder / "exports"
    exports.mkdir(parents=True)
    each = [rows // len(MONTHS) + (i < rows % len(MONTHS)) for i in range(len(MONTHS))]
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for i, month in enumerate(MONTHS):
            sql = LINES.format(month=month, rows=each[i], offset=sum(each[:i]))
            file = exports / f"focus-{month}.parquet"
            connection.execute(f"copy ({sql}) to '{file}' (format parquet, compression zstd)")
    return sum(file.stat().st_size for file in exports.iterdir())


def baseline_seconds(folder: Path) -> float:
    """The best of three reads-and-groups by DuckDB itself."""
    best = float("inf")
    for _ in range(3):
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            started = time.monotonic()
            connection.execute(BASELINE.format(path=folder / "exports")).fetchall()
            best = min(best, time.monotonic() - started)
    return best


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=3_000_000)
    rows = parser.parse_args().rows
    folder = OUT / "focus"
    shutil.rmtree(folder, ignore_errors=True)
    size = generate(folder, rows)
    print(f"FOCUS: {rows:,} lines, {size / 1e6:,.0f} MB of Parquet, {len(MONTHS)} billing months")
    baseline_s = baseline_seconds(folder)
    config = write_config(folder, '[sources.focus]\npath = "exports"\n')
    observatory(config, "ingest", "run_events")  # start-up and empty landing, not counted
    landed, landing_s = observatory(config, "ingest", "focus")
    _, again_s = observatory(config, "ingest", "focus")
    landing_mib = peak_mib()
    report, refresh_s = observatory(config, "refresh", "--no-ingest")
    models = model_seconds(folder, BILLING_MODELS)
    models_s = sum(models.values())
    rejected = sum(source["rows_rejected"] for source in landed["sources"])
    show(
        [
            ("DuckDB reads and groups the file", f"{baseline_s:8.2f} s"),
            ("landing", f"{landing_s:8.2f} s   {rows / landing_s:12,.0f} rows/s"),
            ("landing the same again", f"{again_s:8.2f} s   {rows / again_s:12,.0f} rows/s"),
            ("rejected", f"{rejected:8d}"),
            ("the night without landing", f"{refresh_s:8.2f} s"),
            (
                f"{len(models)} billing models, execution",
                f"{models_s:8.2f} s   {models_s / baseline_s:8.1f} × DuckDB's read",
            ),
            ("peak memory, landing", f"{landing_mib:8.0f} MiB"),
            ("peak memory, both", f"{peak_mib():8.0f} MiB"),
        ],
        {
            "rows": rows,
            "file_bytes": size,
            "baseline_s": baseline_s,
            "landing_s": landing_s,
            "landing_rows_per_s": rows / landing_s,
            "landing_again_s": again_s,
            "rows_rejected": rejected,
            "refresh_s": refresh_s,
            "published_version": report.get("published_version"),
            "billing_models_s": models,
            "billing_models_total_s": models_s,
            "billing_models_per_baseline": models_s / baseline_s,
            "peak_mib": peak_mib(),
        },
        "focus",
    )


if __name__ == "__main__":
    main()
