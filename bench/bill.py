"""How fast a bill lands and is published, beside DuckDB's own read of the same columns.

The whole bill first, then the night on which the newest month comes with one day more.
"""

import argparse
import shutil
import time
from pathlib import Path

import duckdb
from common import OUT, model_seconds, observatory, peak_mib, show, write_config

MONTHS = [
    f"{year}-{month:02d}"
    for year, month in [(2025, 11), (2025, 12), *((2026, month) for month in range(1, 11))]
]
RUNS = 5_000
BILLING_MODELS = (
    "staging/focus/",
    "intermediate/cost/",
    "marts/fct_billing",
    "marts/fct_cost",
    "marts/fct_run_cost",
    "marts/fct_unallocated",
)
DAYS = 28
# One model at a time: the seconds of each are its own.
SETTINGS = """
[sources.focus]
path = "exports"
[sources.run_events]
path = "events"
[refresh]
threads = 1
"""

# Seeded: every value is a hash of its line's or its resource's number, so the file is the same on
# every machine. As on an hourly report, each resource has a line an hour as long as it lives, which
# is a quarter of a year. It has one account, region, price and set of tags.
LINES = """
with
    lines as (
        select
            hash({month_number}000000000 + i) as h,
            {month_number} // 3 * {alive} + i % {alive} as resource,
            timestamptz '{month}-01 00:00:00+00' + interval (i // {alive}) hour as start_at
        from range({hours} * {alive}) as lines(i)
    ),
    resources as (
        select
            {month_number} // 3 * {alive} + i as resource,
            hash(resource * 7919) as r,
            hash(resource * 7919) % 4 < 2 as is_machine,
            list_element(['m5.xlarge', 'c5.2xlarge', 'g5.xlarge', 'p4d.24xlarge', 'r5.large'],
                cast(1 + (hash(resource * 7919) >> 8) % 5 as integer)) as kind,
            list_element(['eu-west-1', 'us-east-1', 'eu-central-1', 'us-west-2'],
                cast(1 + (hash(resource * 7919) >> 16) % 4 as integer)) as region
        from range({alive}) as numbers(i)
    )
select
    cast(region || 'a' as varchar) as AvailabilityZone,
    cast((h % 100000) / 10000.0 as double) as BilledCost,
    '100000000000' as BillingAccountId,
    'Example Group' as BillingAccountName,
    'USD' as BillingCurrency,
    timestamptz '{month}-01 00:00:00+00' + interval 1 month as BillingPeriodEnd,
    timestamptz '{month}-01 00:00:00+00' as BillingPeriodStart,
    case when h % 1000 = 0 then 'Tax' when h % 500 = 1 then 'Credit' else 'Usage' end
        as ChargeCategory,
    cast(null as varchar) as ChargeClass,
    case when is_machine
        then '$0.192 per On Demand Linux ' || kind || ' Instance Hour'
        else '$0.023 per GB - first 50 TB / month of storage used' end as ChargeDescription,
    'Usage-Based' as ChargeFrequency,
    start_at + interval 1 hour as ChargePeriodEnd,
    start_at as ChargePeriodStart,
    cast((h % 24) as double) as ConsumedQuantity,
    case when is_machine then 'Hrs' else 'GB-Mo' end as ConsumedUnit,
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
    case when is_machine then 'i-' || lpad(printf('%x', resource), 17, '0')
        else 'bucket-' || resource end as ResourceId,
    case when is_machine then 'Compute' else 'Storage' end as ServiceCategory,
    case when is_machine then 'Amazon Elastic Compute Cloud' else 'Amazon Simple Storage Service'
        end as ServiceName,
    'SKU' || lpad(cast(r % 900 as varchar), 13, '0') as SkuId,
    case when is_machine then 'EUW1-BoxUsage:' || kind else 'TimedStorage-ByteHrs' end as SkuMeter,
    'SKU' || lpad(cast(r % 900 as varchar), 13, '0') || '.PRICE' as SkuPriceId,
    cast(200000000000 + r % 40 as varchar) as SubAccountId,
    'account-' || (r % 40) as SubAccountName,
    '{{"team":"team-' || (r % 12) || '","project":"project-' || (r % 60)
        || '","Name":"node-' || (resource // 8) || '"}}' as Tags
from lines
inner join resources using (resource)
"""

# What the models read of the bare files, read and grouped once: the least that any answer costs.
BASELINE = """
select
    cast(ChargePeriodStart as date) as usage_date, ProviderName, BillingAccountId, SubAccountId,
    ServiceName, ServiceCategory, RegionId, ChargeCategory, ChargeClass, ChargeDescription,
    BillingCurrency, SkuMeter, ConsumedUnit, BillingPeriodStart,
    sum(cast(EffectiveCost as decimal(38, 18))), sum(cast(BilledCost as decimal(38, 18))),
    sum(cast(ListCost as decimal(38, 18))), sum(ConsumedQuantity), count(*),
    max(ResourceId), max(Tags), min(ChargePeriodEnd)
from read_parquet('{path}/*.parquet')
group by all
"""

# A run of ten hours on a machine of its own, while that lived.
EVENTS = """
select to_json({{
    'event_id': 'e' || n, 'event_type': 'finished', 'run_id': 'run-' || n,
    'job_name': 'job-' || (n % 200), 'status': 'succeeded', 'provider': 'aws',
    'event_time': strftime(start_at + interval 10 hour, '%Y-%m-%dT%H:%M:%SZ'),
    'started_at': strftime(start_at, '%Y-%m-%dT%H:%M:%SZ'), 'duration_s': 36000,
    'instance_type': 'm5.xlarge', 'region': 'eu-west-1',
    'resource_id': 'i-' || lpad(printf('%x', n % {resources}), 17, '0')
}})
from (
    select
        n,
        timestamp '2025-11-01 00:00:00' + interval (n % {resources} // {alive} * 3) month
        + interval (hash(n) % 600) hour as start_at
    from range({runs}) as numbers(n)
)
"""


def write_month(folder: Path, number: int, alive: int, days: int) -> None:
    """A month's bill of `days` days, one Parquet file: `alive` lines an hour."""
    exports = folder / "exports"
    exports.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        month = MONTHS[number]
        sql = LINES.format(month=month, month_number=number, alive=alive, hours=24 * days)
        file = exports / f"focus-{month}.parquet"
        connection.execute(f"copy ({sql}) to '{file}' (format parquet, compression zstd)")


def write_runs(folder: Path, runs: int, alive: int) -> None:
    """Run events, one JSON object per line."""
    (folder / "events").mkdir()
    with duckdb.connect() as connection:
        sql = EVENTS.format(runs=runs, alive=alive, resources=alive * len(MONTHS) // 3)
        rows = connection.execute(sql).fetchall()
    (folder / "events" / "runs.jsonl").write_text("".join(f"{row[0]}\n" for row in rows))


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
    parser.add_argument("--rows", type=int, default=10_000_000)
    wanted = parser.parse_args().rows
    folder = OUT / "bill"
    shutil.rmtree(folder, ignore_errors=True)
    alive = wanted // (len(MONTHS) * DAYS * 24)
    rows = alive * len(MONTHS) * DAYS * 24
    last = len(MONTHS) - 1
    for number in range(len(MONTHS)):
        write_month(folder, number, alive, DAYS - (number == last))
    write_runs(folder, RUNS, alive)
    size = sum(file.stat().st_size for file in (folder / "exports").iterdir())
    print(f"bill: {rows:,} lines, {size / 1e6:,.0f} MB of Parquet, {len(MONTHS)} billing months")
    baseline_s = baseline_seconds(folder)
    config = write_config(folder, SETTINGS)
    observatory(config, "ingest", "run_events")  # start-up and empty landing, not counted
    landed, landing_s = observatory(config, "ingest", "focus")
    landing_mib = peak_mib()
    report, refresh_s = observatory(config, "refresh", "--no-ingest")
    full = model_seconds(folder, BILLING_MODELS)
    write_month(folder, last, alive, DAYS)
    observatory(config, "ingest", "focus")
    _, increment_refresh_s = observatory(config, "refresh", "--no-ingest")
    increment = model_seconds(folder, BILLING_MODELS)
    full_s, increment_s = sum(full.values()), sum(increment.values())
    rejected = sum(source["rows_rejected"] for source in landed["sources"])
    for name in sorted(full, key=lambda name: -full[name])[:12]:
        print(f"    {name:<45} {full[name]:8.2f} s   a day more: {increment[name]:8.2f} s")
    show(
        [
            ("DuckDB reads and groups the files", f"{baseline_s:8.2f} s"),
            ("landing", f"{landing_s:8.2f} s   {rows / landing_s:12,.0f} lines/s"),
            ("rejected", f"{rejected:8d}"),
            ("the night without landing", f"{refresh_s:8.2f} s"),
            (
                f"{len(full)} billing models, execution",
                f"{full_s:8.2f} s   {rows / full_s:12,.0f} lines/s"
                f"   {full_s / baseline_s:8.1f} × DuckDB's read",
            ),
            (
                "the same, one day more",
                f"{increment_s:8.2f} s   {increment_s / full_s:12.0%} of it",
            ),
            ("the night of one day more", f"{increment_refresh_s:8.2f} s"),
            ("peak memory, landing", f"{landing_mib:8.0f} MiB"),
            ("peak memory, all", f"{peak_mib():8.0f} MiB"),
        ],
        {
            "rows": rows,
            "file_bytes": size,
            "baseline_s": baseline_s,
            "landing_s": landing_s,
            "landing_rows_per_s": rows / landing_s,
            "rows_rejected": rejected,
            "refresh_s": refresh_s,
            "published_version": report.get("published_version"),
            "billing_models_s": full,
            "billing_models_increment_s": increment,
            "billing_models_total_s": full_s,
            "billing_models_rows_per_s": rows / full_s,
            "billing_models_per_baseline": full_s / baseline_s,
            "increment_per_full": increment_s / full_s,
            "peak_mib": peak_mib(),
        },
        "bill",
    )


if __name__ == "__main__":
    main()
