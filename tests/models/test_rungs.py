"""The rungs below our own model, another tool's estimate and the spend, and what is said of each
rung; storage of the bill with its copies."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

CONFIG = """
[reporting]
currency = "EUR"

[sources.focus]
path = "bills"

[sources.run_events]
path = "events"
"""

LADDER = (
    *("measured", "measured_partial", "calibrated", "utilization", "allocation"),
    *("external_estimate", "spend", "missing"),
)


def event(run_id: str, **more: Any) -> dict[str, Any]:
    told = {
        "event_id": run_id,
        "event_time": "2026-10-05T12:00:00Z",
        "run_id": run_id,
        "job_name": "rungs",
        "duration_s": 3600,
        "instance_type": "zz9.plural",
        "region": "eu-west-1",
    } | more
    return {name: value for name, value in told.items() if value is not None}


def told(component: str, energy_kwh: float, **more: Any) -> dict[str, Any]:
    return {
        "component": component,
        "method": "codecarbon",
        "from": "2026-10-05T11:00:00Z",
        "to": "2026-10-05T12:00:00Z",
        "energy_j": energy_kwh * 3.6e6,
    } | more


HALF = {"to": "2026-10-05T11:30:00Z"}
NODE = {"boundary": "node"}
METER = {"method": "redfish_energy"}


def spent(run_id: str, resource_id: str, **more: Any) -> dict[str, Any]:
    return event(run_id, instance_type=None, resource_id=resource_id) | more


EVENTS = [
    event("told", energy=[told("cpu", 0.05), told("memory", 0.01)]),
    *(event("ranks", event_id=f"ranks-{n}", energy=[told("cpu", 0.05)]) for n in range(8)),
    event("known", instance_type="m5.xlarge", energy=[told("cpu", 9.0)]),
    event("told-with-cooling", energy=[told("all", 0.57, boundary="facility")]),
    event("told-by-half", energy=[told("cpu", 0.05, **HALF)]),
    event(
        "no-power-published",
        instance_type="trn1.32xlarge",
        energy=[told("accelerator", 3.0), told("cpu", 9.0), told("memory", 9.0)],
    ),
    event("hole", energy=[told("all", 0.3, **NODE, **METER, **HALF), told("all", 0.5, **NODE)]),
    event(
        "measured-beside",
        resource_id="sm-4",
        energy=[
            told("accelerator", 0.2, method="nvml_energy", device_id="0"),
            told("all", 0.5, **NODE),
        ],
    ),
    event("metered", instance_type="m5.xlarge", energy=[told("all", 0.1, **NODE, **METER)]),
    event(
        "metered-by-half",
        instance_type="m5.xlarge",
        energy=[told("all", 0.1, **NODE, **METER, **HALF)],
    ),
    event("busy", instance_type="m5.xlarge", cpu_utilization_ratio=0.3),
    event(
        "at-another-time",
        instance_type="m5.xlarge",
        energy=[
            told(
                "cpu",
                0.1,
                **METER,
                **{"from": "2026-10-04T11:00:00Z", "to": "2026-10-04T12:00:00Z"},
            )
        ],
    ),
    spent("spent", "sm-2"),
    *(
        spent(
            "spent-twice",
            "sm-3",
            event_id=f"sm-3-{n}",
            attempt=n,
            duration_s=n * 1200,
            event_time=f"2026-10-05T1{n}:00:00Z",
        )
        for n in (1, 2)
    ),
    spent("bedrock-known", "br-1", instance_type="m5.xlarge"),
    spent("bedrock-spent", "br-2"),
    spent("bedrock-elsewhere", "br-3", region="us-east-1"),
    spent("not-on-the-bill", "nowhere"),
]

COLUMNS = (
    "BillingPeriodStart,BillingPeriodEnd,ChargePeriodStart,ChargePeriodEnd,BilledCost,EffectiveCost,"
    "ListCost,ConsumedQuantity,ConsumedUnit,BillingCurrency,ProviderName,ServiceName,"
    "ServiceCategory,ChargeCategory,RegionId,SkuMeter,ResourceId"
)


def charge(cost: float, **values: str) -> str:
    row = {
        "BillingPeriodStart": "2026-10-01T00:00:00Z",
        "BillingPeriodEnd": "2026-11-01T00:00:00Z",
        "ChargePeriodStart": "2026-10-05T00:00:00Z",
        "ChargePeriodEnd": "2026-10-06T00:00:00Z",
        "BilledCost": f"{cost}",
        "EffectiveCost": f"{cost}",
        "ListCost": f"{cost}",
        "ConsumedQuantity": "1",
        "ConsumedUnit": "Hrs",
        "BillingCurrency": "EUR",
        "ProviderName": "AWS",
        "ServiceName": "Amazon SageMaker",
        "ServiceCategory": "AI and Machine Learning",
        "ChargeCategory": "Usage",
        "RegionId": "eu-west-1",
        "SkuMeter": "a machine that nobody names",
        "ResourceId": "",
    } | values
    return ",".join(row.values())


BEDROCK = {"ServiceName": "Amazon Bedrock", "SkuMeter": "model units", "ConsumedUnit": "Units"}
STORED = {"ConsumedQuantity": "1000", "ConsumedUnit": "GB-Mo"}
BILL = [
    charge(20, SkuMeter="EUW1-Train:ml.m5.xlarge", ConsumedQuantity="100", ResourceId="sm-1"),
    charge(5, ResourceId="sm-2"),
    charge(6, ResourceId="sm-3"),
    charge(7, ResourceId="sm-4"),
    charge(-3, ChargeCategory="Credit"),
    charge(10, ResourceId="br-1", **BEDROCK),
    charge(4, ResourceId="br-2", **BEDROCK),
    charge(4, ResourceId="br-3", RegionId="us-east-1", **BEDROCK),
    charge(
        23,
        ServiceName="Amazon Simple Storage Service",
        SkuMeter="EUW1-TimedStorage-ByteHrs",
        **STORED,
    ),
    charge(
        12,
        ServiceName="Amazon Simple Storage Service",
        SkuMeter="EUW1-TimedStorage-ZIA-ByteHrs",
        RegionId="eu-west-3",
        **STORED,
    ),
    charge(
        80,
        ServiceName="Amazon Elastic Compute Cloud",
        SkuMeter="EUW1-EBS:VolumeUsage.gp3",
        **STORED,
    ),
]


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    return night(
        "rungs",
        CONFIG,
        {
            "events/rungs.jsonl": "".join(f"{json.dumps(e)}\n" for e in EVENTS),
            "bills/bill.csv": "\n".join([COLUMNS, *BILL]) + "\n",
        },
    )


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-9)


def rungs(component: Mapping[str, Any]) -> dict[str, str]:
    texts = [rung.partition(": ") for rung in component["rungs_considered"].split("; ")]
    return {name: reason for name, _, reason in texts}


# Cascade Lake, whole server, at 50 %, and the memory above what its coefficient holds.
M5_KWH_PER_HOUR = (4 * 1.7411 + 16 * (1 - 2 * 96 / 384) * 0.392) / 1000
SAGEMAKER_KWH_PER_EUR = 100 * M5_KWH_PER_HOUR / 20
BEDROCK_KWH_PER_EUR = M5_KWH_PER_HOUR / 10


def test_another_tools_estimate_stands_where_ours_knows_nothing(marts: Any) -> None:
    run, components = marts.run("told"), marts.components("told")
    assert {name: row["it_energy_kwh"] for name, row in components.items()} == {
        "cpu": close(0.05),
        "memory": close(0.01),
    }
    assert (run["energy_method"], run["missing_reason"]) == ("external_estimate", None)
    assert run["it_energy_kwh"] == close(0.06)
    assert run["facility_energy_kwh"] == close(0.06 * 1.14)
    assert run["measured_energy_ratio"] == 0
    assert rungs(components["cpu"])["external_estimate"] == "taken: codecarbon says 0.05 kWh"


def test_eight_ranks_that_estimate_one_machine_are_one_estimate(marts: Any) -> None:
    assert marts.run("ranks")["it_energy_kwh"] == close(0.05)


def test_an_estimate_does_not_go_before_our_model(marts: Any) -> None:
    cpu = marts.components("known")["cpu"]
    assert (cpu["energy_method"], cpu["measured_energy_kwh"]) == ("allocation", None)
    assert rungs(cpu)["external_estimate"] == "codecarbon says 9.0 kWh, and better is known"
    assert marts.run("known")["measured_energy_ratio"] == 0


def test_an_estimate_with_cooling_replaces_the_pue(marts: Any) -> None:
    run = marts.run("told-with-cooling")
    assert run["facility_energy_kwh"] == close(0.57)
    assert run["it_energy_kwh"] == close(0.57 / 1.14)
    assert run["energy_method"] == "external_estimate"


def test_an_estimate_of_half_the_time_is_no_figure(marts: Any) -> None:
    cpu = marts.components("told-by-half")["cpu"]
    assert (cpu["energy_method"], cpu["it_energy_kwh"]) == ("missing", None)
    assert rungs(cpu)["external_estimate"].startswith("codecarbon covers 50.0 %")


def test_only_the_component_that_the_model_cannot_tell_is_estimated(marts: Any) -> None:
    methods = {
        name: row["energy_method"] for name, row in marts.components("no-power-published").items()
    }
    assert methods.pop("accelerator") == "external_estimate"
    assert set(methods.values()) == {"allocation"}
    assert marts.run("no-power-published")["energy_method"] == "external_estimate"


def test_an_estimate_fills_the_hole_of_a_meter(marts: Any) -> None:
    whole = marts.components("hole")["all"]
    assert whole["it_energy_kwh"] == close(0.3 + 0.5 * 0.5)
    assert whole["energy_method"] == "measured_partial"
    assert rungs(whole)["external_estimate"].startswith("fills what no meter covered")


def test_what_is_measured_is_not_replaced_by_an_estimate_or_the_spend(marts: Any) -> None:
    run, components = marts.run("measured-beside"), marts.components("measured-beside")
    assert run["it_energy_kwh"] is None
    assert components["accelerator"]["measured_energy_kwh"] == close(0.2)
    assert rungs(components["cpu"])["spend"] == "a part is measured"


def test_spend_is_worth_what_the_same_service_uses_per_euro(marts: Any) -> None:
    run, components = marts.run("spent"), marts.components("spent")
    assert run["energy_method"] == "spend"
    assert run["it_energy_kwh"] == close(5 * SAGEMAKER_KWH_PER_EUR)
    assert run["facility_energy_kwh"] == close(5 * SAGEMAKER_KWH_PER_EUR * 1.14)
    assert (run["effective_cost"], run["measured_energy_ratio"]) == (5, 0)
    assert components["all"]["power_basis"] == (
        "own kWh per EUR of Amazon SageMaker in eu-west-1, 2026-10-01, from lines of the bill"
    )


def test_spend_lies_on_the_attempts_by_their_time(marts: Any) -> None:
    rows = marts.rows(
        "select attempt, it_energy_kwh from fct_run_energy_inputs"
        " where run_id = 'spent-twice' order by attempt"
    )
    assert [row["it_energy_kwh"] for row in rows] == [
        close(6 * SAGEMAKER_KWH_PER_EUR / 3),
        close(6 * SAGEMAKER_KWH_PER_EUR * 2 / 3),
    ]


def test_runs_tell_the_rate_where_no_line_does(marts: Any) -> None:
    assert marts.run("bedrock-known")["energy_method"] == "allocation"
    run = marts.run("bedrock-spent")
    assert run["it_energy_kwh"] == close(4 * BEDROCK_KWH_PER_EUR)


@pytest.mark.parametrize(
    ("run_id", "reason"),
    [
        ("bedrock-elsewhere", "no own kWh per EUR of Amazon Bedrock in us-east-1, 2026-10-01"),
        ("not-on-the-bill", "no line of the bill is its own"),
    ],
)
def test_spend_without_an_own_rate_stays_unknown(marts: Any, run_id: str, reason: str) -> None:
    run = marts.run(run_id)
    assert (run["it_energy_kwh"], run["energy_method"]) == (None, "missing")
    assert run["missing_reason"] == "no_resources_given"
    assert rungs(marts.components(run_id)["cpu"])["spend"] == reason


def test_lines_that_pay_for_machines_are_imputed_and_say_so(marts: Any) -> None:
    rows = marts.rows(
        "select service_name, region, energy_method, is_energy_imputed, missing_reason,"
        " sum(effective_cost) as cost, sum(x_energy_kwh) as kwh from fct_billing_daily"
        " where service_name in ('Amazon SageMaker', 'Amazon Bedrock')"
        " and charge_category = 'Usage' group by all"
    )
    found = {
        (row["service_name"], row["region"], row["energy_method"]): (
            row["is_energy_imputed"],
            row["cost"],
            row["kwh"],
        )
        for row in rows
    }
    assert found == {
        ("Amazon SageMaker", "eu-west-1", "allocation"): (
            False,
            20,
            close(100 * M5_KWH_PER_HOUR * 1.14),
        ),
        ("Amazon SageMaker", "eu-west-1", "spend"): (
            True,
            18,
            close(18 * SAGEMAKER_KWH_PER_EUR * 1.14),
        ),
        ("Amazon Bedrock", "eu-west-1", "spend"): (
            True,
            14,
            close(14 * BEDROCK_KWH_PER_EUR * 1.14),
        ),
        ("Amazon Bedrock", "us-east-1", "missing"): (False, 4, None),
    }
    credits = marts.rows(
        "select x_energy_kwh, missing_reason from fct_billing_daily"
        " where charge_category = 'Credit'"
    )
    assert credits == [{"x_energy_kwh": None, "missing_reason": "not_usage"}]


def test_storage_is_counted_with_its_copies(marts: Any) -> None:
    rows = marts.rows(
        "select service_name, region, x_energy_kwh from fct_billing_daily"
        " where resource_class = 'storage'"
    )
    found = {(row["service_name"], row["region"]): row["x_energy_kwh"] for row in rows}
    # 1 TB for October, of 744 h; 0.65 Wh per TB-hour on disks, 1.2 on flash.
    assert found == {
        ("Amazon Simple Storage Service", "eu-west-1"): close(0.65 * 0.744 * 6 * 1.14),
        ("Amazon Simple Storage Service", "eu-west-3"): close(0.65 * 0.744 * 2 * 1.14),
        ("Amazon Elastic Compute Cloud", "eu-west-1"): close(1.2 * 0.744 * 2 * 1.14),
    }


def test_every_rung_is_said_in_order_and_one_is_taken(marts: Any) -> None:
    rows = marts.rows("select * from fct_run_energy_inputs")
    assert {row["energy_method"] for row in rows} == set(LADDER) - {"calibrated"}
    for row in rows:
        said = rungs(row)
        assert tuple(said) == LADDER
        taken = [name for name, reason in said.items() if reason.startswith("taken")]
        assert taken == [row["energy_method"]]


def test_a_reading_of_another_time_is_said_to_be_so(marts: Any) -> None:
    cpu = marts.components("at-another-time")["cpu"]
    assert rungs(cpu)["measured"] == "what was reported is of another time"
