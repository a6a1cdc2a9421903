"""Intervals worked out by hand from docs/methodology.md, section Uncertainty, and the seeds."""

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from app import queries
from app.marts import Filters, open_marts

CONFIG = """
[reporting]
currency = "EUR"

[sources.run_events]
path = "events"

[sites.cellar]
grid_zone = "FR"
pue = 1.5

[sites.cellar.hosts.a100-node]
vcpus = 128
memory_gib = 1024
cpu_model = "AMD EPYC 7763"
accelerator_model = "A100-SXM4-80GB"
accelerator_count = 8
"""


def event(run_id: str, instance_type: str, region: str, **more: Any) -> str:
    return json.dumps(
        {
            "event_id": f"{run_id}-finished",
            "event_type": "finished",
            "event_time": "2026-02-10T12:00:00Z",
            "run_id": run_id,
            "job_name": "known-case",
            "status": "succeeded",
            "duration_s": 3600,
            "instance_type": instance_type,
            "region": region,
        }
        | more
    )


def reading(component: str, method: str, boundary: str, energy_kwh: float) -> dict[str, Any]:
    return {
        "component": component,
        "device_id": "device-0",
        "method": method,
        "boundary": boundary,
        "from": "2026-02-10T11:00:00Z",
        "to": "2026-02-10T12:00:00Z",
        "energy_j": energy_kwh * 3.6e6,
    }


def building(run_id: str, energy_kwh: float) -> str:
    # No single reading may be above 2.8e8 kWh.
    part = reading("all", "pdu", "facility", energy_kwh / 4)
    energy = [part | {"device_id": f"pdu-{number}"} for number in range(4)]
    return event(run_id, "a100-node", "cellar", energy=energy)


EVENTS = [
    event("plain", "m5.xlarge", "eu-west-1", team="two"),
    event("twin", "m5.xlarge", "eu-west-1", duration_s=7200, team="twins"),
    event("twin-again", "m5.xlarge", "eu-west-1", team="twins"),
    event("other-hardware", "c5a.xlarge", "eu-west-1", team="two"),
    event(
        "half-metered",
        "p3.2xlarge",
        "eu-west-1",
        accelerator_utilization_ratio=0.5,
        energy=[
            reading("accelerator", "nvml_energy", "component", 0.1) | {"to": "2026-02-10T11:30:00Z"}
        ],
    ),
    building("huge", 1e9),
    building("tiny", 1e-9),
    building("zero", 0.0),
    event("eight-h100", "p5.48xlarge", "us-east-1"),
    event("nowhere", "m5.xlarge", "atlantis-1"),
    event("no-energy", "zz9.plural", "eu-west-1"),
]
# log-standard-deviations of seeds/factors/uncertainty.csv, all of them expert judgement.
CPU, MEMORY, COUNTER, MODEL_AT_LOAD, NODE_METER = 0.45, 0.3, 0.03, 0.2, 0.03
FLEET_PUE, COUNTRY, SERVER_MODEL = 0.08, 0.25, 0.5


@pytest.fixture(scope="module")
def marts(night: Any) -> Any:
    return night("uncertainty", CONFIG, {"events/known.jsonl": "\n".join(EVENTS) + "\n"})


def close(value: float) -> Any:
    return pytest.approx(value, rel=1e-9)


def interval(total: float, sigmas: Sequence[float]) -> tuple[Any, Any]:
    """P05 and P95 of a total with independent errors of these sizes."""
    relative = [sigma / total for sigma in sigmas]
    log_sd = math.sqrt(math.log1p(math.fsum(each * each for each in relative)))
    return close(total * math.exp(-1.645 * log_sd)), close(total * math.exp(1.645 * log_sd))


def energy_interval(run: dict[str, Any]) -> tuple[float, float]:
    return run["facility_energy_kwh_p05"], run["facility_energy_kwh_p95"]


def emissions_interval(run: dict[str, Any]) -> tuple[float, float]:
    return run["emissions_location_g_co2e_p05"], run["emissions_location_g_co2e_p95"]


def facility_parts(marts: Any, run_id: str) -> dict[str, float]:
    pue = marts.run(run_id)["pue_ratio"]
    components = marts.components(run_id)
    return {name: row["it_energy_kwh"] * pue for name, row in components.items()}


def test_components_with_their_part_and_factors_with_the_full_value(marts: Any) -> None:
    run, parts = marts.run("plain"), facility_parts(marts, "plain")
    energy, grams = run["facility_energy_kwh"], run["emissions_location_g_co2e"]
    assert (run["pue_resolution"], run["factor_resolution"]) == ("fleet_yearly", "country_yearly")
    sigmas = [parts["cpu"] * CPU, parts["memory"] * MEMORY, energy * FLEET_PUE]
    assert energy_interval(run) == interval(energy, sigmas)
    in_grams = [sigma * grams / energy for sigma in sigmas]
    assert emissions_interval(run) == interval(grams, [*in_grams, grams * COUNTRY])


def test_the_sources_are_published_with_their_shares_and_words(marts: Any) -> None:
    sources = marts.rows(
        "select * from fct_run_uncertainty where run_id = 'plain' order by sigma_g_co2e desc"
    )
    assert [row["source_kind"] for row in sources].count("energy") == 2
    for share in ("energy_variance_ratio", "emissions_variance_ratio", "embodied_variance_ratio"):
        assert math.fsum(row[share] for row in sources) == close(1.0)
    grid = next(row for row in sources if row["source_kind"] == "intensity")
    assert (grid["sigma_kwh"], grid["energy_variance_ratio"], grid["log_sd"]) == (0, 0, COUNTRY)
    assert grid["source_key"].startswith("intensity:IRL:country_yearly:")
    assert {row["log_sd_source"] for row in sources} == {"expert judgement"}


def test_a_hole_in_a_measurement_is_as_sure_as_the_model_that_fills_it(marts: Any) -> None:
    run, inputs = marts.run("half-metered"), marts.components("half-metered")
    accelerator, pue = inputs["accelerator"], run["pue_ratio"]
    assert accelerator["energy_method"] == "measured_partial"
    measured = accelerator["measured_energy_kwh"]
    sigmas = [
        measured * pue * COUNTER,
        (accelerator["it_energy_kwh"] - measured) * pue * MODEL_AT_LOAD,
        inputs["cpu"]["it_energy_kwh"] * pue * CPU,
        inputs["memory"]["it_energy_kwh"] * pue * MEMORY if "memory" in inputs else 0.0,
        run["facility_energy_kwh"] * FLEET_PUE,
    ]
    assert energy_interval(run) == interval(run["facility_energy_kwh"], sigmas)


@pytest.mark.parametrize(("run_id", "energy"), [("huge", 1e9), ("tiny", 1e-9)])
def test_neither_size_nor_a_facility_meters_pue_matters(
    marts: Any, run_id: str, energy: float
) -> None:
    run = marts.run(run_id)
    assert run["facility_energy_kwh"] == close(energy)
    low, high = energy_interval(run)
    expected_low, expected_high = interval(energy, [energy * NODE_METER])
    assert (low, high) == (
        pytest.approx(expected_low.expected, rel=1e-6),
        pytest.approx(expected_high.expected, rel=1e-6),
    )
    kinds = marts.rows("select source_kind from fct_run_uncertainty where run_id = ?", run_id)
    assert {row["source_kind"] for row in kinds} == {"energy", "intensity", "embodied"}


def test_zero_is_certain_and_unknown_is_unknown(marts: Any) -> None:
    zero, nowhere, nothing = (marts.run(name) for name in ("zero", "nowhere", "no-energy"))
    assert energy_interval(zero) == (0.0, 0.0) and emissions_interval(zero) == (0.0, 0.0)
    # No grid is known there: the energy has its interval all the same.
    parts = facility_parts(marts, "nowhere")
    sigmas = [parts["cpu"] * CPU, parts["memory"] * MEMORY]
    energy = nowhere["facility_energy_kwh"]
    assert energy_interval(nowhere) == interval(energy, [*sigmas, energy * FLEET_PUE])
    assert nowhere["emissions_location_g_co2e"] is None
    assert emissions_interval(nowhere) == (None, None)
    assert energy_interval(nothing) == emissions_interval(nothing) == (None, None)
    published = marts.rows(
        "select run_id, sigma_kwh, sigma_g_co2e from fct_run_uncertainty "
        "where run_id in ('zero', 'nowhere', 'no-energy') and source_kind <> 'embodied'"
    )
    assert {(row["run_id"], row["sigma_g_co2e"]) for row in published} == {("nowhere", None)}


def test_manufacture_reaches_the_farthest_published_figure(marts: Any) -> None:
    run = marts.run("eight-h100")
    parts = {
        row["part"]: row
        for row in marts.rows("select * from fct_run_embodied where run_id = 'eight-h100'")
    }
    server, cards = (parts[name]["emissions_embodied_g_co2e"] for name in ("server", "accelerator"))
    # A vendor's 164 kg; a component model gives 575.1, farther off than a log-sd of 0.5 reaches.
    published = math.log(575.1 / 164) / 1.645
    assert published > 0.5
    sigmas = [cards * published, server * SERVER_MODEL]
    bounds = run["emissions_embodied_g_co2e_p05"], run["emissions_embodied_g_co2e_p95"]
    assert bounds == interval(server + cards, sigmas)
    # Manufacture is apart from what the run emitted while it ran.
    words = marts.rows(
        "select sigma_kwh, sigma_g_co2e, log_sd_source from fct_run_uncertainty "
        "where run_id = 'eight-h100' and source_kind = 'embodied' order by log_sd desc"
    )
    assert words[0]["log_sd_source"] == "published figures, 164.0 to 575.1 kg"
    assert {(row["sigma_kwh"], row["sigma_g_co2e"]) for row in words} == {(0.0, 0.0)}


def totals_of(marts: Any, team: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The app's interval of a team, and its runs."""
    year = Filters(datetime(2026, 1, 1), datetime(2027, 1, 1), team=(team,))  # noqa: DTZ001
    with open_marts(marts.folder, year) as connection:
        spread = queries.interval(connection).row(0, named=True)
    return spread, marts.rows("select * from fct_runs where team = ?", team)


def test_one_hardware_is_wrong_as_a_whole(marts: Any) -> None:
    spread, runs = totals_of(marts, "twins")
    assert len(runs) == 2
    # Perfectly correlated: here, and only here, the bounds add up.
    for bound in ("p05", "p95"):
        column = f"facility_energy_kwh_{bound}"
        assert spread[column] == close(math.fsum(run[column] for run in runs))


def test_two_kinds_of_hardware_in_one_zone_share_what_they_share(marts: Any) -> None:
    spread, runs = totals_of(marts, "two")
    energy = math.fsum(run["facility_energy_kwh"] for run in runs)
    grams = math.fsum(run["emissions_location_g_co2e"] for run in runs)
    parts = {run["run_id"]: facility_parts(marts, run["run_id"]) for run in runs}
    # Each processor on its own; the memory's coefficient, the PUE and the zone for both at once.
    memory = math.fsum(part.get("memory", 0.0) for part in parts.values())
    sigmas = [
        *(part["cpu"] * CPU for part in parts.values()),
        memory * MEMORY,
        energy * FLEET_PUE,
    ]
    assert (spread["facility_energy_kwh_p05"], spread["facility_energy_kwh_p95"]) == interval(
        energy, sigmas
    )
    in_grams = [sigma * grams / energy for sigma in sigmas]
    assert (
        spread["emissions_location_g_co2e_p05"],
        spread["emissions_location_g_co2e_p95"],
    ) == interval(grams, [*in_grams, grams * COUNTRY])
    assert spread["facility_energy_kwh_p95"] < math.fsum(
        run["facility_energy_kwh_p95"] for run in runs
    )
