"""Bad input of every source in one night: each bad row or file is named, the rest is published."""

import gzip
import json
from typing import Any

import pytest

CONFIG = """
[reporting]
currency = "EUR"

[sources.focus]
path = "bills"

[sources.slurm]
path = "jobs"
cluster = "hpc"
timezone = "Europe/Paris"

[sources.run_events]
path = "events"

[sites.bare]
# neither a grid zone nor a PUE nor a price

[sites.metered]
grid_zone = "FR"

[sites.metered.hosts.box]
vcpus = 16
memory_gib = 64
cpu_model = "A processor of tomorrow"
"""

FOCUS_COLUMNS = (
    "BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,BilledCost,EffectiveCost,"
    "ListCost,ConsumedQuantity,ConsumedUnit,BillingCurrency,ProviderName,ServiceName,ChargeCategory,"
    "RegionId,SkuMeter,ResourceId"
)


def charge(**values: str) -> str:
    row = {
        "BillingPeriodStart": "2026-10-01T00:00:00Z",
        "BillingPeriodEnd": "2026-11-01T00:00:00Z",
        "ChargePeriodStart": "2026-10-05T00:00:00Z",
        "ChargePeriodEnd": "2026-10-06T00:00:00Z",
        "BilledCost": "1.5",
        "EffectiveCost": "1.25",
        "ListCost": "2",
        "ConsumedQuantity": "24",
        "ConsumedUnit": "Hrs",
        "BillingCurrency": "EUR",
        "ProviderName": "AWS",
        "ServiceName": "Amazon Elastic Compute Cloud",
        "ChargeCategory": "Usage",
        "RegionId": "eu-west-1",
        "SkuMeter": "EUW1-BoxUsage:m5.xlarge",
        "ResourceId": "i-1",
    } | values
    return ",".join(row.values())


GOOD_BILL = [
    charge(),
    charge(EffectiveCost="-40.5", BilledCost="-40.5", ChargeCategory="Credit"),
    charge(ChargeCategory="A category of tomorrow"),
    charge(RegionId="", ServiceName="", SkuMeter=""),
    charge(ProviderName="A cloud of tomorrow"),
    charge(BillingCurrency="JPY", EffectiveCost="99999999999999.123456789012345678"),
    charge(ConsumedQuantity="900000000000000000", ConsumedUnit="Bytes"),
    charge(ResourceId="i-9"),
    charge(ResourceId="i-9", ChargeCategory="Tax", EffectiveCost="0.5"),
]
BAD_BILL = [
    charge(EffectiveCost="twelve"),
    charge(EffectiveCost="NaN"),
    charge(BilledCost="1e300"),
    charge(ConsumedQuantity="1e300"),
    charge(ChargePeriodStart="0000-01-01T00:00:00Z"),
    charge(ChargePeriodEnd="9999-12-31T00:00:00Z"),
    charge(ChargePeriodEnd="2026-10-04T00:00:00Z"),
    charge(SkuMeter="x" * 1_000_001),
    charge(BillingCurrency=""),
    charge() + ",one field too many",
]

SACCT = (
    "JobIDRaw|JobID|JobName|State|Submit|Start|End|ElapsedRaw|NCPUS|NNodes|NodeList|AllocTRES"
    "|CPUTimeRAW|TotalCPU|ConsumedEnergyRaw"
)


def job(job_id: str, **values: str) -> str:
    row = {
        "JobIDRaw": job_id,
        "JobID": job_id,
        "JobName": "train",
        "State": "COMPLETED",
        "Submit": "2026-10-05T09:00:00",
        "Start": "2026-10-05T10:00:00",
        "End": "2026-10-05T11:00:00",
        "ElapsedRaw": "3600",
        "NCPUS": "4",
        "NNodes": "1",
        "NodeList": "n1",
        "AllocTRES": "cpu=4,mem=8G,node=1",
        "CPUTimeRAW": "14400",
        "TotalCPU": "02:00:00",
        "ConsumedEnergyRaw": "0",
    } | values
    return "|".join(row.values())


GOOD_JOBS = [
    job("1"),
    job("2", State="CANCELLED by 1000", Start="Unknown", End="2026-10-05T11:00:00", ElapsedRaw="0"),
    job("3", NCPUS="0", AllocTRES="", CPUTimeRAW="0", TotalCPU="00:00:00"),
    job("4", State="A_STATE_OF_TOMORROW"),
    job("5", State="RUNNING", End="Unknown"),
    job("6", JobName="naïve – 訓練"),
    # A controller was reset: the id came back as another job.
    job(
        "10",
        JobName="old",
        Submit="2024-10-05T09:00:00",
        Start="2024-10-05T10:00:00",
        End="2024-10-05T11:00:00",
    ),
    job("10", JobName="new"),
]
BAD_JOBS = [
    job("11", ElapsedRaw="soon"),
    job("12", ElapsedRaw="-5"),
    job("13", Start="0000-01-01T00:00:00"),
    job("14", End="9999-01-01T00:00:00"),
    job("15", NCPUS="NaN"),
    job("16", ElapsedRaw="99999999999"),
    job("17", AllocTRES="mem=lots"),
]

GOOD_EVENT = {
    "event_id": "good",
    "run_id": "good",
    "job_name": "good",
    "duration_s": 3600,
    "instance_type": "m5.xlarge",
    "region": "eu-west-1",
    "event_time": "2026-10-05T12:00:00Z",
}


def reading(minutes: int, energy_kwh: float, **more: Any) -> dict[str, Any]:
    return {
        "component": "accelerator",
        "device_id": "GPU-0",
        "method": "nvml_energy",
        "from": "2026-10-05T11:00:00Z",
        "to": f"2026-10-05T11:{minutes:02}:00Z" if minutes < 60 else "2026-10-05T12:00:00Z",
        "energy_j": energy_kwh * 3.6e6,
    } | more


def event(name: str, **values: Any) -> dict[str, Any]:
    kept = GOOD_EVENT | {"event_id": name, "run_id": name} | values
    return {key: value for key, value in kept.items() if value is not ...}


NODE = {"component": "all", "device_id": "node", "method": "ipmi", "boundary": "node"}
GOOD_EVENTS = [
    event("good"),
    event("least", instance_type=..., region=..., event_time=...),
    event("no-time-at-all", event_time=..., duration_s=...),
    event("zero-seconds", duration_s=0),
    event("odd'name\n<script>alert(1)</script>"),
    event("provider-misspelt", provider="AWSS", region="eu-west-1"),
    event("provider-unknown", provider="moon", region="tranquility", instance_type="rover"),
    event("bare-site", region="bare", vcpus=4, memory_gib=8),
    event("bare-site-metered", region="bare", vcpus=4, energy=[reading(60, 0.5, **NODE)]),
    event("unknown-machine-metered", instance_type="rover", energy=[reading(60, 0.5, **NODE)]),
    event(
        "behind-the-meter",
        region="metered",
        instance_type="box",
        energy=[reading(60, 0.6, **(NODE | {"boundary": "facility", "method": "pdu"}))],
    ),
    event("processor-of-tomorrow", region="metered", instance_type="box"),
    event(
        "readings-overlap",
        instance_type="g5.xlarge",
        energy=[reading(60, 0.2), reading(30, 0.1), reading(60, 0.2)],
    ),
    event("only-heartbeats", event_type="heartbeat", started_at="2026-10-05T11:00:00Z"),
    *(event("retried", event_id=f"retried-{n}", attempt=n, status="failed") for n in (1, 2, 3)),
    event("good", run_id="same event again, other content"),
    event("only-started", event_type="started", started_at="2026-10-05T12:00:00Z", duration_s=...),
    event(
        "meter-at-another-time",
        instance_type="g5.xlarge",
        event_time="2026-10-05T16:00:00Z",
        energy=[reading(60, 0.2)],
    ),
    event("part-of-a-box", region="metered", instance_type="box", vcpus=4),
    # A hook inside a Slurm job, under the job's own run id.
    event("slurm:hpc:1", model_name="told by the event", duration_s=7200),
    event("half-known", event_id="half-1", attempt=1),
    event("half-known", event_id="half-2", attempt=2, instance_type="zz9.plural"),
    event("billed", resource_id="i-9"),
    event(
        "ranks-shifted",
        instance_type="g5.xlarge",
        duration_s=5400,
        event_time="2026-10-05T12:30:00Z",
        energy=[
            reading(60, 0.4),
            reading(60, 0.4, **{"from": "2026-10-05T11:30:00Z", "to": "2026-10-05T12:30:00Z"}),
        ],
    ),
    event("accelerator-unknown", accelerator_model="Abacus", accelerator_count=2, vcpus=4),
]
BAD_EVENTS = [
    json.dumps(event("b1", duration_s="long")),
    json.dumps(event("b2", duration_s=-1)),
    json.dumps(event("b3", duration_s=1e300)),
    json.dumps(event("b4")).replace("3600", "NaN"),
    json.dumps(event("b5", event_time="0000-01-01T00:00:00Z")),
    json.dumps(event("b6", event_time="9999-12-31T00:00:00Z")),
    json.dumps(event("b7", instance_count=10**18)),
    json.dumps(event("b8", started_at="1970-01-01T00:00:00Z", duration_s=...)),
    json.dumps(event("b9", cpu_utilization_ratio=3.5)),
    json.dumps(event("b10", run_id="x" * 1_000_001)),
    json.dumps(event("b11", run_id=...)),
    json.dumps(event("b12"))[:-5],
    "[]",
]


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    bom = "\ufeff"
    files = {
        "bills/mixed.csv": "\n".join([FOCUS_COLUMNS, *GOOD_BILL, *BAD_BILL]) + "\n",
        "bills/bom/bom.csv": bom + "\r\n".join([FOCUS_COLUMNS, charge()]) + "\r\n",
        "bills/short/missing_column.csv": "BilledCost,EffectiveCost\n1,2\n",
        "bills/empty/empty.csv": "",
        "jobs/mixed.txt": "\n".join([SACCT, *GOOD_JOBS, *BAD_JOBS]) + "\n",
        "jobs/bom.txt": bom + "\n".join([SACCT, job("7")]) + "\n",
        "jobs/missing_column.txt": "JobName|Account\ntrain|me\n",
        "jobs/empty.txt": "",
        "jobs/prose.txt": "Dear all,\nthe cluster is down on Monday.\n",
        "events/mixed.jsonl": "\n".join([*map(json.dumps, GOOD_EVENTS), *BAD_EVENTS]) + "\n",
        "events/bom.jsonl": bom + json.dumps(event("after-bom")) + "\n",
        "events/empty.jsonl": "",
    }
    latin = "naïve".encode("latin-1")
    whole = gzip.compress(files["jobs/bom.txt"].encode(), mtime=0)
    raw = {
        "bills/latin/latin.csv": "\n".join([FOCUS_COLUMNS, charge(), charge()]).encode()
        + b"\n"
        + charge(SkuMeter="naive").encode().replace(b"naive", latin)
        + b"\n",
        "bills/cut/cut.csv.gz": gzip.compress(files["bills/mixed.csv"].encode(), mtime=0)[:-20],
        "jobs/cut.txt.gz": whole[:-15],
        "jobs/latin.txt": (SACCT + "\n" + job("8") + "\n").encode()
        + job("9", JobName="naive").encode().replace(b"naive", latin)
        + b"\n",
        "events/cut.jsonl.gz": gzip.compress(json.dumps(event("cut")).encode(), mtime=0)[:-9],
        "events/latin.jsonl": json.dumps(event("l1", job_name="naive"))
        .encode()
        .replace(b"naive", latin)
        + b"\n",
    }
    return night("hostile_inputs", CONFIG, files | raw)


def source(marts: Any, name: str) -> dict[str, Any]:
    entries = [s for s in marts.report["sources"] if s["name"] == name]
    return {
        key: sum(entry[key] for entry in entries)
        for key in ("rows_in", "rows_landed", "rows_rejected")
    }


def test_the_night_publishes_and_says_that_rows_were_rejected(marts: Any) -> None:
    assert marts.returncode == 3
    assert {s["status"] for s in marts.report["sources"]} <= {"ok", "partial"}


@pytest.mark.parametrize("name", ["focus", "slurm", "run_events"])
def test_rows_in_are_rows_landed_and_rejected(marts: Any, name: str) -> None:
    counts = source(marts, name)
    assert counts["rows_in"] == counts["rows_landed"] + counts["rows_rejected"]


def test_good_rows_are_there_and_bad_ones_are_not(marts: Any) -> None:
    runs = {row["run_id"] for row in marts.rows("select run_id from fct_runs")}
    assert {f"slurm:hpc:{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8)} <= runs
    assert not {f"slurm:hpc:{n}" for n in range(11, 18)} & runs
    assert {e["run_id"] for e in GOOD_EVENTS} | {"after-bom"} <= runs
    assert not {f"b{n}" for n in range(1, 13)} & runs
    lines = marts.rows("select sum(line_rows) as lines from fct_billing_daily")
    # mixed + bom + the two of latin-1's file that are UTF-8
    assert lines[0]["lines"] == len(GOOD_BILL) + 1 + 2


def test_each_refusal_has_its_reason(marts: Any) -> None:
    import polars as pl

    refused = pl.read_parquet(marts.folder.parents[1] / "landing" / "_rejected" / "*.parquet")
    assert refused["reason"].null_count() == 0
    assert refused["detail"].null_count() == 0
    assert set(refused["reason"]) >= {
        *("wrong_type", "out_of_range", "missing_value", "wrong_column_count", "field_too_long"),
        *("missing_column", "empty_file", "truncated_gzip", "not_utf8", "not_json"),
        "not_this_format",
    }


def test_what_is_unknown_is_null_with_a_reason(marts: Any) -> None:
    reasons = {
        run_id: marts.run(run_id)["missing_reason"]
        for run_id in (
            *("least", "provider-unknown", "bare-site", "bare-site-metered"),
            *("unknown-machine-metered", "behind-the-meter", "processor-of-tomorrow"),
            *("accelerator-unknown", "zero-seconds", "no-time-at-all"),
        )
    }
    assert reasons == {
        "least": "no_resources_given",
        "provider-unknown": "unknown_instance_type",
        "bare-site": "no_pue",
        "bare-site-metered": "no_pue",
        "unknown-machine-metered": None,
        "behind-the-meter": None,
        "processor-of-tomorrow": "no_pue",
        "accelerator-unknown": "unknown_accelerator",
        "zero-seconds": None,
        "no-time-at-all": "unknown_duration",
    }


def test_a_facility_meter_is_facility_energy(marts: Any) -> None:
    run = marts.run("behind-the-meter")
    assert run["facility_energy_kwh"] == pytest.approx(0.6)
    assert run["emissions_location_g_co2e"] == pytest.approx(0.6 * 41.44)
    assert run["it_energy_kwh"] is None  # this site has no PUE to take out


def test_the_same_joule_counts_once(marts: Any) -> None:
    accelerator = marts.components("readings-overlap")["accelerator"]
    assert accelerator["measured_energy_kwh"] == pytest.approx(0.2)


def test_attempts_add_up(marts: Any) -> None:
    run = marts.run("retried")
    assert (run["attempt"], run["status"], run["duration_s"]) == (3, "failed", 3 * 3600)


def test_money_of_two_currencies_is_never_one_sum(marts: Any) -> None:
    rows = marts.rows(
        "select cost_currency, sum(effective_cost) as cost from fct_billing_daily group by all"
    )
    costs = {row["cost_currency"]: row["cost"] for row in rows}
    assert costs["JPY"] == pytest.approx(99999999999999.12)
    assert costs["EUR"] == pytest.approx(1.25 * 5 - 40.5 + 1.25 * 3 + 1.25 + 0.5)


def test_a_start_alone_tells_no_duration(marts: Any) -> None:
    run = marts.run("only-started")
    assert (run["status"], run["duration_s"], run["missing_reason"]) == (
        "lost",
        None,
        "unknown_duration",
    )


def test_a_meter_counts_only_while_the_run_ran(marts: Any) -> None:
    accelerator = marts.components("meter-at-another-time")["accelerator"]
    assert accelerator["measured_energy_kwh"] is None
    assert accelerator["energy_method"] == "allocation"


def test_readings_that_overlap_keep_only_their_own_part(marts: Any) -> None:
    accelerator = marts.components("ranks-shifted")["accelerator"]
    assert accelerator["measured_energy_kwh"] == pytest.approx(0.4 + 0.4 / 2)
    assert accelerator["covered_ratio"] == pytest.approx(1.0)


def test_the_scheduler_tells_when_and_the_event_tells_what_for(marts: Any) -> None:
    run = marts.run("slurm:hpc:1")
    assert (run["source"], run["duration_s"], run["model_name"]) == (
        "slurm",
        3600,
        "told by the event",
    )


def test_a_reused_job_id_is_another_run(marts: Any) -> None:
    names = {name: marts.run(name)["job_name"] for name in ("slurm:hpc:10", "slurm:hpc:10@2")}
    assert names == {"slurm:hpc:10": "old", "slurm:hpc:10@2": "new"}


def test_an_unknown_attempt_makes_the_run_unknown(marts: Any) -> None:
    run = marts.run("half-known")
    assert (run["facility_energy_kwh"], run["emissions_location_g_co2e"]) == (None, None)
    assert run["missing_reason"] == "unknown_instance_type"
    attempts = marts.rows(
        "select facility_energy_kwh from fct_run_attempts where run_id = 'half-known'"
        " order by attempt"
    )
    assert [row["facility_energy_kwh"] is None for row in attempts] == [False, True]


def test_a_tax_on_a_runs_resource_is_not_the_runs(marts: Any) -> None:
    run = marts.run("billed")
    assert (run["cost_method"], run["effective_cost"]) == ("billed_resource", pytest.approx(1.25))
