"""The methodology's worked example, recomputed from the seeds by hand, without the models."""

import re

import duckdb
import pytest
from promises import ROOT

SEEDS = ROOT / "seeds"


def one(sql: str) -> tuple[float, ...]:
    row = duckdb.connect().execute(sql.replace("SEEDS", str(SEEDS))).fetchone()
    assert row is not None
    return row


def shown(label: str) -> float:
    """The result column of a row of the table."""
    text = (ROOT / "docs" / "methodology.md").read_text()
    match = re.search(rf"^\| {label} \|.*\| ([0-9.]+)( [^|]*)? \|$", text, re.M)
    assert match, label
    return float(match[1])


def test_the_worked_example_follows_from_the_seeds() -> None:
    vcpus, memory_gib, platform_vcpus, chips = one(
        "select vcpus, memory_gib, platform_vcpus, platform_chips"
        " from 'SEEDS/reference/instance_types.csv'"
        " where provider_code = 'aws' and instance_type = 'm5.xlarge'"
    )
    w50, gib_per_chip = one(
        "select w50_per_vcpu, memory_gib_per_chip from 'SEEDS/factors/cpu_power.csv'"
        " where microarchitecture = 'Cascade Lake' and provider_scope in ('aws', '*')"
        " and includes = 'whole_server' order by method_rank limit 1"
    )
    (w_per_gib,) = one(
        "select value from 'SEEDS/factors/power_constants.csv'"
        " where factor_key = 'memory_w_per_gib'"
    )
    (pue,) = one(
        "select pue_ratio from 'SEEDS/factors/pue_yearly.csv' where provider_code = 'aws'"
        " and region in ('eu-west-1', '*') and year <= 2026 and pue_ratio is not null"
        " order by year desc, resolution_rank limit 1"
    )
    (intensity,) = one(
        "select intensity_g_per_kwh from 'SEEDS/factors/grid_intensity_yearly.csv'"
        " where zone_type = 'country' and zone_id = 'IRL' and year <= 2026"
        " order by source_rank, year desc, published_on desc limit 1"
    )
    server_kg, server_vcpus, years = one(
        "select server_kg_co2e, platform_vcpus, lifetime_years"
        " from 'SEEDS/factors/embodied_servers.csv' where provider_code = 'aws'"
        f" and family = 'm5' and platform_vcpus = {platform_vcpus} order by method_rank limit 1"
    )
    (wue,) = one(
        "select wue_l_per_kwh from 'SEEDS/factors/pue_yearly.csv' where provider_code = 'aws'"
        " and region in ('eu-west-1', '*') and year <= 2026 and wue_l_per_kwh is not null"
        " order by year desc, resolution_rank limit 1"
    )
    hours = 100
    above_gib = max(0, memory_gib / vcpus * platform_vcpus - chips * gib_per_chip)
    cpu_kwh = vcpus * w50 * hours / 1000
    memory_kwh = above_gib * vcpus / platform_vcpus * w_per_gib * hours / 1000
    facility_kwh = (cpu_kwh + memory_kwh) * pue
    assert shown("CPU") == pytest.approx(cpu_kwh)
    assert shown("memory above") == above_gib * vcpus / platform_vcpus
    assert shown("memory") == pytest.approx(memory_kwh)
    assert shown("IT") == pytest.approx(cpu_kwh + memory_kwh)
    assert shown("PUE") == pue
    assert shown("facility") == pytest.approx(facility_kwh, abs=5e-6)
    assert shown("grid") == intensity
    assert shown("emissions") == pytest.approx(facility_kwh * intensity, abs=5e-3)
    embodied_g = server_kg * 1000 * vcpus / server_vcpus * hours / (years * 8760)
    assert shown("embodied") == pytest.approx(embodied_g, abs=5e-3)
    assert shown("water") == pytest.approx((cpu_kwh + memory_kwh) * wue, abs=5e-5)
