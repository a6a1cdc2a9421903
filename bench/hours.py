"""A year of runs split into hours and priced by the hour, beside DuckDB's bare join of the same."""

import argparse
import shutil
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
from common import OUT, model_seconds, observatory, peak_mib, show, write_config

from ingest.contracts import Dataset, empty_rejected
from ingest.landing import Landing
from ingest.sources import electricity_maps, run_events
from observatory.refresh import datasets

YEAR_START = datetime(2025, 10, 1, tzinfo=UTC)
HOURS_OF_YEAR = 365 * 24
BATCH = 250_000
MEMORY_LIMIT = "2500MB"
BAR_MIB = 4096
# What splits, prices and adds up the hours; the rest of the night would be there without them.
HOUR_MODELS = (
    "int_runs__intervals",
    "int_runs__hours",
    "int_runs__run_hours",
    "int_runs__run_factors",
    "int_runs__run_market",
    "int_carbon__place_hours",
    "int_carbon__hours_landed",
    "int_carbon__hourly_intensity",
    "int_carbon__long_intervals",
    "int_carbon__profile_intensity",
    "int_carbon__intensity.",
    "int_carbon__market_intensity",
    "int_carbon__contract_",
    "int_carbon__run_hours",
    "fct_run_hours",
)
RUNS = """
select
    'bench' as source_file,
    run as source_row,
    'run-' || run as event_id,
    'finished' as event_type,
    started_at + to_seconds(duration_s) as event_time,
    'run-' || run as run_id,
    'job-' || (h % 500) as job_name,
    'succeeded' as status,
    started_at,
    started_at + to_seconds(duration_s) as ended_at,
    cast(duration_s as double) as duration_s,
    'team-' || (h % 20) as team,
    'training' as workload_kind,
    ['eu-west-1', 'eu-west-3', 'eu-central-1', 'us-east-1', 'us-west-2', 'ap-south-1'][1 + h % 6]
        as region,
    ['g5.xlarge', 'p4d.24xlarge', 'm5.4xlarge'][1 + h % 3] as instance_type,
    (h % 100) / 100.0 as cpu_utilization_ratio
from (
    select
        run,
        h,
        timestamptz '2025-10-01 00:00:00+00' + to_seconds(h % 31000000) as started_at,
        cast(600 + h // 1000 % 50000 as bigint) as duration_s
    from (
        select run, cast(hash(run) % 9007199254740993 as bigint) as h
        from range({first}, {last}) as runs(run)
    )
)
"""
BARE_JOIN = """
create or replace temp table priced as
select
    hours.run_id,
    hours.attempt,
    hours.hour_start_utc,
    energy.facility_energy_kwh * hours.fraction_of_attempt as facility_energy_kwh,
    energy.facility_energy_kwh * hours.fraction_of_attempt * intensity.intensity_g_per_kwh as g
from intermediate.int_runs__hours as hours
inner join intermediate.int_energy__attempts as energy using (run_id, attempt)
inner join intermediate.int_runs__located as attempts using (run_id, attempt)
left join intermediate.int_carbon__intensity as intensity
    on attempts.provider_code = intensity.provider_code
    and attempts.region = intensity.region
    and hours.hour_start_utc = intensity.hour_start_utc
"""


def land_runs(landing: Landing, runs: int, now: datetime) -> None:
    """The runs' events, typed already: what is measured begins after landing."""
    (dataset,) = run_events.DATASETS
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for first in range(0, runs, BATCH):
            last = min(first + BATCH, runs)
            sql = RUNS.format(first=first, last=last)
            rows = pl.DataFrame(connection.sql(sql).to_arrow_table())
            deliver(landing, dataset, f"bench/{first}", rows, now)


def land_intensity(landing: Landing, now: datetime) -> int:
    """A measured hour of the year for each of the zones but one."""
    hours = pl.datetime_range(
        YEAR_START,
        YEAR_START + timedelta(hours=HOURS_OF_YEAR - 1),
        "1h",
        eager=True,
        time_zone="UTC",
    ).cast(pl.Datetime("us", "UTC"))
    zones = ["IE", "FR", "DE", "US-MIDA-PJM", "IN-WE"]
    frames = [
        pl.DataFrame({"from_at_utc": hours}).with_columns(
            pl.lit("bench").alias("source_file"),
            pl.int_range(pl.len()).alias("source_row"),
            pl.lit(zone).alias("grid_zone"),
            (pl.col("from_at_utc") + timedelta(hours=1)).alias("to_at_utc"),
            (100.0 + number * 50 + pl.int_range(pl.len()) % 24).alias("intensity_g_per_kwh"),
            pl.lit("average").alias("signal"),
            pl.lit("lifecycle").alias("accounting"),
            pl.lit(False).alias("is_estimated"),
            pl.lit(True).alias("is_final"),
        )
        for number, zone in enumerate(zones)
    ]
    rows = pl.concat(frames)
    deliver(landing, electricity_maps.DATASETS[0], "bench", rows, now)
    return rows.height


def deliver(
    landing: Landing, dataset: Dataset, scope: str, rows: pl.DataFrame, now: datetime
) -> None:
    """Land rows as they are, columns that are not there null."""
    typed = rows.select(
        (pl.col(name) if name in rows.columns else pl.lit(None)).cast(kind).alias(name)
        for name, kind in dataset.schema.items()
    )
    with landing.deliver(
        dataset, scope, source=dataset.name.split("__")[0], instance="bench", received_at=now
    ) as delivery:
        delivery.write(typed, empty_rejected())
        delivery.commit()


def bare_join_seconds(warehouse: Path) -> tuple[float, int]:
    """The best of three bare joins of the same tables, and their rows."""
    best, rows = float("inf"), 0
    with duckdb.connect(warehouse, read_only=True) as connection:
        connection.execute(f"set memory_limit = '{MEMORY_LIMIT}'")
        for _ in range(3):
            started = time.monotonic()
            connection.execute(BARE_JOIN)
            best = min(best, time.monotonic() - started)
        (rows,) = connection.execute("select count(*) from priced").fetchone() or (0,)
    return best, rows


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    runs = parser.parse_args().runs
    folder = OUT / "hours"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    config = write_config(folder, f'[refresh]\nmemory_limit = "{MEMORY_LIMIT}"\n')
    observatory(config, "init")
    now = datetime.now(UTC)
    landing = Landing(folder / "data" / "landing")
    landing.initialise(datasets())
    land_runs(landing, runs, now)
    intensities = land_intensity(landing, now)
    report, refresh_s = observatory(config, "refresh", "--no-ingest")
    models = model_seconds(folder, HOUR_MODELS)
    models_s = sum(models.values())
    baseline_s, hours = bare_join_seconds(folder / "data" / "warehouse.duckdb")
    show(
        [
            ("runs", f"{report['runs']:12,}"),
            ("hours of runs", f"{hours:12,}"),
            ("landed hours of grid intensity", f"{intensities:12,}"),
            ("DuckDB's bare join of the hours", f"{baseline_s:8.2f} s"),
            (
                f"{len(models)} models of hours, execution",
                f"{models_s:8.2f} s   {hours / models_s:12,.0f} hours/s"
                f"   {models_s / baseline_s:8.1f} × the bare join",
            ),
            ("the night without landing", f"{refresh_s:8.2f} s"),
            ("peak memory", f"{peak_mib():8.0f} MiB   (bar: {BAR_MIB})"),
        ],
        {
            "runs": report["runs"],
            "run_hours": hours,
            "baseline_s": baseline_s,
            "hour_models_s": models,
            "hour_models_total_s": models_s,
            "hour_models_per_baseline": models_s / baseline_s,
            "refresh_s": refresh_s,
            "peak_mib": peak_mib(),
            "is_under_memory_bar": peak_mib() < BAR_MIB,
        },
        "hours",
    )


if __name__ == "__main__":
    main()
