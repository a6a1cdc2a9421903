"""Every region and machine of the reference lists has a figure, and says where it is from."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT.parent / "shared" / "reference"
CONFIG = '[sources.run_events]\npath = "events"\n\n[sources.focus]\npath = "bills"\n'

# The first year for which each provider's PUE is known is 2021 (Google: 2018).
YEARS = range(2021, 2027)
HOME = {"aws": "eu-west-1", "gcp": "europe-west1", "azure": "westeurope"}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


REGIONS = read(ROOT / "seeds" / "reference" / "cloud_regions.csv")
TYPES = read(ROOT / "seeds" / "reference" / "instance_types.csv")
# Share-alike: to check against, never part of the product.
CHECK_ONLY = REFERENCE / "check_only_instance_types.csv"
CHECKED_TYPES = read(CHECK_ONLY) if CHECK_ONLY.is_file() else []


def event(run_id: str, year: int = 2026, **fields: Any) -> str:
    return json.dumps(
        {
            "event_id": run_id,
            "event_type": "finished",
            "event_time": f"{year}-06-10T12:00:00Z",
            "run_id": run_id,
            "job_name": "coverage",
            "status": "succeeded",
            "duration_s": 3600,
        }
        | fields
    )


# A machine by its name in the list, and by other names: (name, provider, other name).
OTHER_NAMES = [
    ("m5.xlarge", "aws", "ml.m5.xlarge"),
    ("m5.xlarge", "aws", "db.m5.xlarge"),
    ("m5.xlarge", "aws", "cache.m5.xlarge"),
    ("m5.xlarge", "aws", "m5.xlarge.search"),
    ("m5.xlarge", "aws", " M5.XLARGE"),
    ("p4d.24xlarge", "aws", "ml.p4d.24xlarge"),
    ("c5.metal", "aws", "C5.Metal"),
    ("Standard_D4s_v4", "azure", "D4s_v4"),
    ("Standard_D4s_v4", "azure", "Standard D4s v4"),
    ("Standard_D4s_v4", "azure", "STANDARD_D4S_V4"),
    ("Standard_NC24rs_v3", "azure", "Standard_NC24rs_v3_Promo"),
    ("Standard_NC24ads_A100_v4", "azure", "nc24ads_a100_v4"),
    ("Standard_D4s_v5", "azure", "d4s v5"),
    ("Standard_A1", "azure", "Basic_A1"),
    ("n1-standard-8", "gcp", "zones/us-central1-a/machineTypes/n1-standard-8"),
    ("n1-standard-8", "gcp", "N1-STANDARD-8"),
]

# A size that is in a list, under a name whose size the rules read: the platform they assume is the
# largest chip, so the memory above the baseline differs a little.
SAME_SIZES = [
    ("n1-standard-8", "gcp", "custom-8-30720"),
    ("n1-standard-8", "gcp", "n1-custom-8-30720"),
    ("n2-standard-4", "gcp", "n2-custom-4-16384-ext"),
    ("Standard_ND96asr_v4", "azure", "ND96asr A100 v4"),
]

# Sizes that no list has: vCPUs sold, vCPUs that draw power, GiB, microarchitecture.
NAMED = {
    "Standard_D4s_v5": (4, 4, 16, "Ice Lake"),
    "Standard_E64-16s_v5": (16, 64, 512, "Ice Lake"),
    "Standard_E64s_v5": (64, 64, 512, "Ice Lake"),
    "Standard_E96-24as_v7": (24, 96, 768, "EPYC 5th Gen"),
    "Standard_DS13-2_v2": (2, 8, 56, "Cascade Lake"),
    "Standard_D8pls_v6": (8, 8, 16, "Azure Cobalt 100 (Neoverse N2)"),
    "Standard_M96bds_2_v3": (96, 96, 1946, "Sapphire Rapids"),
    "custom-8-32768": (8, 8, 32, "Skylake"),
    "n2-custom-4-16384": (4, 4, 16, "Cascade Lake"),
    "c4-highcpu-288-metal": (288, 288, 576, "Granite Rapids"),
    "e2-custom-small-2048": (2, 0.5, 2, None),
    "m7i.9xlarge": (36, 36, 144, "Sapphire Rapids"),
    "r8g.metal-12xl": (48, 48, 384, "Graviton4"),
    "u-12tb1.112xlarge": (448, 448, 12288, "Skylake"),
}

A100_40, A100_80 = "NVIDIA A100 SXM4 40GB", "NVIDIA A100 SXM4 80GB"
# What is told of accelerators: fields of the event, the device, devices in all (a share counts as
# such), machines, why there is no energy.
ACCELERATORS: dict[str, tuple[dict[str, Any], str | None, float | None, int, str | None]] = {
    # Attached to a machine that has none of its own.
    "t4": ({"instance_type": "n1-standard-8", "accelerator_model": "nvidia-tesla-t4",
            "accelerator_count": 2}, "NVIDIA T4", 2, 1, None),
    "t4-vertex": ({"instance_type": "n1-standard-8", "accelerator_model": "NVIDIA_TESLA_T4",
                   "accelerator_count": 1}, "NVIDIA T4", 1, 1, None),
    "t4-how-many": ({"instance_type": "n1-standard-8", "accelerator_model": "nvidia-tesla-t4"},
                    "NVIDIA T4", None, 1, "unknown_accelerator_count"),
    "none-attached": ({"instance_type": "n1-standard-8"}, None, 0, 1, None),
    "g2-custom": ({"instance_type": "g2-custom-20-65536"}, "NVIDIA L4", None, 1,
                  "unknown_accelerator_count"),
    # As nodes of Kubernetes and exporters of metrics label them.
    "label": ({"vcpus": 8, "accelerator_model": "NVIDIA-A100-SXM4-80GB", "accelerator_count": 1},
              A100_80, 1, 1, None),
    "label-h100": ({"vcpus": 8, "accelerator_model": "NVIDIA-H100-80GB-HBM3",
                    "accelerator_count": 8}, "NVIDIA H100 SXM5 80GB", 8, 1, None),
    "shared": ({"vcpus": 8, "accelerator_model": "Tesla-T4-SHARED", "accelerator_count": 1},
               "NVIDIA T4", None, 1, "unknown_accelerator_share"),
    "shared-told": ({"vcpus": 8, "accelerator_model": "Tesla-T4-SHARED", "accelerator_count": 1,
                     "accelerator_share": 0.25}, "NVIDIA T4", 0.25, 1, None),
    "resource": ({"instance_type": "g2-standard-24", "accelerator_model": "nvidia.com/gpu",
                  "accelerator_count": 1}, "NVIDIA L4", 1, 1, None),
    # MIG: compute slices of the device's.
    "mig-label": ({"vcpus": 8, "accelerator_model": "NVIDIA-A100-SXM4-80GB-MIG-3g.40gb",
                   "accelerator_count": 1}, A100_80, 3 / 7, 1, None),
    "mig-smi": ({"vcpus": 8, "accelerator_model": "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
                 "accelerator_count": 2}, A100_40, 2 / 7, 1, None),
    "mig-gres": ({"vcpus": 8, "accelerator_model": "a100_3g.20gb", "accelerator_count": 1},
                 A100_40, 3 / 7, 1, None),
    "mig-gres-80": ({"vcpus": 8, "accelerator_model": "a100_3g.40gb", "accelerator_count": 1},
                    A100_80, 3 / 7, 1, None),
    "mig-resource": ({"vcpus": 8, "accelerator_model": "nvidia.com/mig-1g.5gb",
                      "accelerator_count": 1}, A100_40, 1 / 7, 1, None),
    "mig-more-memory": ({"vcpus": 8, "accelerator_model": "a100-40gb-mig-1g.10gb",
                         "accelerator_count": 1}, A100_40, 1 / 7, 1, None),
    "mig-compute": ({"vcpus": 8, "accelerator_model": "NVIDIA A100-SXM4-40GB MIG 1c.3g.20gb",
                     "accelerator_count": 1}, A100_40, 1 / 7, 1, None),
    "mig-a30": ({"vcpus": 8, "accelerator_model": "NVIDIA-A30-MIG-2g.12gb",
                 "accelerator_count": 1}, "NVIDIA A30", 0.5, 1, None),
    "mig-of-which": ({"vcpus": 8, "accelerator_model": "MIG 3g.40gb", "accelerator_count": 1},
                     "mig 3g.40gb", 3 / 7, 1, "unknown_accelerator"),
    "mig-of-machine": ({"instance_type": "p4d.24xlarge", "accelerator_model": "MIG 3g.20gb",
                        "accelerator_count": 1, "vcpus": 12}, A100_40, 3 / 7, 1, None),
    "mig-how-many": ({"instance_type": "p4d.24xlarge", "accelerator_model": "MIG 3g.20gb",
                      "vcpus": 12}, A100_40, None, 1, "unknown_accelerator_count"),
    "mig-told": ({"vcpus": 8, "accelerator_model": "A100-SXM4-40GB-MIG-1g.5gb",
                  "accelerator_count": 1, "accelerator_share": 0.125}, A100_40, 0.125, 1, None),
    # Boards and dies.
    "k80-die": ({"instance_type": "p2.xlarge"}, "NVIDIA K80 (per GK210 GPU)", 1, 1, None),
    "k80-tool": ({"vcpus": 4, "accelerator_model": "Tesla K80", "accelerator_count": 2},
                 "NVIDIA K80 (per GK210 GPU)", 2, 1, None),
    "k80-board": ({"vcpus": 4, "accelerator_model": "Tesla K80 board", "accelerator_count": 1},
                  "NVIDIA K80 (board)", 1, 1, None),
    "mi250x": ({"vcpus": 64, "accelerator_model": "AMD Instinct MI250X / MI250",
                "accelerator_count": 8}, "AMD Instinct MI250X", 4, 1, None),
    "mi300x": ({"vcpus": 96, "accelerator_model": "AMD Instinct MI300X OAM",
                "accelerator_count": 8}, "AMD Instinct MI300X", 8, 1, None),
    # TPUs: chips.
    "v2-8": ({"vcpus": 96, "accelerator_model": "v2-8"}, "Google TPU v2", 4, 1, None),
    "v3-32": ({"vcpus": 96, "accelerator_model": "v3-32", "instance_count": 4}, "Google TPU v3",
              16, 4, None),
    "v4-8": ({"vcpus": 240, "accelerator_model": "tpu-v4-podslice", "tpu_topology": "2x2x1"},
             "Google TPU v4", 4, 1, None),
    "tpu-v3": ({"vcpus": 96, "accelerator_model": "TPU_V3", "accelerator_count": 8},
               "Google TPU v3", 4, 1, None),
    "tpu-v4": ({"instance_type": "ct4p-hightpu-4t", "accelerator_model": "TPU_V4"},
               "Google TPU v4", 4, 1, None),
    "v5e-8": ({"vcpus": 24, "accelerator_model": "v5litepod-8"}, "Google TPU v5e", 8, 1,
              "no_published_power"),
    "v5e-8-once": ({"vcpus": 24, "accelerator_model": "v5litepod-8", "accelerator_count": 1},
                   "Google TPU v5e", 8, 1, "no_published_power"),
    "v5e-2x4": ({"instance_type": "ct5lp-hightpu-4t", "accelerator_model": "TPU_V5_LITEPOD",
                 "tpu_topology": "2x4"}, "Google TPU v5e", 8, 2, "no_published_power"),
    "v5e-label": ({"vcpus": 24, "accelerator_model": "tpu-v5-lite-podslice 2x4"},
                  "Google TPU v5e", 8, 1, "no_published_power"),
    "v5p-8": ({"vcpus": 208, "accelerator_model": "v5p-8"}, "Google TPU v5p", 4, 1,
              "no_published_power"),
    "ct6e": ({"instance_type": "ct6e-standard-4t"}, "Google TPU v6e", 4, 1, "no_published_power"),
    # AWS's own.
    "trn1": ({"instance_type": "ml.trn1.32xlarge", "accelerator_model": "aws.amazon.com/neuron"},
             "AWS Trainium1", 16, 1, "no_published_power"),
    "inf2": ({"vcpus": 4, "accelerator_model": "inferentia2", "accelerator_count": 1},
             "AWS Inferentia2", 1, 1, "no_published_power"),
    "nobody-knows": ({"vcpus": 4, "accelerator_model": "Abacus 9000", "accelerator_count": 1},
                     "Abacus 9000", 1, 1, "unknown_accelerator"),
}  # fmt: skip

# What a region is called, with the provider or without: (provider, as told, zone, region).
REGION_NAMES = [
    ("aws", "US-EAST-1", None, "us-east-1"),
    (None, "eu-west-1a", None, "eu-west-1"),
    (None, "us-west-2-lax-1a", None, "us-west-2"),
    ("aws", "us-east-1-wl1-bos-wlz-1", None, "us-east-1"),
    ("aws", "use1-az4", None, "us-east-1"),
    ("aws", "usw2-lax1-az1", None, "us-west-2"),
    ("Amazon Web Services", "EU (Ireland)", None, "eu-west-1"),
    ("aws", "US East (N. Virginia)", None, "us-east-1"),
    ("aws", None, "us-gov-west-1b", "us-gov-west-1"),
    (None, "us-central1-a", None, "us-central1"),
    ("gcp", "projects/p/zones/europe-west4-b", None, "europe-west4"),
    ("Google Cloud", "us-central1-ai1a", None, "us-central1"),
    ("gcp", "USEAST1", None, "us-east1"),
    ("gcp", "us", "us-central1-b", "us-central1"),
    ("azure", "East US", None, "eastus"),
    (None, "EastUS", None, "eastus"),
    ("Microsoft", "US East 2", None, "eastus2"),
    ("azure", "(Europe) West Europe", None, "westeurope"),
    ("azure", "westeurope-2", None, "westeurope"),
    ("azure", "eu west", None, "westeurope"),
]

# What is no one region, and what only the provider could tell.
NO_REGION = [
    ("gcp", "us", "multi_region"),
    ("gcp", "EU", "multi_region"),
    ("gcp", "europe", "multi_region"),
    ("gcp", "nam4", "multi_region"),
    ("aws", "global", "global_region"),
    (None, "Global", "global_region"),
    (None, "useast1", "unknown_region"),
    (None, "Paris", "unknown_region"),
    ("coreweave", "us-east-1", "no_pue"),
    ("aws", "us-east-9", "unknown_region"),
]


def events() -> Iterator[str]:
    for region in REGIONS:
        for year in YEARS:
            yield event(
                f"region/{region['provider_code']}/{region['region']}/{year}",
                year,
                provider=region["provider_code"],
                region=region["region"],
                vcpus=4,
                memory_gib=16,
            )
    listed = [(row["provider_code"], row["instance_type"]) for row in TYPES]
    checked = [(row["provider"], row["instance_type"]) for row in CHECKED_TYPES]
    named = [
        (provider, name)
        for name in NAMED
        for provider in (
            "azure" if name.startswith("Standard") else "aws" if "." in name else "gcp",
        )
    ]
    pairs = OTHER_NAMES + SAME_SIZES
    others = [(provider, name) for first, provider, other in pairs for name in (first, other)]
    for provider, name in dict.fromkeys(listed + checked + named + others):
        yield event(
            f"type/{provider}/{name}", provider=provider, region=HOME[provider], instance_type=name
        )
    for provider, region, zone, _ in REGION_NAMES:
        yield event(
            f"place/{provider}/{region}/{zone}",
            provider=provider,
            region=region,
            zone=zone,
            vcpus=4,
        )
    for name, (fields, *_) in ACCELERATORS.items():
        machine = str(fields.get("instance_type", ""))
        provider = "aws" if "." in machine or not machine else "gcp"
        yield event(f"accelerator/{name}", provider=provider, region=HOME[provider], **fields)
    for provider, region, _ in NO_REGION:
        yield event(f"nowhere/{provider}/{region}", provider=provider, region=region, vcpus=4)


# A line of the bill, and the machine and region that it is an hour of.
LINES = [
    ("AWS", "EUW1-BoxUsage:m5.xlarge", "", "EU (Ireland)", "aws", "m5.xlarge", "eu-west-1"),
    ("AWS", "", "$0.2 per On Demand m5.xlarge Instance Hour", "eu-west-1a", "aws", "m5.xlarge", ""),
    ("Microsoft", "D4s v5", "Virtual Machines Dsv5 Series - D4s v5 - EU West", "EU West", "azure",
     "Standard_D4s_v5", "westeurope"),
    ("Microsoft", "", "Virtual Machines NCasT4 v3 Series - NC4as T4 v3 - EU West", "westeurope",
     "azure", "Standard_NC4as_T4_v3", ""),
    ("Microsoft", "E64-16s v5", "Virtual Machines Esv5 Series", "westeurope", "azure",
     "Standard_E64-16s_v5", ""),
    ("Google Cloud", "", "Vertex AI training on a2-highgpu-1g in Belgium", "europe-west1", "gcp",
     "a2-highgpu-1g", ""),
]  # fmt: skip


def bill() -> str:
    out = StringIO()
    columns = """
        BillingAccountId BillingPeriodStart BillingPeriodEnd ChargePeriodStart ChargePeriodEnd
        ChargeCategory ProviderName ServiceName SkuMeter ChargeDescription RegionId
        ConsumedQuantity ConsumedUnit BilledCost EffectiveCost BillingCurrency
    """
    writer = csv.DictWriter(out, columns.split())
    writer.writeheader()
    services = {
        "aws": "Amazon Elastic Compute Cloud",
        "azure": "Virtual Machines",
        "gcp": "Vertex AI",
    }
    for day, (name, meter, text, region, provider, *_) in enumerate(LINES, start=1):
        writer.writerow(
            {
                "BillingAccountId": "1",
                "BillingPeriodStart": "2026-06-01T00:00:00Z",
                "BillingPeriodEnd": "2026-07-01T00:00:00Z",
                "ChargePeriodStart": f"2026-06-{day:02}T12:00:00Z",
                "ChargePeriodEnd": f"2026-06-{day:02}T13:00:00Z",
                "ChargeCategory": "Usage",
                "ProviderName": name,
                "ServiceName": services[provider],
                "SkuMeter": meter,
                "ChargeDescription": text,
                "RegionId": region,
                "ConsumedQuantity": "1",
                "ConsumedUnit": "Hours",
                "BilledCost": "1",
                "EffectiveCost": "1",
                "BillingCurrency": "USD",
            }
        )
    return out.getvalue()


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    lines = "\n".join(events()) + "\n"
    return night("coverage", CONFIG, {"events/all.jsonl": lines, "bills/june.csv": bill()})


def runs(marts: Any, kind: str) -> dict[str, dict[str, Any]]:
    rows = marts.rows("select * from fct_runs where run_id like ?", f"{kind}/%")
    return {row["run_id"].removeprefix(f"{kind}/"): row for row in rows}


def shares(counts: Counter[str], title: str) -> dict[str, float]:
    """Shares of a whole, printed: `pytest -s` shows the table."""
    total = sum(counts.values())
    print(f"\n{title} ({total})")
    for name, count in counts.most_common():
        print(f"  {count / total:7.1%}  {name}")
    return {name: count / total for name, count in counts.items()}


def test_every_region_has_a_zone_a_pue_and_a_grid_factor(marts: Any) -> None:
    found = runs(marts, "region")
    assert len(found) == len(REGIONS) * len(YEARS) > 900
    for name, run in found.items():
        assert run["factor_resolution"] != "missing", name
        assert run["pue_resolution"], name
        assert run["grid_zone_id"], name
        assert run["emissions_location_g_co2e"] is not None, name
        assert run["missing_reason"] is None, name


def test_the_rungs_of_regions_do_not_get_worse_unseen(marts: Any) -> None:
    this_year = [run for name, run in runs(marts, "region").items() if name.endswith("/2026")]
    grid = shares(Counter(run["factor_resolution"] for run in this_year), "grid factor of regions")
    pue = shares(Counter(run["pue_resolution"] for run in this_year), "PUE of regions")
    assert "missing" not in grid and "world_yearly" not in grid
    assert grid["country_yearly"] < 0.54
    assert pue["fleet_yearly"] < 0.55
    assert pue.get("tool_default", 0) == 0


def test_every_machine_has_power_unless_none_is_published(marts: Any) -> None:
    found = runs(marts, "type")
    without_power = {
        row["accelerator_model"]
        for row in marts.rows("select * from dim_accelerator where missing_reason is not null")
    }
    missing = Counter[str]()
    for row in TYPES:
        run = found[f"{row['provider_code']}/{row['instance_type']}"]
        if run["it_energy_kwh"] is None:
            assert run["missing_reason"] == "no_published_power", row["instance_type"]
            assert run["accelerator_model"] in without_power, row["instance_type"]
            missing[row["accelerator_model"]] += 1
        else:
            assert run["it_energy_kwh"] > 0, row["instance_type"]
    assert shares(missing, "machines whose accelerator has no published power")
    assert missing.total() <= 26


def test_the_sources_of_power_do_not_get_worse_unseen(marts: Any) -> None:
    rows = marts.rows(
        "select power_factor_key from fct_run_energy_inputs where component = 'cpu' "
        "and run_id in (select unnest(?))",
        [f"type/{row['provider_code']}/{row['instance_type']}" for row in TYPES],
    )
    found = shares(
        Counter(row["power_factor_key"].rsplit(", ", 1)[1] for row in rows),
        "source of the processor's power",
    )
    assert len(rows) == len(TYPES)
    assert found["specpower_load_curve"] >= 0.43
    assert found["ccf_default_unknown_cpu"] <= 0.10
    assert found["ccf_published"] <= 0.16


@pytest.mark.skipif(not CHECKED_TYPES, reason="the reference folder is not beside the repository")
def test_names_reproduce_vcpus_and_memory_of_machines_that_no_list_has(marts: Any) -> None:
    named = {
        (row["provider"], row["instance_type"].lower()): row
        for row in marts.rows("select * from dim_instance_type")
    }
    right, wrong = Counter[str](), []
    for row in CHECKED_TYPES:
        machine = named.get((row["provider"], row["instance_type"].lower()))
        if (
            machine
            and machine["vcpus"] == float(row["vcpus"])
            and machine["memory_gib"] == pytest.approx(float(row["memory_gib"]), rel=0.01)
        ):
            assert machine["hardware_origin"].startswith("by the naming rules "), machine
            right[row["provider"]] += 1
        else:
            wrong.append(row["instance_type"])
    print("\nnot reproduced:", wrong)
    for provider, total in Counter(row["provider"] for row in CHECKED_TYPES).items():
        assert right[provider] / total >= 0.98, (provider, wrong)


@pytest.mark.parametrize("name", NAMED)
def test_a_size_that_no_list_has_is_read_from_its_name(marts: Any, name: str) -> None:
    (machine,) = marts.rows(
        "select * from dim_instance_type where lower(instance_type) = ?", name.lower()
    )
    vcpus, powered_vcpus, memory_gib, microarchitecture = NAMED[name]
    assert machine["vcpus"] == vcpus
    assert machine["memory_gib"] == pytest.approx(memory_gib)
    assert machine["cpu_microarchitecture"] == microarchitecture
    assert machine["hardware_origin"].startswith("by the naming rules ")
    run_id = f"type/{machine['provider']}/{name}"
    cpu = marts.components(run_id)["cpu"]
    assert cpu["quantity"] == powered_vcpus
    assert marts.run(run_id)["vcpu_hours"] == vcpus


def test_constrained_vcpus_use_the_energy_of_the_parent_size(marts: Any) -> None:
    found = runs(marts, "type")
    constrained, parent = found["azure/Standard_E64-16s_v5"], found["azure/Standard_E64s_v5"]
    assert constrained["it_energy_kwh"] == parent["it_energy_kwh"]
    assert (constrained["vcpu_hours"], parent["vcpu_hours"]) == (16, 64)
    assert found["azure/Standard_DS11-1_v2"]["it_energy_kwh"] == pytest.approx(
        found["azure/Standard_DS11_v2"]["it_energy_kwh"], rel=0.01
    )


@pytest.mark.parametrize(("name", "provider", "other"), OTHER_NAMES)
def test_a_machine_is_found_by_any_of_its_names(
    marts: Any, name: str, provider: str, other: str
) -> None:
    found = runs(marts, "type")
    run, same = found[f"{provider}/{name}"], found[f"{provider}/{other}"]
    assert same["it_energy_kwh"] == pytest.approx(run["it_energy_kwh"])
    assert same["accelerator_model"] == run["accelerator_model"]
    assert same["instance_type"] == other  # published as it was told


@pytest.mark.parametrize(("name", "provider", "other"), SAME_SIZES)
def test_a_custom_size_is_near_the_listed_one(
    marts: Any, name: str, provider: str, other: str
) -> None:
    found = runs(marts, "type")
    run, same = found[f"{provider}/{name}"], found[f"{provider}/{other}"]
    assert same["it_energy_kwh"] == pytest.approx(run["it_energy_kwh"], rel=0.1)
    assert same["accelerator_hours"] == run["accelerator_hours"]


@pytest.mark.parametrize(("provider", "told", "zone", "region"), REGION_NAMES)
def test_a_region_is_found_by_any_of_its_names(
    marts: Any, provider: str | None, told: str | None, zone: str | None, region: str
) -> None:
    run = marts.run(f"place/{provider}/{told}/{zone}")
    assert run["region"] == region
    assert run["missing_reason"] is None
    assert run["grid_zone_id"]


@pytest.mark.parametrize(("provider", "told", "reason"), NO_REGION)
def test_what_is_no_one_region_says_so(
    marts: Any, provider: str | None, told: str, reason: str
) -> None:
    run = marts.run(f"nowhere/{provider}/{told}")
    assert run["emissions_location_g_co2e"] is None
    assert run["missing_reason"] == reason
    assert run["region"] == told


@pytest.mark.parametrize("name", ACCELERATORS)
def test_accelerators_are_told_by_their_names(marts: Any, name: str) -> None:
    _, model, devices, machines, reason = ACCELERATORS[name]
    run = marts.run(f"accelerator/{name}")
    assert (run["accelerator_model"] or "").lower() == (model or "").lower()
    assert run["accelerator_count"] == (None if devices is None else pytest.approx(devices))
    assert run["accelerator_hours"] == run["accelerator_count"]
    assert run["instance_count"] == machines
    assert run["missing_reason"] == reason
    component = marts.components(f"accelerator/{name}").get("accelerator")
    if reason is None and devices:
        assert component["quantity"] == pytest.approx(devices)
        assert component["it_energy_kwh"] > 0
    elif devices == 0:
        assert component is None
    else:
        assert component["missing_reason"] == reason


def test_a_die_draws_half_of_its_board(marts: Any) -> None:
    def max_w(name: str) -> float:
        return float(marts.components(f"accelerator/{name}")["accelerator"]["max_w_per_unit"])

    assert max_w("k80-tool") == 149
    assert max_w("k80-board") == 300
    energy = marts.components("accelerator/mi250x")["accelerator"]["it_energy_kwh"]
    assert energy < 4 * 0.5  # four modules of 500 W for an hour, not eight


def test_lines_of_the_bill_find_the_same_machines_and_regions(marts: Any) -> None:
    # Runs of the same machines may have taken a part of a line at its own price.
    rows = marts.rows(
        "select usage_date, min(instance_type) as instance_type, min(region) as region, "
        "sum(x_energy_kwh) as x_energy_kwh from fct_billing_daily group by usage_date"
    )
    lines = {row["usage_date"].day: row for row in rows}
    machines = {
        (row["provider"], row["instance_type"].lower()): row["default_power_w"]
        for row in marts.rows("select * from dim_instance_type")
    }
    for day, (_, meter, text, told, provider, machine, region) in enumerate(LINES, start=1):
        line = lines[day]
        assert line["instance_type"] == machine.lower(), meter or text
        assert line["region"] == (region or HOME[provider]), told
        power_w = machines[provider, machine.lower()]
        assert line["x_energy_kwh"] / (power_w / 1000) == pytest.approx(
            {"aws": 1.14, "azure": 1.16, "gcp": 1.09}[provider], rel=0.05
        )
