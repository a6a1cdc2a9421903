"""Lines of bills that other tools get wrong, worked out by hand from docs/methodology.md."""

import csv
import io
import json
from typing import Any

import pytest

CONFIG = """
[reporting]
currency = "EUR"

[sources.focus]
path = "bills"
"""
OWN_CONFIG = CONFIG + '\n[billing]\nline_rules = "my_rules.csv"\n'
OWN_RULES = """\
rule_id,service_name_like,text_like,resource_class,allocation_hint,energy_rule
our_fleet,%mystery%,%fleet%,managed,ml,vcpu_hours
our_margin,%mystery%,%margin%,other,shared,none:not_usage
"""
# The same lines in another order, fewer of them, on a grid of another intensity.
OTHER_CONFIG = (
    CONFIG + '\n[sources.intensity_file]\npath = "grid"\nzone = "IE"\naccounting = "lifecycle"\n'
)
OTHER_GRID = "datetime,intensity_g_per_kwh\n2026-02,999\n2026-10,999\n"

EC2, SAGEMAKER = "Amazon Elastic Compute Cloud", "Amazon SageMaker"
S3, ECS = "Amazon Simple Storage Service", "Amazon Elastic Container Service"
GCE, GCS = "Compute Engine", "Cloud Storage"
HOME = {"AWS": "eu-west-1", "Google Cloud": "europe-west1", "Microsoft": "westeurope"}


def line(
    case: str,
    provider: str,
    service: str,
    text: str,
    quantity: float,
    unit: str,
    month: str = "2026-10",
    cost: float = 1.0,
    **more: str,
) -> dict[str, str]:
    """A charge on the 5th of the month, in a sub-account named like its case."""
    year, number = map(int, month.split("-"))
    after = f"{year + number // 12}-{number % 12 + 1:02}"
    return {
        "BillingPeriodStart": f"{month}-01T00:00:00Z",
        "BillingPeriodEnd": f"{after}-01T00:00:00Z",
        "ChargePeriodStart": f"{month}-05T00:00:00Z",
        "ChargePeriodEnd": f"{month}-06T00:00:00Z",
        "BilledCost": str(cost),
        "EffectiveCost": str(cost),
        "ListCost": str(cost),
        "ConsumedQuantity": str(quantity),
        "ConsumedUnit": unit,
        "BillingCurrency": "EUR",
        "ProviderName": provider,
        "SubAccountId": case,
        "ServiceName": service,
        "ServiceCategory": "",
        "ChargeCategory": "Usage",
        "RegionId": HOME[provider],
        "SkuMeter": text if provider == "AWS" else "",
        "ChargeDescription": "" if provider == "AWS" else text,
        "SkuPriceDetails": "",
    } | more


def aws(case: str, service: str, meter: str, quantity: float, unit: str, **more: Any) -> Any:
    return line(case, "AWS", service, meter, quantity, unit, **more)


def gcp(case: str, service: str, text: str, quantity: float, unit: str, **more: Any) -> Any:
    return line(case, "Google Cloud", service, text, quantity, unit, **more)


def azure(case: str, service: str, text: str, quantity: float, unit: str, **more: Any) -> Any:
    return line(case, "Microsoft", service, text, quantity, unit, **more)


def gpu(idle_w: float, max_w: float) -> float:
    """kWh of an hour at 60 %, where g is 0.6 + 0.4 * 0.2."""
    return (idle_w + 0.68 * (max_w - idle_w)) / 1000


# W of a vCPU of an unknown processor at 50 %; of a GiB.
VCPU_W = {"AWS": 2.672, "Google Cloud": 3.195}
GIB_W = 0.392
FARGATE_VCPU, FARGATE_GIB = 0.0088121875, 0.0000598
SSD, HDD = 1.2e-6, 0.65e-6  # kWh per GB-hour
OCTOBER = 744
GIB = 1.073741824

# case: (the line, IT kWh if worked out by hand, missing_reason or None, resource_class)
CASES: dict[str, tuple[Any, float | None, str | None, str]] = {}


def case(made: dict[str, str], kwh: float | None, reason: str | None, kind: str) -> None:
    assert made["SubAccountId"] not in CASES
    CASES[made["SubAccountId"]] = (made, kwh, reason, kind)


# --- accelerators sold apart: GCP, hours, seconds as the native export counts them
for name, text, device_kwh in (
    ("a100", "Nvidia Tesla A100 GPU running in Americas", gpu(55.3, 400)),
    ("a100-80", "Nvidia Tesla A100 80GB GPU attached to Spot VMs running in Iowa", gpu(65, 400)),
    ("h100", "Nvidia H100 80GB GPU running in Netherlands", gpu(69.8, 700)),
    ("h100-mega", "Spot Preemptible Nvidia H100 80GB Mega GPU running in Iowa", gpu(69.8, 700)),
    ("h200", "Nvidia H200 141GB GPU running in Belgium", gpu(78.5, 700)),
    ("b200", "Nvidia B200 (1 gpu slice) running in Belgium", gpu(145.8, 1000)),
    ("l4", "Nvidia L4 GPU running in Belgium", gpu(13.1, 72)),
    ("t4", "Nvidia Tesla T4 GPU running in EMEA", gpu(13.1, 70)),
    ("tpu-v4", "TpuV4 running in Belgium", gpu(90, 192)),
):
    case(gcp(f"gcp-{name}", GCE, text, 10, "hour"), 10 * device_kwh, None, "accelerator")
    case(
        gcp(f"gcp-{name}-seconds", GCE, text, 36000, "seconds"),
        10 * device_kwh,
        None,
        "accelerator",
    )
for name, text in (("tpu-v5e", "Tpu v5e running in Belgium"), ("tpu-v6e", "TPU v6e in Belgium")):
    made = gcp(f"gcp-{name}", "Cloud TPU", text, 10, "hour")
    case(made, None, "no_published_power", "accelerator")
case(
    gcp("gcp-unheard-gpu", "Cloud GPU", "Nvidia Z900 GPU running in Belgium", 10, "hour"),
    None,
    "unknown_accelerator",
    "accelerator",
)

# --- capacity: cores and memory, whose details name the machine that they are a part of
PART = {"SkuPriceDetails": json.dumps({"InstanceType": "a3-highgpu-8g"})}
case(
    gcp("gcp-core", GCE, "A3 Instance Core running in Belgium", 3600 * 208, "seconds", **PART),
    208 * VCPU_W["Google Cloud"] / 1000,
    None,
    "compute",
)
case(
    gcp(
        "gcp-ram",
        GCE,
        "A3 Instance Ram running in Belgium",
        3600 * 100 * 2**30,
        "byte-seconds",
        **PART,
    ),
    100 * GIB_W / 1000,
    None,
    "compute",
)
case(
    gcp("autopilot-cpu", "Kubernetes Engine", "Autopilot Pod mCPU Requests", 4000, "hour"),
    4 * VCPU_W["Google Cloud"] / 1000,
    None,
    "compute",
)
case(
    gcp("run-memory", "Cloud Run", "Memory Allocation Time", 7200, "gibibyte second"),
    2 * GIB_W / 1000,
    None,
    "compute",
)
case(
    aws("fargate-vcpu", ECS, "EUW1-Fargate-vCPU-Hours:perCPU", 10, "hours"),
    10 * FARGATE_VCPU,
    None,
    "compute",
)
case(
    aws("fargate-gb", ECS, "EUW1-Fargate-GB-Hours", 10, "hours"), 10 * FARGATE_GIB, None, "compute"
)
case(
    aws("fargate-gb-hours", ECS, "EUW1-Fargate-GB-Hours", 10, "GB-Hours"),
    10 * FARGATE_GIB,
    None,
    "compute",
)
LAMBDA_KWH = FARGATE_GIB + 1024 / 1769 * FARGATE_VCPU
case(
    aws("lambda", "AWS Lambda", "EUW1-Lambda-GB-Second", 7200, "Lambda-GB-Second"),
    2 * LAMBDA_KWH,
    None,
    "compute",
)
case(
    aws("lambda-seconds", "AWSLambda", "EUW1-Lambda-GB-Second", 7200, "seconds"),
    2 * LAMBDA_KWH,
    None,
    "compute",
)
case(
    aws("glue", "AWS Glue", "EUW1-ETL-DPU-Hour", 10, "DPU-Hour"),
    10 * (4 * VCPU_W["AWS"] + 16 * GIB_W) / 1000,
    None,
    "managed",
)

# --- storage: of a month in which it is kept
case(
    aws("s3", S3, "EUW1-TimedStorage-ByteHrs", 1000, "GB-Mo"),
    1000 * HDD * OCTOBER * 6,
    None,
    "storage",
)
case(
    aws("s3-code", "AmazonS3", "EUW1-TimedStorage-ByteHrs", 1000, "GB-Mo"),
    1000 * HDD * OCTOBER * 6,
    None,
    "storage",
)
case(
    aws("s3-february", S3, "EUW1-TimedStorage-ByteHrs", 1000, "GB-Mo", month="2026-02"),
    1000 * HDD * 672 * 6,
    None,
    "storage",
)
case(
    aws("s3-2021", S3, "EUW1-TimedStorage-ByteHrs", 1000, "GB-Mo", month="2021-10"),
    1000 * HDD * OCTOBER * 6,
    None,
    "storage",
)
case(
    aws("ebs", EC2, "EUW1-EBS:VolumeUsage.gp3", 1000, "GB-Mo"),
    1000 * SSD * OCTOBER * 2,
    None,
    "storage",
)
case(
    azure(
        "blob", "Storage Accounts", "Tiered Block Blob - Hot LRS - Data Stored", 1, "1000 GB/Month"
    ),
    1000 * HDD * OCTOBER * 3,
    None,
    "storage",
)
case(
    azure(
        "disk", "Virtual Machines", "Premium SSD Managed Disks - P6 LRS - EU West", 2, "Units/Month"
    ),
    2 * 64 * GIB * SSD * OCTOBER * 3,
    None,
    "storage",
)
case(
    azure("disk-nobody-knows", "Storage", "Premium SSD Managed Disks - P66 LRS", 2, "1/Month"),
    None,
    "disk_size_not_in_line",
    "storage",
)
US = {"RegionId": "us"}
case(
    gcp("gcs-us", GCS, "Standard Storage US Multi-region", 3600 * 10**12, "byte-seconds", **US),
    1000 * HDD * 2,
    None,
    "storage",
)

US_REGIONS = (
    "us-central1",
    *(f"us-east{number}" for number in (1, 4, 5)),
    "us-south1",
    *(f"us-west{number}" for number in (1, 2, 3, 4)),
)
for region in US_REGIONS:
    made = gcp(f"gcs-{region}", GCS, "Standard Storage", 1, "gibibyte month", RegionId=region)
    case(made, GIB * HDD * OCTOBER * 2, None, "storage")
case(
    aws("out", "AWS Data Transfer", "EUW1-DataTransfer-Out-Bytes", 10, "GB"),
    10 * 0.059,
    None,
    "network",
)

# --- surcharges: cost and no energy
case(
    aws(
        "ebs-optimized",
        EC2,
        "EUW1-EBSOptimized:m4.xlarge",
        100,
        "Hrs",
        SkuPriceDetails='{"InstanceType": "m4.xlarge"}',
    ),
    None,
    "no_energy_surcharge",
    "compute",
)
case(
    aws("eks-hours", "AmazonEKS", "EUW1-AmazonEKS-Hours:perCluster", 100, "Hours"),
    None,
    "control_plane",
    "managed",
)
case(
    aws("eks-split", "AmazonEKS", "EUW1-EKS-EC2-vCPU-Hours", 100, "vCPU-Hours"),
    None,
    "counted_with_the_machine",
    "compute",
)
case(
    aws("marketplace", "Red Hat", "AWS Marketplace hourly software usage|m5.2xlarge", 9, "Hours"),
    None,
    "licence",
    "other",
)
case(
    gcp(
        "commitment", GCE, "Commitment v1: Nvidia H100 80GB GPU in Belgium for 1 Year", 744, "hour"
    ),
    None,
    "not_usage",
    "other",
)

# --- machines: the same whoever sells them
for name, machine in (
    ("p4d", "p4d.24xlarge"),
    ("p5", "p5.48xlarge"),
    ("p5en", "p5en.48xlarge"),
    ("p6", "p6-b200.48xlarge"),
    ("g6", "g6.xlarge"),
    ("g6e", "g6e.xlarge"),
    ("m5", "m5.xlarge"),
):
    for seller, service, meter in (
        ("ec2", EC2, f"EUW1-BoxUsage:{machine}"),
        ("sagemaker", SAGEMAKER, f"EUW1-Train:ml.{machine}"),
    ):
        kind = "compute" if name == "m5" else "accelerator"
        case(aws(f"{seller}-{name}", service, meter, 10, "Hours", cost=10), None, None, kind)
case(
    azure(
        "mi300x",
        "Virtual Machines",
        "Virtual Machines NDMI300Xv5 Series - ND96isr MI300X v5",
        1,
        "Hours",
    ),
    None,
    None,
    "accelerator",
)
case(
    aws("trn1", EC2, "USW2-BoxUsage:trn1.32xlarge", 10, "Hours", RegionId="us-west-2"),
    None,
    "no_published_power",
    "accelerator",
)
case(
    aws("unheard-machine", EC2, "USW2-BoxUsage:zz9.24xlarge", 10, "Hours", RegionId="us-west-2"),
    None,
    "unknown_instance_type",
    "compute",
)

# --- what nobody knows, beside lines that are known
case(
    aws("unheard-service", "Amazon Mystery", "EUW1-Mystery", 10, "Mysteries", cost=50),
    None,
    "unknown_line",
    "other",
)
case(
    aws("tokens", "Amazon Bedrock", "EUW1-Claude-input-tokens", 10, "1K tokens"),
    None,
    "no_published_energy_per_token",
    "managed",
)
# Of a service and region with lines that are known: the organisation's own rate.
GLOBAL = gcp("global", GCS, "Standard Storage", 1, "gibibyte month", RegionId="global")
TRAINIUM = aws("trn1-beside", SAGEMAKER, "EUW1-Train:ml.trn1.32xlarge", 10, "Hours", cost=5)
FLEET = aws("own-rule", "Amazon Mystery", "EUW1-Fleet", 10, "Hours")
MARGIN = aws("own-margin", "Amazon Mystery", "EUW1-Margin:m5.xlarge", 10, "Hours")
MYSTERY = aws("mystery-beside", "Amazon Mystery", "EUW1-BoxUsage:m5.xlarge", 1, "Hours", cost=5)


def bill(lines: list[dict[str, str]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


LINES = [made for made, *_ in CASES.values()]
# Every second case, last first.
OTHERS = LINES[::-2]


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    lines = [*LINES, GLOBAL, TRAINIUM, MYSTERY, FLEET, MARGIN]
    files = {"bills/bill.csv": bill(lines), "my_rules.csv": OWN_RULES}
    return night("peers_errors", OWN_CONFIG, files)


@pytest.fixture(scope="module")
def other_marts(night: Any) -> Any:
    files = {"bills/bill.csv": bill(OTHERS), "grid/ie.csv": OTHER_GRID}
    return night("peers_errors_other", OTHER_CONFIG, files)


def rows_of(marts: Any) -> dict[str, dict[str, Any]]:
    rows = marts.rows("select * from fct_billing_daily")
    return {row["sub_account_id"]: row for row in rows}


@pytest.fixture(scope="module")
def rows(marts: Any) -> dict[str, dict[str, Any]]:
    return rows_of(marts)


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-9)


# The latest that is known for October 2026; nothing on top of the internet.
PUE = {"aws": 1.14, "azure": 1.16, "gcp": 1.09}


@pytest.mark.parametrize("name", CASES)
def test_each_line_has_its_class_and_its_energy_or_the_reason(
    rows: dict[str, dict[str, Any]], name: str
) -> None:
    made, kwh, reason, kind = CASES[name]
    row = rows[name]
    assert (row["missing_reason"], row["resource_class"]) == (reason, kind)
    assert row["effective_cost"] == float(made["EffectiveCost"])
    if reason is not None:
        assert (row["x_energy_kwh"], row["energy_method"]) == (None, "missing")
        return
    assert row["energy_method"] == "allocation"
    assert row["x_energy_kwh"] > 0
    if kwh is not None:
        pue = 1.0 if kind == "network" else 1.135 if name == "s3-2021" else PUE[row["provider"]]
        assert row["x_energy_kwh"] == close(kwh * pue)


def test_a_terabyte_on_s3_for_a_month_is_a_few_kwh(rows: dict[str, dict[str, Any]]) -> None:
    # 1 TB * 0.65 Wh per TB-hour * 744 h * 6 copies * 1.135
    assert rows["s3-2021"]["x_energy_kwh"] == pytest.approx(3.293, abs=0.001)


@pytest.mark.parametrize("name", ["p4d", "p5", "p5en", "p6", "g6", "g6e", "m5"])
def test_a_machine_is_the_same_whoever_sells_it(rows: dict[str, dict[str, Any]], name: str) -> None:
    ec2, sagemaker = rows[f"ec2-{name}"], rows[f"sagemaker-{name}"]
    for figure in ("x_energy_kwh", "x_emissions_location_g_co2e", "instance_type"):
        assert ec2[figure] == sagemaker[figure] is not None


def test_accelerators_sold_apart_carry_their_manufacture(rows: dict[str, dict[str, Any]]) -> None:
    for name in ("gcp-a100", "gcp-h100", "gcp-l4-seconds", "gcp-core", "fargate-vcpu", "lambda"):
        assert rows[name]["x_emissions_embodied_g_co2e"] > 0, name
    assert rows["gcp-ram"]["missing_embodied_reason"] == "counted_with_the_vcpus"
    assert rows["gcp-tpu-v5e"]["missing_embodied_reason"] == "no_embodied_factor"


def test_trainium_is_worth_what_the_same_service_uses_per_euro_else_unknown(
    rows: dict[str, dict[str, Any]],
) -> None:
    known = [row for name, row in rows.items() if name.startswith("sagemaker-")]
    rate = sum(row["x_energy_kwh"] for row in known) / sum(row["effective_cost"] for row in known)
    beside = rows["trn1-beside"]
    assert (beside["energy_method"], beside["is_energy_imputed"]) == ("spend", True)
    assert beside["x_energy_kwh"] == close(5 * rate)
    assert rows["trn1"]["missing_reason"] == "no_published_power"


def test_a_line_that_nobody_knows_takes_no_energy_from_known_ones_beside_it(
    rows: dict[str, dict[str, Any]],
) -> None:
    assert rows["mystery-beside"]["x_energy_kwh"] > 0
    assert rows["unheard-service"]["missing_reason"] == "unknown_line"
    assert rows["unheard-service"]["x_energy_kwh"] is None


def test_energy_depends_neither_on_other_lines_nor_on_the_grid(
    rows: dict[str, dict[str, Any]], other_marts: Any
) -> None:
    others = rows_of(other_marts)
    assert set(others) == {made["SubAccountId"] for made in OTHERS} < set(rows)
    irish = 0
    for name, other in others.items():
        row = rows[name]
        for figure in ("x_energy_kwh", "x_emissions_embodied_g_co2e", "missing_reason"):
            assert other[figure] == row[figure], (name, figure)
        if row["region"] == "eu-west-1" and row["x_energy_kwh"] and row["usage_date"].year == 2026:
            irish += 1
            assert other["x_emissions_location_g_co2e"] == close(999 * other["x_energy_kwh"])
            assert row["x_emissions_location_g_co2e"] < 500 * row["x_energy_kwh"]
    assert irish > 5


def test_a_place_of_several_regions_is_their_average(rows: dict[str, dict[str, Any]]) -> None:
    def intensity(name: str) -> float:
        row = rows[name]
        return float(row["x_emissions_location_g_co2e"] / row["x_energy_kwh"])

    members = [intensity(f"gcs-{region}") for region in US_REGIONS]
    assert max(members) > 2 * min(members)
    assert intensity("gcs-us") == close(sum(members) / len(members))
    assert rows["gcs-us"]["factor_resolution"] == "multi_region_average"
    assert rows["global"]["x_emissions_location_g_co2e"] is None
    assert rows["global"]["missing_reason"] == "global_region"


def test_own_rules_go_before_the_products(rows: dict[str, dict[str, Any]]) -> None:
    fleet, margin = rows["own-rule"], rows["own-margin"]
    assert (fleet["resource_class"], fleet["energy_method"]) == ("managed", "allocation")
    assert fleet["x_energy_kwh"] == close(10 * VCPU_W["AWS"] / 1000 * PUE["aws"])
    assert (margin["allocation"], margin["missing_reason"]) == ("shared", "not_usage")


def test_what_has_no_energy_although_it_used_some_is_listed(marts: Any) -> None:
    gaps = marts.rows("select * from fct_billing_gaps")
    listed = {(gap["missing_reason"], gap["resource_class"]) for gap in gaps}
    using_none = {
        "no_energy_surcharge",
        "control_plane",
        "counted_with_the_machine",
        "licence",
        "not_usage",
    }
    expected = {
        (reason, kind) for _, _, reason, kind in CASES.values() if reason not in {None, *using_none}
    } | {("global_region", "storage")}
    assert listed == expected
    (mystery,) = [gap for gap in gaps if gap["service_name"] == "Amazon Mystery"]
    assert (mystery["rule_id"], mystery["effective_cost"]) == ("catch_all", 50)
