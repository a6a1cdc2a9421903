"""What the hook costs a job: import, start, CPU while it samples, memory; beside CodeCarbon, in the
same environment (`.venv-frameworks`)."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from common import OUT, show

ROOT = Path(__file__).parents[1]
HOOK = ROOT / "hook"
PYTHON = ROOT / ".venv-frameworks" / "bin" / "python"
BARS = {"import_ms": 20.0, "start_ms": 30.0, "cpu_pct": 0.5, "memory_mib": 15.0}
TIMED = """
import os, time
def rss():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
before = rss()
at = time.perf_counter()
{imported}
imported = time.perf_counter()
{started}
started = time.perf_counter()
print((imported - at) * 1e3, (started - imported) * 1e3, rss() - before)
{ended}
"""
OURS = ("import carbon_hook", "run = carbon_hook.track().start()", "run.finish()")
THEIRS = (
    "from codecarbon import OfflineEmissionsTracker as Tracker",
    "run = Tracker(country_iso_code='FRA', log_level='critical', save_to_file=False); run.start()",
    "run.stop()",
)
WATCHED = """
import os, sys, time
import carbon_hook
run = carbon_hook.track().start()
time.sleep(1.5)
monitor = next(
    pid for pid in os.listdir("/proc")
    if pid.isdigit() and b"monitor_main" in open(f"/proc/{pid}/cmdline", "rb").read()
    and os.environ["CARBON_HOOK_INBOX"].encode() in open(f"/proc/{pid}/environ", "rb").read()
)
def cpu_s():
    top = f"/proc/{monitor}/task"
    tasks = [open(f"{top}/{task}/schedstat").read() for task in os.listdir(top)]
    return sum(int(task.split()[0]) for task in tasks) / 1e9
before = cpu_s()
time.sleep(float(sys.argv[1]))
used = cpu_s() - before
rollup = open(f"/proc/{monitor}/smaps_rollup").read()
own = sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Private_"))
print(used / float(sys.argv[1]) * 100, own / 1024)
run.finish()
"""


def environ(folder: str, heartbeat_s: float) -> dict[str, str]:
    """Of a job that reports to a folder."""
    return {
        **os.environ,
        "PYTHONPATH": str(HOOK),
        "HOME": folder,
        "CARBON_HOOK_INBOX": f"{folder}/inbox",
        # Nobody listens there: the webhook's code is loaded, and each attempt is made.
        "CARBON_HOOK_URL": "http://127.0.0.1:9/v1/events",
        "CARBON_HOOK_HEARTBEAT_S": str(heartbeat_s),
    }


def numbers(code: str, env: dict[str, str], *words: str) -> list[float]:
    """What a program prints."""
    done = subprocess.run(
        [PYTHON, "-c", code, *words], env=env, capture_output=True, text=True, check=True
    )
    return [float(word) for word in done.stdout.split()]


def medians(parts: tuple[str, str, str], env: dict[str, str], times: int) -> list[float]:
    """(import ms, start ms, MiB more in the job), each the median of fresh processes."""
    imported, started, ended = parts
    code = TIMED.format(imported=imported, started=started, ended=ended)
    columns = zip(*[numbers(code, env) for _ in range(times)], strict=True)
    return [statistics.median(column) for column in columns]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=15, help="fresh processes per figure")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it samples")
    options = parser.parse_args()
    OUT.mkdir(exist_ok=True)
    subprocess.run([ROOT / ".ci" / "environment", "frameworks"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        env = environ(folder, 60.0)
        import_ms, start_ms, in_job_mib = medians(OURS, env, options.times)
        other = medians(THEIRS, env, options.times)
        # Every heartbeat of a minute is in it, whatever the time.
        often = environ(folder, min(60.0, options.seconds / 2))
        cpu_pct, memory_mib = numbers(WATCHED, often, str(options.seconds))
    result: dict[str, object] = {
        "import_ms": import_ms,
        "start_ms": start_ms,
        "memory_in_job_mib": in_job_mib,
        "cpu_pct": cpu_pct,
        "memory_mib": memory_mib,
        "codecarbon_import_ms": other[0],
        "codecarbon_start_ms": other[1],
        "codecarbon_memory_in_job_mib": other[2],
        "bars": BARS,
    }
    show(
        [
            ("import", f"{import_ms:.1f} ms (at most {BARS['import_ms']:.0f})"),
            ("start", f"{start_ms:.1f} ms (at most {BARS['start_ms']:.0f})"),
            ("memory in the job", f"{in_job_mib:.1f} MiB"),
            ("CPU while sampling", f"{cpu_pct:.3f} % of one core (at most {BARS['cpu_pct']})"),
            ("memory of the monitor", f"{memory_mib:.1f} MiB (at most {BARS['memory_mib']:.0f})"),
            ("CodeCarbon, import", f"{other[0]:.1f} ms, {other[0] / import_ms:.0f} × ours"),
            ("CodeCarbon, start", f"{other[1]:.1f} ms, {other[1] / start_ms:.0f} × ours"),
            ("CodeCarbon, memory in the job", f"{other[2]:.1f} MiB"),
        ],
        result,
        "hook",
    )
    missed = [name for name, bar in BARS.items() if float(str(result[name])) > bar]
    if missed:
        sys.exit(f"above the bar: {', '.join(missed)} in {json.dumps(result)}")


if __name__ == "__main__":
    main()
