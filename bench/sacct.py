"""How fast a Slurm accounting dump lands, beside polars' bare read of the same text."""

import argparse
import shutil
import time
from pathlib import Path

import duckdb
import polars as pl
from common import OUT, model_seconds, observatory, peak_mib, show, write_config

ROWS_PER_JOB = 3  # the allocation, .batch, .extern
SLURM_MODELS = ("staging/slurm/", "int_runs__", "int_energy__", "int_carbon__", "fct_run")

JOBS = """
select
    cast(100000 + job as varchar) || ['', '.batch', '.extern'][step] as JobID,
    cast(100000 + job as varchar) || ['', '.batch', '.extern'][step] as JobIDRaw,
    case when step = 1 then 'job-' || (h % 300) else ['', 'batch', 'extern'][step] end as JobName,
    case when step = 1 then 'user' || (h % 90) else '' end as User,
    'account-' || (h % 12) as Account,
    case when step = 1 then ['a100', 'cpu'][1 + h % 2] else '' end as Partition,
    case when h % 20 = 0 then 'FAILED' when h % 33 = 0 then 'TIMEOUT' else 'COMPLETED' end as State,
    case when h % 20 = 0 then '1:0' else '0:0' end as ExitCode,
    strftime(submit_at, '%Y-%m-%dT%H:%M:%S') as Submit,
    strftime(submit_at, '%Y-%m-%dT%H:%M:%S') as Eligible,
    strftime(submit_at + interval 30 second, '%Y-%m-%dT%H:%M:%S') as Start,
    strftime(submit_at + to_seconds(30 + elapsed_s), '%Y-%m-%dT%H:%M:%S') as "End",
    elapsed_s as ElapsedRaw,
    16 as AllocCPUS,
    'billing=16,cpu=16,' || case when h % 2 = 0 then 'gres/gpu:a100=2,gres/gpu=2,' else '' end
        || 'mem=64G,node=1' as AllocTRES,
    'lyra-a' || lpad(cast(h % 40 as varchar), 2, '0') as NodeList,
    1 as NNodes,
    case when step = 1 then '{"team":"team-' || (h % 12) || '","workload_kind":"training"}' else ''
        end as Comment,
    elapsed_s * 16 as CPUTimeRAW,
    case when step = 2 then (1000 + h % 60000000) || 'K' else '' end as MaxRSS,
    lpad(cast(elapsed_s // 3600 as varchar), 2, '0') || ':'
        || lpad(cast(elapsed_s // 60 % 60 as varchar), 2, '0') || ':00' as TotalCPU,
    0 as ConsumedEnergyRaw,
    case when step = 2 then 'cpu=00:10:00,gres/gpuutil=' || (h % 100) else '' end
        as TRESUsageInTot,
    'lyra' as Cluster,
    'normal' as QOS
from (
    select
        job,
        step,
        h,
        timestamp '2026-09-01 00:00:00' + to_seconds(cast(job * 20 as bigint)) as submit_at,
        60 + h % 30000 as elapsed_s
    from (
        select job, step, cast(hash(job) % 9007199254740993 as bigint) as h
        from range({jobs}) as jobs(job), range(1, 4) as steps(step)
    )
)
order by job, step
"""


def generate(folder: Path, jobs: int) -> Path:
    """One text dump, as `sacct --parsable2` prints it."""
    exports = folder / "exports"
    exports.mkdir(parents=True)
    file = exports / "sacct.txt"
    with duckdb.connect() as connection:
        sql = JOBS.replace("{jobs}", str(jobs))
        connection.execute(f"copy ({sql}) to '{file}' (format csv, delimiter '|', quote '')")
    return file


def baseline_seconds(file: Path) -> float:
    """The best of three reads of the text into string columns, by polars itself."""
    best = float("inf")
    for _ in range(3):
        started = time.monotonic()
        pl.read_csv(file, separator="|", quote_char=None, infer_schema=False)
        best = min(best, time.monotonic() - started)
    return best


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200_000)
    jobs = parser.parse_args().jobs
    folder = OUT / "sacct"
    shutil.rmtree(folder, ignore_errors=True)
    file = generate(folder, jobs)
    print(
        f"sacct: {jobs:,} jobs, {jobs * ROWS_PER_JOB:,} rows, {file.stat().st_size / 1e6:,.0f} MB"
    )
    baseline_s = baseline_seconds(file)
    config = write_config(
        folder,
        '[sources.slurm]\npath = "exports"\ncluster = "lyra"\ntimezone = "Europe/Paris"\n'
        'site = "lyra"\n\n'
        '[sites.lyra]\ngrid_zone = "FR"\npue = 1.28\n\n'
        '[sites.lyra.hosts.a100]\nvcpus = 128\nmemory_gib = 1024\ncpu_model = "AMD EPYC 7763"\n'
        'accelerator_model = "A100-SXM4-80GB"\naccelerator_count = 8\n\n'
        '[sites.lyra.hosts.cpu]\nvcpus = 64\nmemory_gib = 512\ncpu_model = "AMD EPYC 7543"\n',
    )
    observatory(config, "ingest", "run_events")  # start-up and empty landing, not counted
    landed, landing_s = observatory(config, "ingest", "slurm")
    landing_mib = peak_mib()
    report, refresh_s = observatory(config, "refresh", "--no-ingest")
    models = model_seconds(folder, SLURM_MODELS)
    models_s = sum(models.values())
    rejected = sum(source["rows_rejected"] for source in landed["sources"])
    show(
        [
            ("polars reads the bare text", f"{baseline_s:8.2f} s"),
            (
                "landing",
                f"{landing_s:8.2f} s   {jobs / landing_s:12,.0f} jobs/s"
                f"   {landing_s / baseline_s:8.1f} × polars' read",
            ),
            ("rejected", f"{rejected:8d}"),
            ("the night without landing", f"{refresh_s:8.2f} s"),
            (
                f"{len(models)} run models, execution",
                f"{models_s:8.2f} s   {jobs / models_s if models_s else 0:12,.0f} jobs/s",
            ),
            ("runs published", f"{report.get('runs')}"),
            ("peak memory, landing", f"{landing_mib:8.0f} MiB"),
            ("peak memory, both", f"{peak_mib():8.0f} MiB"),
        ],
        {
            "jobs": jobs,
            "rows": jobs * ROWS_PER_JOB,
            "file_bytes": file.stat().st_size,
            "baseline_s": baseline_s,
            "landing_s": landing_s,
            "landing_jobs_per_s": jobs / landing_s,
            "landing_per_baseline": landing_s / baseline_s,
            "rows_rejected": rejected,
            "refresh_s": refresh_s,
            "runs": report.get("runs"),
            "run_models_s": models,
            "run_models_total_s": models_s,
            "peak_mib": peak_mib(),
        },
        "sacct",
    )


if __name__ == "__main__":
    main()
