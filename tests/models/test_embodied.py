"""Embodied emissions, water and software carbon intensity of runs, worked out by hand from
docs/methodology.md and the seeds."""

import json
from typing import Any

import pytest

CONFIG = """
[reporting]
currency = "EUR"

[sources.run_events]
path = "events"

[sites.cellar]
grid_zone = "FR"
pue = 1.5
wue_l_per_kwh = 0.4

[sites.cellar.hosts.a100-node]
vcpus = 128
memory_gib = 1024
cpu_model = "AMD EPYC 7763"
accelerator_model = "A100-SXM4-80GB"
accelerator_count = 8

[sites.cellar.hosts.nameless]
vcpus = 32
memory_gib = 128

[sites.creek]
grid_zone = "FR"
pue = 1.2
wue_l_per_kwh = 0.0

[sites.untold]
grid_zone = "FR"
pue = 1.2
"""
LIFE_HOURS = 4 * 8760
A100_80 = {"accelerator_model": "A100-SXM4-80GB", "accelerator_count": 4}


def event(
    run_id: str, hours: float | None, instance_type: str | None, region: str, **more: Any
) -> str:
    given = {
        "event_id": f"{run_id}-{more.get('attempt', 1)}",
        "event_type": "finished",
        "event_time": "2026-02-10T12:00:00Z",
        "run_id": run_id,
        "job_name": "made",
        "status": "succeeded",
        "duration_s": None if hours is None else hours * 3600,
        "instance_type": instance_type,
        "region": region,
    }
    return json.dumps({k: v for k, v in (given | more).items() if v is not None})


EVENTS = [
    event("no-gpu", 100, "m5.xlarge", "eu-west-1"),
    event("no-gpu-first-half", 50, "m5.xlarge", "eu-west-1"),
    event("no-gpu-second-half", 50, "m5.xlarge", "eu-west-1"),
    event("two-attempts", 40, "m5.xlarge", "eu-west-1", status="failed", attempt=1),
    event("two-attempts", 60, "m5.xlarge", "eu-west-1", attempt=2),
    event("sagemaker", 10, "ml.p4d.24xlarge", "us-east-1"),
    event("gpus", 10, "p4d.24xlarge", "us-east-1"),
    event("gpus-two-machines", 10, "p4d.24xlarge", "us-east-1", instance_count=2),
    event("vendor-footprint", 1, "p5.48xlarge", "us-east-1"),
    event("slice", 10, "a2-highgpu-1g", "us-central1", accelerator_share=0.5),
    event("constrained", 10, "Standard_DS11-1_v2", "francecentral"),
    event("other-size", 10, "n2-highmem-8", "us-central1"),
    event("not-listed", 10, "m8i.xlarge", "us-east-1"),
    event("host-whole", 10, "a100-node", "cellar"),
    event("host-part", 10, "a100-node", "cellar", vcpus=64, memory_gib=512, **A100_80),
    event("host-other-part", 10, "a100-node", "cellar", vcpus=64, memory_gib=512, **A100_80),
    event("host-more-than-whole", 10, "a100-node", "cellar", vcpus=256),
    event("host-nameless", 10, "nameless", "cellar"),
    event("unknown-type", 10, "zz9.plural", "eu-west-1"),
    event("unknown-type-with-vcpus", 10, "zz9.plural", "eu-west-1", vcpus=16, memory_gib=64),
    event("unknown-accelerator", 10, "m5.xlarge", "eu-west-1",
          accelerator_model="Abacus 9000", accelerator_count=1),
    event("no-figure", 10, "trn1.32xlarge", "us-east-1"),
    event("no-duration", None, "m5.xlarge", "eu-west-1", event_type="started", status=None),
    event("older", 100, "m5.xlarge", "eu-west-1", event_time="2024-06-10T12:00:00Z"),
    event("creek", 10, "m5.xlarge", "creek", vcpus=4, memory_gib=16),
    event("untold", 10, "m5.xlarge", "untold", vcpus=4, memory_gib=16),
    event("predicts", 100, "m5.xlarge", "eu-west-1",
          metrics={"predictions_served": 2000, "accuracy": 0.91, "tokens_per_second": 5}),
    event("two-units", 100, "m5.xlarge", "eu-west-1",
          metrics={"tokens_processed": 1e6, "total_tokens": 2e6, "images": 10}),
    event("zero", 100, "m5.xlarge", "eu-west-1", metrics={"rows_scored": 0}),
    event("negative", 100, "m5.xlarge", "eu-west-1", metrics={"rows_scored": -5}),
    event("accuracy-only", 100, "m5.xlarge", "eu-west-1", metrics={"val/accuracy": 0.9}),
    event("units-of-unknown", 10, "zz9.plural", "eu-west-1", metrics={"predictions": 5}),
    event("units-unknown-made", 10, "m5.xlarge", "eu-west-1", metrics={"predictions": 5},
          accelerator_model="Abacus 9000", accelerator_count=1),
    event("retried", 50, "m5.xlarge", "eu-west-1", attempt=1, status="failed",
          metrics={"predictions": 9000}),
    event("retried", 50, "m5.xlarge", "eu-west-1", attempt=2, metrics={"predictions": 1000}),
    event("retried", None, "m5.xlarge", "eu-west-1", attempt=2, event_type="heartbeat",
          event_id="late", event_time="2026-02-10T13:00:00Z", status=None,
          metrics={"predictions": 10}),
]  # fmt: skip


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    # The file twice, under two names: copies of events are no further work.
    lines = "\n".join(EVENTS) + "\n"
    return night("embodied", CONFIG, {"events/a.jsonl": lines, "events/b.jsonl": lines})


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-9)


def parts(marts: Any, run_id: str) -> dict[str, dict[str, Any]]:
    rows = marts.rows("select * from fct_run_embodied where run_id = ? and attempt = 1", run_id)
    return {row["part"]: row for row in rows}


def grams(kg: float, hours: float) -> float:
    return kg * 1000 * hours / LIFE_HOURS


# --- embodied ---

# m5: a server of 1610.79 kg and 96 vCPUs.
M5_XLARGE_100_H = grams(1610.79 * 4 / 96, 100)  # 191.54 g
# p4d: 4676.79 kg with 8 cards of 150 kg taken off; an A100 of 40 GB is 127.6 kg.
P4D_10_H = grams(4676.79 - 8 * 150, 10) + grams(8 * 127.6, 10)


def test_a_machine_without_gpus_pays_its_part_of_the_server(marts: Any) -> None:
    run = marts.run("no-gpu")
    assert run["emissions_embodied_g_co2e"] == close(M5_XLARGE_100_H)
    assert run["embodied_method"] == "ccf_server_components"
    assert run["missing_embodied_reason"] is None
    (part,) = parts(marts, "no-gpu").values()
    assert (part["part"], part["source_id"]) == ("server", "ccf_coefficients")


def test_two_halves_of_a_run_are_the_whole(marts: Any) -> None:
    halves = [marts.run(f"no-gpu-{half}-half") for half in ("first", "second")]
    total = sum(run["emissions_embodied_g_co2e"] for run in halves)
    assert total == close(marts.run("no-gpu")["emissions_embodied_g_co2e"])
    assert sum(run["water_l"] for run in halves) == close(marts.run("no-gpu")["water_l"])


def test_a_failed_attempt_held_its_server_too(marts: Any) -> None:
    assert marts.run("two-attempts")["emissions_embodied_g_co2e"] == close(M5_XLARGE_100_H)


@pytest.mark.parametrize("run_id", ["gpus", "sagemaker"])
def test_gpus_are_counted_once_beside_their_server(marts: Any, run_id: str) -> None:
    assert marts.run(run_id)["emissions_embodied_g_co2e"] == close(P4D_10_H)
    found = parts(marts, run_id)
    assert found["server"]["kg_co2e"] == close(3476.79)
    assert found["accelerator"]["embodied_method"] == "product_footprint"
    assert (found["accelerator"]["low_kg_co2e"], found["accelerator"]["high_kg_co2e"]) == (
        127.6,
        319.3,
    )


def test_two_machines_are_twice_one(marts: Any) -> None:
    assert marts.run("gpus-two-machines")["emissions_embodied_g_co2e"] == close(2 * P4D_10_H)


def test_the_vendors_footprint_goes_before_the_component_model(marts: Any) -> None:
    # The platform's figure of a p5 holds no card.
    found = parts(marts, "vendor-footprint")
    assert (found["accelerator"]["kg_co2e"], found["accelerator"]["high_kg_co2e"]) == (164, 575.1)
    assert marts.run("vendor-footprint")["emissions_embodied_g_co2e"] == close(
        grams(5700 + 8 * 164, 1)
    )


def test_a_slice_of_a_gpu_is_a_part_of_its_manufacture(marts: Any) -> None:
    # a2: 5465.5 kg with 16 cards taken off, 12 of 96 vCPUs; half an A100.
    made = grams((5465.5 - 16 * 150) * 12 / 96, 10) + grams(0.5 * 127.6, 10)
    assert marts.run("slice")["emissions_embodied_g_co2e"] == close(made)


def test_fewer_vcpus_of_a_machine_are_no_smaller_machine(marts: Any) -> None:
    # One vCPU of a DS11_v2, which has 2 of a server's 20.
    made = grams(1322.11 * 2 / 20, 10)
    assert marts.run("constrained")["emissions_embodied_g_co2e"] == close(made)


def test_a_family_on_several_servers_is_told_apart_by_type(marts: Any) -> None:
    made = grams(2377.04 * 8 / 128, 10)
    assert marts.run("other-size")["emissions_embodied_g_co2e"] == close(made)


def test_a_server_that_no_source_lists_is_estimated_and_says_so(marts: Any) -> None:
    run = marts.run("not-listed")
    # m8i: 384 vCPUs on 2 chips with 1536 GiB; a quarter per cent of it is an xlarge.
    made = grams((1000 + 100 + (1536 - 16) * 1.388021) * 4 / 384, 10)
    assert run["emissions_embodied_g_co2e"] == close(made)
    assert run["embodied_method"] == "server_components_estimate"


# 128 vCPUs of EPYC 3rd generation are one chip.
NODE_KG = 1000 + (1024 - 16) * 1.388021


def test_an_own_host_is_its_chips_and_memory(marts: Any) -> None:
    run = marts.run("host-whole")
    # No study of the A100 with 80 GB: any GPU.
    assert run["emissions_embodied_g_co2e"] == close(grams(NODE_KG + 8 * 150, 10))
    assert parts(marts, "host-whole")["accelerator"]["embodied_method"] == "gpu_default"


def test_parts_of_a_host_add_up_to_the_host(marts: Any) -> None:
    shares = [marts.run(f"host-{part}") for part in ("part", "other-part")]
    assert shares[0]["emissions_embodied_g_co2e"] == close(grams(NODE_KG / 2 + 4 * 150, 10))
    assert sum(run["emissions_embodied_g_co2e"] for run in shares) == close(
        marts.run("host-whole")["emissions_embodied_g_co2e"]
    )


def test_nobody_holds_more_than_the_whole_server(marts: Any) -> None:
    server = parts(marts, "host-more-than-whole")["server"]
    assert server["emissions_embodied_g_co2e"] == close(grams(NODE_KG, 10))


@pytest.mark.parametrize(
    ("run_id", "vcpus"), [("host-nameless", 32), ("unknown-type-with-vcpus", 16)]
)
def test_a_machine_of_unknown_make_takes_the_figure_per_vcpu(
    marts: Any, run_id: str, vcpus: int
) -> None:
    run = marts.run(run_id)
    assert run["embodied_method"] == "vcpu_default"
    assert run["emissions_embodied_g_co2e"] == close(grams(27.34 * vcpus, 10))
    assert parts(marts, run_id)["server"]["high_kg_co2e"] > 27.34


@pytest.mark.parametrize(
    ("run_id", "reason"),
    [
        ("unknown-type", "unknown_instance_type"),
        ("unknown-accelerator", "unknown_accelerator"),
        ("no-figure", "no_embodied_factor"),
        ("no-duration", "unknown_duration"),
    ],
)
def test_unknown_is_null_with_a_reason(marts: Any, run_id: str, reason: str) -> None:
    run = marts.run(run_id)
    assert run["emissions_embodied_g_co2e"] is None
    assert (run["embodied_method"], run["missing_embodied_reason"]) == ("missing", reason)


def test_what_is_known_of_an_unknown_run_is_shown(marts: Any) -> None:
    found = parts(marts, "no-figure")
    assert found["server"]["emissions_embodied_g_co2e"] == close(grams(1700, 10))
    assert found["accelerator"]["missing_reason"] == "no_embodied_factor"


# --- water ---


@pytest.mark.parametrize(
    ("run_id", "wue", "resolution", "age"),
    [
        ("no-gpu", 0.12, "fleet_yearly", 1),
        ("older", 0.04, "geography_yearly", 0),
        ("host-whole", 0.4, "site", 0),
        ("creek", 0.0, "site", 0),
    ],
)
def test_water_is_it_energy_by_the_sites_figure(
    marts: Any, run_id: str, wue: float, resolution: str, age: int
) -> None:
    run = marts.run(run_id)
    assert run["water_l"] == close(run["it_energy_kwh"] * wue)
    assert (run["wue_l_per_kwh"], run["water_resolution"], run["wue_age_years"]) == (
        wue,
        resolution,
        age,
    )
    assert run["water_source_id"]
    assert run["missing_water_reason"] is None


@pytest.mark.parametrize(
    ("run_id", "reason"),
    [("slice", "no_wue"), ("untold", "no_wue"), ("unknown-type", "unknown_instance_type")],
)
def test_without_a_figure_water_is_null(marts: Any, run_id: str, reason: str) -> None:
    run = marts.run(run_id)
    assert (run["water_l"], run["missing_water_reason"]) == (None, reason)


# --- software carbon intensity ---


def intensities(marts: Any, run_id: str) -> dict[str | None, dict[str, Any]]:
    rows = marts.rows("select * from fct_run_sci where run_id = ?", run_id)
    return {row["kpi_name"]: row for row in rows}


def test_intensity_is_all_emissions_per_prediction(marts: Any) -> None:
    run = marts.run("predicts")
    (found,) = intensities(marts, "predicts").values()
    assert (found["kpi_name"], found["kpi_unit"]) == ("predictions", "prediction")
    assert found["functional_units"] == 2000
    both = run["emissions_location_g_co2e"] + M5_XLARGE_100_H
    assert found["sci_g_co2e_per_unit"] == close(both / 2000)


def test_each_amount_has_its_own_intensity_and_the_smaller_of_two_names_counts(marts: Any) -> None:
    found = intensities(marts, "two-units")
    assert {name: row["functional_units"] for name, row in found.items()} == {
        "tokens": 1e6,
        "images": 10,
    }


@pytest.mark.parametrize(
    ("run_id", "reason"),
    [
        ("zero", "zero_functional_units"),
        ("negative", "negative_functional_units"),
        ("accuracy-only", "no_functional_unit"),
        ("no-gpu", "no_functional_unit"),
        ("units-of-unknown", "unknown_instance_type"),
        ("units-unknown-made", "unknown_accelerator"),
    ],
)
def test_without_work_or_emissions_there_is_no_intensity(
    marts: Any, run_id: str, reason: str
) -> None:
    (found,) = intensities(marts, run_id).values()
    assert (found["sci_g_co2e_per_unit"], found["missing_reason"]) == (None, reason)


def test_the_last_attempts_last_word_counts_and_its_waste_is_in_it(marts: Any) -> None:
    (found,) = intensities(marts, "retried").values()
    assert found["functional_units"] == 1000
    assert found["emissions_embodied_g_co2e"] == close(M5_XLARGE_100_H)
