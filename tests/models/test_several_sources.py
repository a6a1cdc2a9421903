"""Sources that tell of runs beside each other: what each tells alone, and together."""

from pathlib import Path
from typing import Any

import pytest

PAYLOADS = Path(__file__).resolve().parents[1] / "ingest" / "payloads" / "codecarbon"
GPU_RUN = "11111111-aaaa-4000-8000-000000000001"

CONFIG = """
[sites.lyon]
grid_zone = "FR"
pue = 1.5

[sources.codecarbon.tracked]
path = "tracked"
site = "lyon"

[sources.codecarbon.counted]
path = "counted"
site = "lyon"
cpu_counter = "rapl"
"""

HEADER = (
    "run_id,task_name,timestamp,project_name,duration,energy_consumed,cpu_energy,gpu_energy,"
    "ram_energy,cpu_count,ram_total_size,gpu_count,gpu_model,tracking_mode,cloud_provider,"
    "cloud_region,pue,cpu_utilization_percent\n"
)
TRACKED = HEADER + (
    # Flushed twice: the second row goes on from the first.
    "flushed,,2026-11-03T10:30:00,fraud,1800,0.03,0.02,0,0.01,2,8,0,,machine,,,,50\n"
    "flushed,,2026-11-03T11:00:00,fraud,3600,0.06,0.04,0,0.02,2,8,0,,machine,,,,50\n"
    # Energies already hold the PUE.
    "cooled,,2026-11-03T11:00:00,fraud,3600,0.12,0.08,0,0.04,2,8,0,,machine,,,2.0,50\n"
    # A process tells nothing of what it held.
    "process,,2026-11-03T11:00:00,fraud,3600,0.06,0.04,0,0.02,2,8,0,,process,,,,50\n"
)
TASKS = HEADER + (
    "tasks,load,2026-11-03T10:10:00,etl,600,0.03,0.02,0,0.01,2,8,0,,machine,,,,0\n"
    "tasks,train,2026-11-03T10:30:00,etl,1200,0.06,0.04,0,0.02,2,8,0,,machine,,,,0\n"
    "flushed,load,2026-11-03T10:30:00,fraud,1000,0.01,0.01,0,0.0,2,8,0,,machine,,,,0\n"
)
COUNTED = HEADER + (
    "counted,,2026-11-03T11:00:00,fraud,3600,0.06,0.04,0,0.02,2,8,0,,machine,,,,50\n"
)


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    files = {
        "tracked/emissions.csv": TRACKED,
        "tracked/emissions_base_1.csv": TASKS,
        "tracked/v1.csv": (PAYLOADS / "v1.csv").read_bytes(),
        "tracked/v2.csv": (PAYLOADS / "v2_gpu.csv").read_bytes(),
        "counted/emissions.csv": COUNTED,
    }
    return night("several_sources", CONFIG, files)


def test_of_a_tracker_that_flushes_the_last_row_counts(marts: Any) -> None:
    run = marts.run("codecarbon:flushed")
    assert (run["source"], run["job_name"], run["status"]) == ("codecarbon", "fraud", "succeeded")
    assert run["duration_s"] == 3600
    assert run["started_at_utc"].isoformat() == "2026-11-03T10:00:00"
    assert run["energy_method"] == "external_estimate"
    assert run["it_energy_kwh"] == pytest.approx(0.06)
    assert run["facility_energy_kwh"] == pytest.approx(0.09)
    assert run["emissions_location_g_co2e"] > 0
    assert run["measured_energy_ratio"] == 0


def test_pue_inside_the_figures_is_divided_out(marts: Any) -> None:
    run = marts.run("codecarbon:cooled")
    assert run["it_energy_kwh"] == pytest.approx(0.06)
    assert run["facility_energy_kwh"] == pytest.approx(0.09)


def test_tasks_are_parts_of_one_run(marts: Any) -> None:
    run = marts.run("codecarbon:tasks")
    assert run["duration_s"] == 1800
    assert run["it_energy_kwh"] == pytest.approx(0.09)
    assert run["cpu_utilization_ratio"] is None


def test_counters_make_it_measured(marts: Any) -> None:
    components = marts.components(f"codecarbon:{GPU_RUN}")
    accelerator = components["accelerator"]
    assert (accelerator["energy_method"], accelerator["covered_ratio"]) == ("measured", 1)
    assert accelerator["it_energy_kwh"] == pytest.approx(0.5)
    assert components["cpu"]["energy_method"] == "external_estimate"
    assert components["cpu"]["it_energy_kwh"] == pytest.approx(0.1)
    run = marts.run(f"codecarbon:{GPU_RUN}")
    assert (run["provider"], run["region"], run["energy_method"]) == (
        "aws",
        "eu-west-3",
        "measured",
    )
    assert (run["accelerator_model"], run["accelerator_count"]) == ("NVIDIA A100 SXM4 80GB", 2)
    cpu = marts.components("codecarbon:counted")["cpu"]
    assert (cpu["energy_method"], cpu["it_energy_kwh"]) == ("measured", pytest.approx(0.04))


def test_what_a_process_held_is_not_known(marts: Any) -> None:
    run = marts.run("codecarbon:process")
    assert run["vcpu_hours"] is None
    assert run["it_energy_kwh"] == pytest.approx(0.06)


def test_the_oldest_version_tells_of_the_whole(marts: Any) -> None:
    (run,) = marts.rows("select * from fct_runs where job_name = 'mnist'")
    assert run["run_id"] == "codecarbon:4a2d7f04-7e38-4c32-9b0d-0a1a6c3c7a5e@2021-03-28 03:30:00"
    assert run["energy_method"] == "external_estimate"
    assert run["it_energy_kwh"] == pytest.approx(0.25)
