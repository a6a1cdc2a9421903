"""Runs whose figures were worked out by hand from docs/methodology.md and the seeds."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

SEEDS = Path(__file__).parents[2] / "seeds"
CONFIG = """
[reporting]
currency = "EUR"

[sources.run_events]
path = "events"

[sites.cellar]
grid_zone = "FR"
pue = 1.5
price_per_device_hour = 2.0
price_per_vcpu_hour = 0.05
price_currency = "EUR"

[sites.cellar.hosts.a100-node]
vcpus = 128
memory_gib = 1024
cpu_model = "AMD EPYC 7763"
accelerator_model = "A100-SXM4-80GB"
accelerator_count = 8
"""


def event(run_id: str, hours: float, instance_type: str | None, region: str, **more: Any) -> str:
    return json.dumps(
        {
            "event_id": f"{run_id}-finished",
            "event_type": "finished",
            "event_time": "2026-02-10T12:00:00Z",
            "run_id": run_id,
            "job_name": "known-case",
            "status": "succeeded",
            "duration_s": hours * 3600,
            "instance_type": instance_type,
            "region": region,
        }
        | more
    )


EVENTS = [
    event("m5", 100, "m5.xlarge", "eu-west-1"),
    event("m5-ireland-2024", 100, "m5.xlarge", "eu-west-1", event_time="2024-06-10T12:00:00Z"),
    event("m5-busy", 100, "m5.xlarge", "eu-west-1", cpu_utilization_ratio=0.3),
    event("p4d", 10, "p4d.24xlarge", "us-east-1", workload_kind="training"),
    event("p4d-sagemaker", 10, "ml.p4d.24xlarge", "us-east-1", workload_kind="training"),
    event("p4d-purpose-unknown", 10, "p4d.24xlarge", "us-east-1"),
    event("p4d-two", 10, "p4d.24xlarge", "us-east-1", workload_kind="training", instance_count=2),
    event("p5", 1, "p5.48xlarge", "us-east-1", workload_kind="training"),
    event("a2", 10, "a2-highgpu-1g", "us-central1", workload_kind="training"),
    event("nobody-knows", 10, "zz9.plural", "eu-west-1"),
    event("unknown-place", 10, "m5.xlarge", "atlantis-1"),
    event("no-power-published", 10, "trn1.32xlarge", "us-east-1"),
    *(
        event(
            f"cellar-{half}",
            10,
            "a100-node",
            "cellar",
            workload_kind="training",
            vcpus=64,
            memory_gib=512,
            accelerator_count=4,
            accelerator_utilization_ratio=0.5,
        )
        for half in ("left", "right")
    ),
    event("cellar-whole", 10, "a100-node", "cellar", accelerator_utilization_ratio=0.5),
    event(
        "metered",
        1,
        "p4d.24xlarge",
        "us-east-1",
        energy=[
            {
                "component": "accelerator",
                "device_id": f"GPU-{device}",
                "method": "nvml_energy",
                "boundary": "component",
                "from": "2026-02-10T11:00:00Z",
                "to": "2026-02-10T12:00:00Z",
                "energy_j": 0.3 * 3.6e6,
            }
            for device in range(8)
        ],
    ),
    event(
        "metered-at-the-node",
        1,
        "m5.xlarge",
        "eu-west-1",
        energy=[
            {
                "component": "all",
                "device_id": "node-1",
                "method": "ipmi",
                "boundary": "node",
                "from": "2026-02-10T11:00:00Z",
                "to": "2026-02-10T11:30:00Z",
                "energy_j": 0.02 * 3.6e6,
            }
        ],
    ),
]


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    return night("known_cases", CONFIG, {"events/known.jsonl": "\n".join(EVENTS) + "\n"})


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-9)


# Cascade Lake, whole server, at 50 %: 1.7411 W per vCPU; its coefficient holds 96 GiB per chip.
# m5: platform of 96 vCPUs, 384 GiB, 2 chips, so half of its memory lies above what is held.
M5_CPU_KWH = 4 * 1.7411 * 100 / 1000
M5_MEMORY_KWH = 16 * (1 - 2 * 96 / 384) * 0.392 * 100 / 1000


def test_m5_xlarge_100_hours_in_ireland(marts: Any) -> None:
    run = marts.run("m5")
    it = M5_CPU_KWH + M5_MEMORY_KWH
    assert run["it_energy_kwh"] == close(it)  # 1.01004 kWh
    # AWS reports no PUE for 2026 yet; the latest is the fleet's of 2025.
    assert (run["pue_ratio"], run["pue_resolution"], run["pue_age_years"]) == (
        1.14,
        "fleet_yearly",
        1,
    )
    assert run["facility_energy_kwh"] == close(it * 1.14)
    # Ireland, Ember, 2025.
    assert run["emissions_location_g_co2e"] == close(it * 1.14 * 256.54)
    assert (run["factor_resolution"], run["factor_age_years"]) == ("country_yearly", 1)
    assert (run["provider"], run["energy_method"]) == ("aws", "allocation")
    assert run["vcpu_hours"] == close(400)
    assert run["ghg_scope"] == "scope_3_category_1"


def test_an_older_run_takes_the_factors_of_its_year(marts: Any) -> None:
    run = marts.run("m5-ireland-2024")
    # The geography's PUE of 2024 goes before the fleet's of the same year; Ember, Ireland, 2024.
    assert (run["pue_ratio"], run["pue_resolution"]) == (1.11, "geography_yearly")
    assert run["emissions_location_g_co2e"] == close((M5_CPU_KWH + M5_MEMORY_KWH) * 1.11 * 279.79)


def test_a_known_utilisation_is_read_between_the_points_of_the_curve(marts: Any) -> None:
    cpu = marts.components("m5-busy")["cpu"]
    assert cpu["energy_method"] == "utilization"
    assert cpu["power_w_per_unit"] == close(1.0625 + (1.7411 - 1.0625) * (0.3 - 0.1) / 0.4)


def typical_ratio(zone: str, month: int, hours: Sequence[int]) -> float:
    """Mean of a zone's typical ratios over hours of its local clock."""
    with (SEEDS / "factors" / "hourly_profiles.csv").open(newline="") as file:
        ratios = {
            int(row["hour_local"]): float(row["intensity_ratio"])
            for row in csv.DictReader(file)
            if row["grid_zone_id"] == zone and int(row["month"]) == month
        }
    return sum(ratios[hour] for hour in hours) / len(hours)


PJM_NIGHT = typical_ratio("US-MIDA-PJM", 2, [21, 22, 23, *range(7)])
P4D_HOST_KWH = (96 * 1.7411 + 1152 * (1 - 2 * 96 / 1152) * 0.392) * 10 / 1000
P4D_KWH = 8 * 400 * 0.7 * 10 / 1000 + P4D_HOST_KWH


@pytest.mark.parametrize("run_id", ["p4d", "p4d-sagemaker"])
def test_p4d_trains_at_the_published_share_of_its_maximum(marts: Any, run_id: str) -> None:
    run = marts.run(run_id)
    assert run["it_energy_kwh"] == close(P4D_KWH)  # 27.834656 kWh
    assert run["facility_energy_kwh"] == close(P4D_KWH * 1.14)
    # Virginia, eGRID 2023, in the shape of PJM's days: ten hours to noon UTC in February, which
    # are 21 o'clock to 6 o'clock in New York.
    assert run["emissions_location_g_co2e"] == close(P4D_KWH * 1.14 * 244.76 * PJM_NIGHT)
    assert (run["factor_resolution"], run["factor_zone"]) == ("hourly_profile", "US-VA")
    assert run["accelerator_model"] == "NVIDIA A100 SXM4 40GB"
    assert run["accelerator_hours"] == close(80)


def test_two_machines_use_twice_the_energy(marts: Any) -> None:
    assert marts.run("p4d-two")["it_energy_kwh"] == close(2 * P4D_KWH)


def test_an_unknown_purpose_takes_the_default_utilisation(marts: Any) -> None:
    # g(0.6) = 0.6 + (1 - 0.6) * 0.1 / 0.5 = 0.68, between 55.3 W and 400 W.
    accelerator = marts.components("p4d-purpose-unknown")["accelerator"]
    assert accelerator["it_energy_kwh"] == close(8 * (55.3 + (400 - 55.3) * 0.68) * 10 / 1000)


def test_p5_trains_at_85_percent(marts: Any) -> None:
    # EPYC 3rd generation at 50 %: 1.0977 W; 2 chips hold 256 of 2048 GiB.
    it = (8 * 700 * 0.85 + 192 * 1.0977 + 2048 * (1 - 256 / 2048) * 0.392) / 1000
    assert marts.run("p5")["it_energy_kwh"] == close(it)


def test_a2_on_google_cloud_takes_googles_own_region_figure(marts: Any) -> None:
    run = marts.run("a2")
    # A platform of 96 vCPUs has 85 / 12 * 96 = 680 GiB, of which 192 are held.
    it = (400 * 0.7 + 12 * 1.7411 + 85 * (1 - 192 / 680) * 0.392) * 10 / 1000
    assert run["it_energy_kwh"] == close(it)
    assert run["provider"] == "gcp"
    assert run["emissions_location_g_co2e"] == close(it * 1.09 * 431.95)
    assert run["factor_resolution"] == "region_yearly"


def test_two_jobs_on_one_node_are_the_node(marts: Any) -> None:
    left, right, whole = (marts.run(f"cellar-{part}") for part in ("left", "right", "whole"))
    # A100 80 GB at 50 %: 65 + (400 - 65) * 0.6; EPYC 7763 is of the 3rd generation.
    it = (8 * (65 + 335 * 0.6) + 128 * 1.0977 + 1024 * (1 - 128 / 1024) * 0.392) * 10 / 1000
    assert whole["it_energy_kwh"] == close(it)
    assert left["it_energy_kwh"] == right["it_energy_kwh"] == close(it / 2)
    assert left["facility_energy_kwh"] == close(it / 2 * 1.5)
    assert left["emissions_location_g_co2e"] == close(it / 2 * 1.5 * 41.44)
    assert (left["provider"], left["ghg_scope"]) == ("on_premise", "scope_2")
    assert (left["effective_cost"], left["cost_method"], left["is_imputed"]) == (
        close(4 * 10 * 2.0),
        "site_rate",
        True,
    )


def test_a_type_nobody_knows_is_unknown_and_never_zero(marts: Any) -> None:
    run = marts.run("nobody-knows")
    assert run["it_energy_kwh"] is None
    assert run["facility_energy_kwh"] is None
    assert run["emissions_location_g_co2e"] is None
    assert (run["energy_method"], run["missing_reason"]) == ("missing", "unknown_instance_type")


def test_a_place_nobody_knows_has_energy_but_no_emissions(marts: Any) -> None:
    run = marts.run("unknown-place")
    assert run["it_energy_kwh"] == close((M5_CPU_KWH + M5_MEMORY_KWH) / 10)
    assert run["emissions_location_g_co2e"] is None
    assert run["missing_reason"] == "unknown_region"


def test_an_accelerator_without_published_power_says_so(marts: Any) -> None:
    run = marts.run("no-power-published")
    assert run["it_energy_kwh"] is None
    assert run["missing_reason"] == "no_published_power"


def test_a_meter_on_every_device_goes_before_the_model(marts: Any) -> None:
    run = marts.run("metered")
    accelerator = marts.components("metered")["accelerator"]
    assert accelerator["energy_method"] == "measured"
    assert accelerator["it_energy_kwh"] == close(8 * 0.3)
    assert run["energy_method"] == "measured"
    assert run["it_energy_kwh"] == close(8 * 0.3 + P4D_HOST_KWH / 10)
    assert run["measured_energy_ratio"] == close(8 * 0.3 / (8 * 0.3 + P4D_HOST_KWH / 10))


def test_half_an_hour_at_the_node_leaves_the_other_half_to_the_model(marts: Any) -> None:
    (component,) = marts.components("metered-at-the-node").values()
    assert (component["component"], component["boundary"]) == ("all", "node")
    assert component["energy_method"] == "measured_partial"
    modelled = (M5_CPU_KWH + M5_MEMORY_KWH) / 100
    assert component["it_energy_kwh"] == close(0.02 + 0.5 * modelled)
