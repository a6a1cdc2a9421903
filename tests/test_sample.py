"""The recorded sample is reproducible, coherent with itself and tells the story of its README."""

import csv
import gzip
import io
import json
import statistics
import sys
import tomllib
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "sample"
sys.path.insert(0, str(ROOT / "scripts"))

import make_sample  # noqa: E402

LOOP_RUN = "ranking-nightly-retrain-20261118-0115"
Row = dict[str, Any]


@cache
def aws_rows() -> list[Row]:
    rows: list[Row] = []
    for path in sorted((SAMPLE / "focus/aws").iterdir()):
        content = path.read_bytes()
        text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
        for row in csv.DictReader(io.StringIO(text, newline="")):
            rows.append({name: None if v in ("", "NULL") else v for name, v in row.items()})
    return rows


@cache
def gcp_rows() -> list[Row]:
    paths = sorted((SAMPLE / "focus/gcp").glob("*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]


@cache
def events() -> list[Row]:
    found = []
    for path in sorted((SAMPLE / "events").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            event = json.loads(line)
            if "specversion" in event:
                event = event["data"] | {"event_id": event["id"]}
            found.append(event)
    return found


@cache
def finished() -> list[Row]:
    return [event for event in events() if event["event_type"] == "finished"]


@cache
def sacct_rows() -> list[Row]:
    rows = []
    for path in sorted((SAMPLE / "slurm").glob("*.txt")):
        header, *lines = path.read_text().splitlines()
        names = header.split("|")
        for line in lines:
            values = line.split("|")
            assert len(values) == len(names), f"{path.name}: {line}"
            rows.append(dict(zip(names, values, strict=True)) | {"file": path.name})
    return rows


def slurm_jobs() -> list[Row]:
    return [row for row in sacct_rows() if "." not in row["JobIDRaw"]]


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_script_reproduces_the_committed_files() -> None:
    made = make_sample.sample_files()
    patterns = ("focus/*/*", "slurm/*", "events/*")
    committed = {path.relative_to(SAMPLE).as_posix() for p in patterns for path in SAMPLE.glob(p)}
    assert committed == set(made)
    for name, content in made.items():
        on_disk = (SAMPLE / name).read_bytes()
        if name.endswith(".parquet"):  # another writer version may encode the same rows otherwise
            assert pq.read_table(io.BytesIO(content)).equals(pq.read_table(SAMPLE / name)), name
        elif name.endswith(".gz"):  # another zlib may compress the same text otherwise
            assert gzip.decompress(content) == gzip.decompress(on_disk), name
        else:
            assert content == on_disk, name


def test_two_runs_of_the_script_give_the_same_bytes(tmp_path: Path) -> None:
    first = make_sample.write_sample(tmp_path / "a")
    second = make_sample.write_sample(tmp_path / "b")
    assert first == second
    assert all((tmp_path / "b" / name).read_bytes() == first[name] for name in first)


def test_size_is_below_3_mb() -> None:
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file()) < 3_000_000


def test_span_teams_regions_and_number_of_runs() -> None:
    starts = [instant(run["started_at"]).date() for run in finished()]
    assert min(starts) == date(2026, 8, 25) and max(starts) == date(2026, 11, 20)
    assert {run["team"] for run in finished()} == {"vision", "nlp", "forecasting", "ranking"}
    regions = {run["region"] for run in finished()}
    assert regions == {"eu-west-1", "us-east-1", "eu-west-3", "europe-west4", "us-central1"}
    assert len({run["model_name"] for run in finished()}) >= 9
    ids = {run["run_id"] for run in finished()} | {row["JobIDRaw"] for row in slurm_jobs()}
    assert 1200 <= len(ids) <= 2000
    weekend = sum(start.weekday() >= 5 for start in starts) / len(starts)
    assert weekend < 0.8 * 2 / 7


def test_status_mix() -> None:
    status = Counter(run["status"] for run in finished())
    status.update(row["State"].split()[0] for row in slurm_jobs())
    good = status["succeeded"] + status["COMPLETED"]
    assert 0.04 <= 1 - good / status.total() <= 0.08
    assert {"failed", "cancelled", "timeout", "out_of_memory", "preempted"} <= set(status)
    assert {"CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "FAILED", "REQUEUED"} <= set(status)


def test_the_loop_takes_five_times_its_stable_usual() -> None:
    runs = sorted(
        (run for run in finished() if run["job_name"] == "ranking-nightly-retrain"),
        key=lambda run: run["started_at"],
    )
    loop = next(run for run in runs if run["run_id"] == LOOP_RUN)
    before = [run for run in runs if run["started_at"] < loop["started_at"]]
    good = [run for run in before if run["status"] == "succeeded"]
    assert len(good) >= 20
    assert loop["owner"] == "ines.moreau@example.org"
    usual = good[-20:]
    for measure in (lambda run: run["duration_s"], joules):
        middle = statistics.median_low([measure(run) for run in usual])
        assert all(abs(measure(run) / middle - 1) < 0.10 for run in usual)
        assert measure(loop) / middle == pytest.approx(5, rel=0.05)


def joules(run: Row) -> int:
    return sum(entry["energy_j"] for entry in run["energy"])


def test_no_other_run_is_near_the_alarm_threshold() -> None:
    durations: dict[tuple[str, ...], list[tuple[float, str]]] = defaultdict(list)
    for run in finished():
        key = (run["job_name"], run["instance_type"])
        durations[key].append((run["duration_s"], run["run_id"]))
    for row in slurm_jobs():
        key = (row["JobName"], row["Partition"])
        durations[key].append((float(row["ElapsedRaw"]), row["JobIDRaw"]))
    long = [
        run_id
        for items in durations.values()
        for seconds, run_id in items
        if seconds > 2 * statistics.median(item[0] for item in items)
    ]
    assert long == [LOOP_RUN]


def test_a_job_is_retried_in_vain_for_five_nights() -> None:
    failed = [
        run
        for run in finished()
        if run["job_name"] == "nlp-nightly-distill" and run["status"] == "failed"
    ]
    nights = Counter(run["started_at"][:10] for run in failed)
    assert nights == {f"2026-10-{day}": 3 for day in range(12, 17)}
    assert {run["attempt"] for run in failed} == {1, 2, 3}


def test_one_job_hardly_uses_its_gpus() -> None:
    means = defaultdict(list)
    for run in finished():
        if "accelerator_utilization_ratio" in run:
            means[run["job_name"]].append(run["accelerator_utilization_ratio"])
    idle = {name for name, values in means.items() if statistics.mean(values) < 0.4}
    assert idle == {"nlp-embedding-refresh"}
    assert statistics.mean(means["nlp-embedding-refresh"]) == pytest.approx(0.12, abs=0.01)


def test_the_bill_has_each_runs_hours() -> None:
    hours: dict[str, float] = defaultdict(float)
    for row in aws_rows():
        if row["ResourceId"] and row["ConsumedUnit"] == "Hours":
            hours[row["ResourceId"]] += float(row["ConsumedQuantity"])
    for row in gcp_rows():
        if (
            row["ResourceId"]
            and row["ConsumedUnit"] == "seconds"
            and "T4" not in row["ChargeDescription"]
        ):
            hours[row["ResourceId"]] += row["ConsumedQuantity"] / 3600
    assert len({run["resource_id"] for run in finished()}) == len(finished())
    for run in finished():
        expected = run["duration_s"] * run["instance_count"] / 3600
        assert hours[run["resource_id"]] == pytest.approx(expected, abs=1e-8), run["run_id"]


def test_bill_charges_each_run_on_its_own_days_and_in_its_region() -> None:
    billed: dict[str, set[str]] = defaultdict(set)
    regions: dict[str, str] = {}
    for row in [*aws_rows(), *gcp_rows()]:
        if row["ResourceId"]:
            billed[row["ResourceId"]].add(str(row["ChargePeriodStart"])[:10])
            regions[row["ResourceId"]] = row["RegionId"]
    for run in finished():
        first = instant(run["started_at"]).date()
        last = (instant(run["ended_at"]) - timedelta(seconds=1)).date()
        days = {str(first + timedelta(days=n)) for n in range((last - first).days + 1)}
        assert billed[run["resource_id"]] == days, run["run_id"]
        assert regions[run["resource_id"]] == run["region"]


def test_bills_have_the_columns_of_their_focus_version_and_one_currency() -> None:
    assert len(make_sample.FOCUS_1_0) == len(set(make_sample.FOCUS_1_0)) == 43
    assert len(make_sample.FOCUS_1_2) == len(set(make_sample.FOCUS_1_2)) == 57
    assert list(aws_rows()[0]) == make_sample.AWS_COLUMNS
    assert list(gcp_rows()[0]) == make_sample.FOCUS_1_0
    required = [
        "ChargePeriodStart",
        "ChargePeriodEnd",
        "BillingPeriodStart",
        "BilledCost",
        "EffectiveCost",
        "BillingCurrency",
        "ProviderName",
        "ServiceName",
        "ChargeCategory",
    ]
    for row in [*aws_rows(), *gcp_rows()]:
        assert all(row[name] is not None for name in required)
        assert row["BillingCurrency"] == "EUR"
        float(row["BilledCost"]), float(row["EffectiveCost"])
    assert all(json.loads(row["Tags"]) for row in aws_rows() if row["Tags"])


def test_bills_tell_the_whole_story() -> None:
    aws = {row["ChargeCategory"] for row in aws_rows()}
    assert aws == {"Usage", "Purchase", "Tax", "Credit"}
    assert {row["ChargeCategory"] for row in gcp_rows()} == {"Usage", "Tax", "Credit"}
    assert any(row["ChargeClass"] == "Correction" for row in aws_rows())
    services = {row["ServiceName"] for row in aws_rows()}
    assert {
        "Amazon SageMaker", "Amazon Elastic Compute Cloud", "Elastic Load Balancing",
        "Amazon Relational Database Service", "AWS Support (Business)",
    } <= services  # fmt: skip
    known = {run["resource_id"] for run in finished()}
    idle = {row["ResourceId"] for row in aws_rows() if row["ResourceType"] == "notebook-instance"}
    assert len(idle) == 3 and not idle & known


def test_savings_plan_amortises_what_it_billed() -> None:
    plan = [row for row in aws_rows() if row["CommitmentDiscountId"]]
    bought = sum(float(row["BilledCost"]) for row in plan)
    used = [row for row in plan if row["CommitmentDiscountStatus"]]
    assert {row["CommitmentDiscountStatus"] for row in used} == {"Used", "Unused"}
    assert bought > 0
    assert sum(float(row["EffectiveCost"]) for row in plan) == pytest.approx(bought, rel=1e-9)


def test_measured_energy_is_physically_possible() -> None:
    limits = {"A100-SXM4-40GB": (55, 400), "A10G": (11, 300), "T4": (13, 70)}
    measured = [run for run in finished() if "energy" in run]
    assert len(measured) > 150
    a100 = []
    for run in measured:
        assert len(run["energy"]) == run["accelerator_count"] * run["instance_count"]
        low, high = limits[run["accelerator_model"]]
        for entry in run["energy"]:
            assert (entry["from"], entry["to"]) == (run["started_at"], run["ended_at"])
            watts = entry["energy_j"] / run["duration_s"]
            assert low < watts < high, run["run_id"]
            if run["accelerator_model"].startswith("A100"):
                a100.append(watts)
    assert statistics.mean(a100) == pytest.approx(285, abs=15)
    whole_node = [row for row in slurm_jobs() if row["ConsumedEnergyRaw"]]
    assert len(whole_node) > 20
    for row in whole_node:
        watts = int(row["ConsumedEnergyRaw"]) / int(row["ElapsedRaw"])
        assert (3000 < watts < 6500) if row["Partition"] == "a100" else (300 < watts < 650)


def test_events_are_well_formed() -> None:
    assert len({event["event_id"] for event in events()}) == len(events())
    for event in events():
        assert instant(event["event_time"]).tzinfo == UTC
        for name, value in event.items():
            if name.endswith("_ratio"):
                assert 0 <= value <= 1
    for run in finished():
        length = instant(run["ended_at"]) - instant(run["started_at"])
        assert length.total_seconds() == run["duration_s"]
    assert {event["event_type"] for event in events()} == {"started", "heartbeat", "finished"}
    assert all(event["owner"].endswith("@example.org") for event in finished())


def test_newer_versions_are_better_and_cost_more() -> None:
    for job, kpi, sign in (
        ("nlp-intent-finetune", "accuracy", 1), ("vision-segmentation-train", "mean_iou", 1),
        ("forecasting-nightly-train", "wape", -1), ("nlp-summarizer-finetune", "rouge_l", 1),
    ):  # fmt: skip
        versions: dict[str, list[Row]] = defaultdict(list)
        for run in finished():
            if run["job_name"] == job and run["status"] == "succeeded":
                versions[run["model_version"]].append(run)
        assert len(versions) >= 4
        for measure in (lambda r, k=kpi, s=sign: s * r["metrics"][k], lambda r: r["duration_s"]):
            means = [statistics.mean(map(measure, versions[v])) for v in sorted(versions)]
            assert means == sorted(means), job


def test_sacct_dumps_are_local_time_and_nobody_shares_a_gpu() -> None:
    zone = ZoneInfo("Europe/Paris")
    held: dict[str, list[tuple[datetime, datetime, int]]] = defaultdict(list)
    for row in slurm_jobs():
        start, end = (
            instant(row[n]).replace(tzinfo=zone).astimezone(UTC) for n in ("Start", "End")
        )
        assert (end - start).total_seconds() == int(row["ElapsedRaw"])
        assert row["file"] == f"sacct-{row['End'][:10]}.txt"
        tres = dict(item.split("=") for item in row["AllocTRES"].split(","))
        units = int(tres.get("gres/gpu") or tres["cpu"])
        held[row["NodeList"]].append((start, end, units))
        assert json.loads(row["Comment"])["team"] in {"vision", "nlp", "forecasting", "ranking"}
    for node, spans in held.items():
        capacity = 8 if node.startswith("lyra-a") else 64
        for moment, _, _ in spans:
            used = sum(units for start, end, units in spans if start <= moment < end)
            assert used <= capacity, (node, moment)
    steps = {row["JobID"].rpartition(".")[2] for row in sacct_rows() if "." in row["JobIDRaw"]}
    assert steps == {"batch", "extern", "0"}
    assert any("_" in row["JobID"] for row in slurm_jobs())


def test_config_points_at_the_sample() -> None:
    config = tomllib.loads((SAMPLE / "observatory.toml").read_text())
    assert config["reporting"]["currency"] == "EUR"
    sources = config["sources"]
    for path in (
        sources["focus"]["aws"]["path"], sources["focus"]["gcp"]["path"],
        sources["slurm"]["lyra"]["path"], sources["run_events"]["path"],
    ):  # fmt: skip
        assert any((SAMPLE / path).iterdir())
    assert set(config["sites"]["lyra"]["hosts"]) == {row["Partition"] for row in slurm_jobs()}
