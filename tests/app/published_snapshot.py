# ruff: noqa: DTZ001  (the marts hold naive UTC)
"""Small published snapshots for the tests of the app: contract columns, hand-made values.

`write_snapshot(published, rows)` writes every mart of CONTRACT (typed and empty where `rows` has
none), version.json, status.json and the `current` pointer, as publish does. `SMALL` is few runs
whose sums are computed by hand in the tests; `rich()` is a season of runs for pictures.
"""

import json
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from streamlit.testing.v1 import AppTest

Row = dict[str, Any]
Open = Callable[..., AppTest]
AS_OF = datetime(2026, 11, 22, 2, 0)

CONTRACT: dict[str, str] = {
    "fct_runs": """
        run_id varchar, source varchar, job_name varchar, attempt integer, status varchar,
        owner varchar, team varchar, project varchar, model_name varchar, model_version varchar,
        dataset_name varchar, dataset_version varchar, git_commit varchar, provider varchar,
        region varchar, grid_zone_id varchar, instance_type varchar, instance_count integer,
        accelerator_model varchar, accelerator_count integer, started_at_utc timestamp,
        ended_at_utc timestamp, duration_s double, vcpu_hours double, accelerator_hours double,
        cpu_utilization_ratio double, accelerator_utilization_ratio double, it_energy_kwh double,
        facility_energy_kwh double, facility_energy_kwh_p05 double, facility_energy_kwh_p95 double,
        energy_method varchar, measured_energy_ratio double, calibration_id varchar,
        pue_ratio double, emissions_location_g_co2e double, emissions_location_g_co2e_p05 double,
        emissions_location_g_co2e_p95 double, emissions_market_g_co2e double,
        emissions_embodied_g_co2e double, water_l double, grid_intensity_g_per_kwh double,
        factor_resolution varchar, factor_version varchar, factor_source_id varchar,
        factor_age_years double, factor_accounting varchar, factor_basis varchar,
        ghg_scope varchar, workload_kind varchar, effective_cost double, cost_currency varchar,
        cost_method varchar, is_imputed boolean, missing_reason varchar,
        workload_environment varchar, pipeline varchar, step varchar, zone varchar,
        resource_id varchar, site_name varchar, hardware_class varchar, source_file varchar,
        source_row bigint, delivery_id varchar, received_at_utc timestamp, pue_resolution varchar,
        pue_source_id varchar, pue_year integer, pue_age_years double, factor_zone varchar,
        factor_year integer, factor_published_on date, cost_origin varchar,
        cpu_used_core_hours double, missing_cost_reason varchar, embodied_method varchar,
        missing_embodied_reason varchar, wue_l_per_kwh double, water_resolution varchar,
        water_source_id varchar, wue_year integer, missing_water_reason varchar,
        emissions_embodied_g_co2e_p05 double, emissions_embodied_g_co2e_p95 double""",
    "fct_run_attempts": """
        run_id varchar, attempt integer, status varchar, started_at_utc timestamp,
        ended_at_utc timestamp, duration_s double, facility_energy_kwh double,
        is_wasted boolean""",
    "fct_run_uncertainty": """
        run_id varchar, source_key varchar, sigma_kwh double, sigma_g_co2e double,
        source_kind varchar, factor_key varchar, log_sd double, energy_variance_ratio double,
        emissions_variance_ratio double, log_sd_source varchar, log_sd_note varchar,
        sigma_embodied_g_co2e double, embodied_variance_ratio double""",
    "fct_run_hours": """
        run_id varchar, hour_start_utc timestamp, fraction_of_run double,
        facility_energy_kwh double, grid_intensity_g_per_kwh double, factor_resolution varchar,
        emissions_location_g_co2e double, emissions_market_g_co2e double, factor_version varchar,
        factor_source_id varchar, factor_zone varchar, arithmetic varchar""",
    "fct_run_energy_components": """
        run_id varchar, component varchar, energy_method varchar, boundary varchar,
        it_energy_kwh double, covered_ratio double""",
    "fct_run_energy_inputs": """
        run_id varchar, component varchar, attempt bigint, energy_method varchar, quantity double,
        quantity_arithmetic varchar, power_arithmetic varchar, hardware_origin varchar,
        quantity_unit varchar, hours double, utilization_ratio double, utilization_origin varchar,
        idle_w_per_unit double, max_w_per_unit double, power_w_per_unit double,
        power_basis varchar, it_energy_kwh double, measured_energy_kwh double, arithmetic varchar,
        power_factor_key varchar, power_source_id varchar, rungs_considered varchar,
        missing_reason varchar""",
    "fct_run_embodied": """
        run_id varchar, attempt bigint, part varchar, embodied_method varchar, kg_co2e double,
        low_kg_co2e double, high_kg_co2e double, kg_arithmetic varchar, quantity double,
        quantity_unit varchar, quantity_arithmetic varchar, hours double, lifetime_hours double,
        emissions_embodied_g_co2e double, arithmetic varchar, factor_key varchar,
        source_id varchar, hardware_origin varchar, missing_reason varchar""",
    "fct_run_cost_parts": """
        run_id varchar, part_number bigint, cost_method varchar, is_imputed boolean,
        resource_id varchar, share_text varchar, first_usage_date date, last_usage_date date,
        part_hours double, whole_hours double, whole_cost double, price_per_hour double,
        part_cost double, part_currency varchar, effective_cost double, cost_currency varchar,
        exchange_rate double, rate_origin varchar, cost_origin varchar, charge_rows bigint""",
    "fct_run_sci": """
        run_id varchar, kpi_name varchar, kpi_unit varchar, functional_units double,
        emissions_location_g_co2e double, emissions_embodied_g_co2e double,
        sci_g_co2e_per_unit double, metric_name varchar, missing_reason varchar""",
    "fct_run_metrics": """
        run_id varchar, metric_name varchar, metric_value double""",
    "fct_run_identities": """
        source varchar, source_run_id varchar, run_id varchar, matched_key varchar""",
    "fct_host_energy_daily": """
        usage_date date, provider varchar, region varchar, host_id varchar, allocation varchar,
        it_energy_kwh double, facility_energy_kwh double, emissions_location_g_co2e double,
        host_type varchar, idle_policy varchar, factor_resolution varchar,
        missing_reason varchar""",
    "fct_billing_daily": """
        usage_date date, provider varchar, billing_account_id varchar, sub_account_id varchar,
        service_name varchar, service_category varchar, region varchar, charge_category varchar,
        allocation varchar, x_energy_kwh double, x_emissions_location_g_co2e double,
        x_emissions_market_g_co2e double, x_emissions_embodied_g_co2e double,
        effective_cost double, billed_cost double, list_cost double, cost_currency varchar,
        energy_method varchar, missing_reason varchar, resource_class varchar,
        instance_type varchar, factor_resolution varchar, billing_period_date date,
        missing_embodied_reason varchar, is_energy_imputed boolean, line_rows bigint,
        team varchar, project varchar""",
    "fct_billing_gaps": """
        billing_period_date date, provider varchar, service_name varchar, region varchar,
        sku_meter varchar, charge_description varchar, consumed_unit varchar,
        charge_category varchar, resource_class varchar, rule_id varchar,
        missing_reason varchar, effective_cost double, cost_currency varchar,
        line_rows bigint""",
    "fct_unallocated_resources": """
        billing_period_date date, provider varchar, sub_account_id varchar, service_name varchar,
        region varchar, resource_id varchar, resource_name varchar, run_tag varchar,
        job_tag varchar, team varchar, project varchar, fix_code varchar, effective_cost double,
        billed_cost double, cost_currency varchar, last_used_on date, line_rows bigint""",
    "fct_anomalies": """
        anomaly_id varchar, run_id varchar, job_name varchar, owner varchar, metric varchar,
        value double, baseline_value double, baseline_run_id varchar, ratio double,
        threshold double, status varchar, main_cause varchar, ln_hours double, ln_devices double,
        ln_power double, ln_intensity double, ln_price double, state varchar,
        detected_at_utc timestamp""",
    "fct_calibration": """
        calibration_id varchar, key_level varchar, key varchar, component varchar, form varchar,
        scale double, constant_w double, sqrt_w double, runs bigint, jobs bigint,
        mape_before double, mape_after double, wape_before double, wape_after double,
        bias_before double, bias_after double, interval_coverage_ratio double,
        is_applied boolean, reason varchar, fitted_as_of timestamp, points bigint,
        outliers bigint, intervals bigint, interval_coverage_low_ratio double,
        interval_coverage_high_ratio double, log_sd double, quantity_unit varchar""",
    "fct_calibration_points": """
        calibration_id varchar, key_level varchar, key varchar, component varchar,
        run_id varchar, attempt bigint, job_name varchar, meter varchar,
        modelled_energy_kwh double, measured_energy_kwh double, predicted_energy_kwh double,
        weight_energy_kwh double, quantity double, hours double, utilization_ratio double,
        ln_residual double, is_outlier boolean, is_applied boolean""",
    "fct_metering_advice": """
        advice_rank bigint, component varchar, hardware varchar, job_name varchar,
        run_id varchar, metered_jobs bigint, unmetered_energy_kwh double,
        job_energy_kwh double, log_sd double, sigma_kwh double, learned_kwh double""",
    "fct_restatements": """
        month date, metric varchar, before double, after double, cause varchar,
        from_version varchar, to_version varchar, change double, unit varchar,
        cause_number bigint, runs bigint, from_as_of_utc timestamp, to_as_of_utc timestamp""",
    "fct_data_quality": """
        day date, source varchar, rows_in bigint, rows_landed bigint, rows_rejected bigint,
        runs bigint, runs_with_energy_ratio double, runs_with_cost_ratio double,
        measured_energy_ratio double, oldest_factor_age_years double, missing_reasons varchar""",
    "fct_factor_freshness": """
        kind varchar, provider varchar, region varchar, newest_factor_year bigint,
        newest_year_used bigint, factor_age_years bigint, stale_after_years double,
        is_stale boolean, runs bigint, newest_source_id varchar""",
}


def write_snapshot(
    published: Path,
    rows: dict[str, list[Row]] | None = None,
    *,
    version: str = "20261122T020000Z",
    night: Row | None = None,
    about: Row | None = None,
) -> Path:
    """Writes one version and moves `current` to it; returns the published folder."""
    folder = published / version
    folder.mkdir(parents=True)
    counts = {mart: _write_mart(folder, mart, (rows or {}).get(mart, [])) for mart in CONTRACT}
    written = {
        "version": version,
        "as_of": f"{AS_OF.isoformat()}Z",
        "built_at": "2026-11-22T02:04:10Z",
        "code_version": "0.1.0",
        "tests_passed": 212,
        "row_counts": counts,
        "factor_versions": {"grid_intensity": "2026.1", "pue": "2025.2"},
    } | (about or {})
    (folder / "version.json").write_text(json.dumps(written), encoding="utf-8")
    told = night if night is not None else {"status": "ok", "published_version": version}
    (published / "status.json").write_text(json.dumps(told), encoding="utf-8")
    current = published / "current"
    current.unlink(missing_ok=True)
    current.symlink_to(version)
    return published


def _write_mart(folder: Path, mart: str, rows: list[Row]) -> int:
    con = duckdb.connect()
    con.execute(f"create table mart ({CONTRACT[mart]})")
    names = [name for name, *_ in con.execute("describe mart").fetchall()]
    unexpected = {key for row in rows for key in row} - set(names)
    assert not unexpected, f"{mart} has no column {unexpected}"
    if rows:
        con.executemany(
            f"insert into mart values ({', '.join('?' * len(names))})",
            [[row.get(name) for name in names] for row in rows],
        )
    con.execute(f"copy mart to '{folder / mart}.parquet' (format parquet)")
    con.close()
    return len(rows)


def a_line(day: datetime, allocation: str, cost: float, **values: Any) -> Row:
    """Lines of the bill of one day; `values` override."""
    kwh = values.pop("kwh", None)
    line: Row = {
        "usage_date": day.date(),
        "billing_period_date": day.date().replace(day=1),
        "provider": "aws",
        "billing_account_id": "100",
        "sub_account_id": "111",
        "service_name": "Amazon EC2",
        "region": "eu-west-3",
        "charge_category": "Usage",
        "allocation": allocation,
        "effective_cost": cost,
        "billed_cost": cost,
        "cost_currency": "EUR",
        "x_energy_kwh": kwh,
        "x_emissions_location_g_co2e": None if kwh is None else kwh * 50,
        "energy_method": "missing" if kwh is None else "allocation",
        "missing_reason": "no_energy_use" if kwh is None else None,
        "resource_class": "other" if kwh is None else "compute",
        "line_rows": 1,
    }
    return line | values


def a_resource(month: datetime, resource: str | None, cost: float, fix: str, **values: Any) -> Row:
    """A resource of the bill on no run; `values` override."""
    found: Row = {
        "billing_period_date": month.date(),
        "provider": "aws",
        "sub_account_id": "111",
        "service_name": "Amazon EC2",
        "region": "eu-west-3",
        "resource_id": resource,
        "fix_code": fix,
        "effective_cost": cost,
        "billed_cost": cost,
        "cost_currency": "EUR",
        "last_used_on": month.date().replace(day=20),
        "line_rows": 1,
    }
    return found | values


def a_run(run_id: str, start: datetime, **values: Any) -> Row:
    """A run with everything a complete one has; `values` override."""
    hours = values.pop("hours", 2.0)
    it = values.pop("it_energy_kwh", 10.0)
    facility = None if it is None else it * 1.2
    intensity = values.get("grid_intensity_g_per_kwh", 50.0)
    grams = None if facility is None or intensity is None else facility * intensity
    complete: Row = {
        "run_id": run_id,
        "source": "run_events",
        "job_name": "train-vision",
        "attempt": 1,
        "status": "succeeded",
        "owner": "ana",
        "team": "vision",
        "project": "shelf",
        "model_name": "shelf-net",
        "model_version": "3",
        "provider": "aws",
        "region": "eu-west-3",
        "grid_zone_id": "FR",
        "instance_type": "p4d.24xlarge",
        "instance_count": 1,
        "accelerator_model": "A100",
        "accelerator_count": 8,
        "hardware_class": "p4d.24xlarge",
        "started_at_utc": start,
        "ended_at_utc": start + timedelta(hours=hours),
        "duration_s": hours * 3600,
        "it_energy_kwh": it,
        "facility_energy_kwh": facility,
        "energy_method": "utilization",
        "measured_energy_ratio": 0.0,
        "pue_ratio": 1.2,
        "pue_resolution": "region_yearly",
        "pue_source_id": "provider-report",
        "pue_year": 2025,
        "emissions_location_g_co2e": grams,
        "emissions_market_g_co2e": None if grams is None else grams / 2,
        "emissions_embodied_g_co2e": 25.0,
        "embodied_method": "ccf_server_components",
        "water_l": 2.0,
        "wue_l_per_kwh": 0.2,
        "water_resolution": "fleet_yearly",
        "water_source_id": "provider-report",
        "wue_year": 2025,
        "grid_intensity_g_per_kwh": intensity,
        "factor_resolution": "zone_yearly",
        "factor_version": "2026.1",
        "factor_source_id": "national-operator",
        "factor_zone": "FR",
        "factor_year": 2025,
        "factor_published_on": datetime(2026, 2, 1).date(),
        "factor_age_years": 1.0,
        "factor_accounting": "lifecycle",
        "factor_basis": "consumption",
        "ghg_scope": "scope_3_category_1",
        "workload_kind": "training",
        "effective_cost": 100.0,
        "cost_currency": "EUR",
        "cost_method": "billed_tag",
        "cost_origin": "billing_demo.csv row 12",
        "is_imputed": False,
        "source_file": "events/2026-11.jsonl",
        "source_row": 7,
    }
    return complete | values


# Period by default: the 30 days to the last run, 2026-10-23 .. 2026-11-21; before it, 2026-09-23 ..
# 2026-10-22. r0 opens the history, so that the period before is complete.
SMALL: dict[str, list[Row]] = {
    "fct_runs": [
        a_run("r0", datetime(2026, 9, 1), effective_cost=1.0, it_energy_kwh=1.0),
        a_run("p1", datetime(2026, 10, 1), it_energy_kwh=20.0, effective_cost=50.0),
        a_run(
            "r1",
            datetime(2026, 11, 20, 10),
            energy_method="measured",
            measured_energy_ratio=1.0,
            facility_energy_kwh_p05=11.0,
            facility_energy_kwh_p95=13.0,
            emissions_location_g_co2e_p05=500.0,
            emissions_location_g_co2e_p95=700.0,
        ),
        a_run("r2", datetime(2026, 11, 21, 9), it_energy_kwh=30.0, effective_cost=300.0, hours=3.0),
        a_run(
            "r3",
            datetime(2026, 11, 20, 12),
            job_name="tune-text",
            team="text",
            project="chat",
            owner="bo",
            model_name="tiny-llm",
            region="us-east-1",
            grid_zone_id="US-MIDA-PJM",
            status="failed",
            it_energy_kwh=5.0,
            grid_intensity_g_per_kwh=400.0,
            effective_cost=20.0,
            factor_resolution="hourly_measured",
            factor_age_years=0.0,
        ),
        a_run(
            "r4",
            datetime(2026, 11, 19, 8),
            job_name="batch-score",
            team=None,
            owner=None,
            model_name=None,
            region=None,
            it_energy_kwh=None,
            energy_method="missing",
            measured_energy_ratio=None,
            pue_ratio=None,
            grid_intensity_g_per_kwh=None,
            factor_resolution="missing",
            factor_age_years=None,
            emissions_embodied_g_co2e=None,
            embodied_method="missing",
            missing_embodied_reason="unknown_instance_type",
            water_l=None,
            missing_water_reason="unknown_instance_type",
            effective_cost=None,
            cost_method="missing",
            cost_currency=None,
            cost_origin=None,
            missing_reason="unknown_instance_type",
            missing_cost_reason="no_price",
        ),
        a_run("r5", datetime(2026, 11, 18, 8), effective_cost=7.0, cost_currency="USD"),
    ],
    "fct_run_attempts": [
        {"run_id": "r2", "attempt": 1, "status": "preempted", "facility_energy_kwh": 4.0,
         "is_wasted": True},
        {"run_id": "r2", "attempt": 2, "status": "succeeded", "facility_energy_kwh": 32.0,
         "is_wasted": False},
    ],
    "fct_run_uncertainty": [
        {"run_id": run_id, "source_key": f"{kind}:{key}", "sigma_kwh": kwh, "sigma_g_co2e": grams,
         "source_kind": kind, "factor_key": key, "log_sd": log_sd, "energy_variance_ratio": energy,
         "emissions_variance_ratio": emissions, "log_sd_source": "expert judgement",
         "log_sd_note": "a note" if kind == "energy" else None}
        for run_id, kind, key, kwh, grams, log_sd, energy, emissions in [
            ("r1", "energy", "meter", 0.12, 6.0, 0.01, 1.0, 36 / 936),
            ("r2", "energy", "model:A100", 3.6, 180.0, 0.1, 1.0, 0.8),
            ("r3", "energy", "model:A100", 0.6, 240.0, 0.1, 1.0, 1.0),
            ("r5", "energy", "model:A100", 1.2, 60.0, 0.1, 1.0, 1.0),
            ("r1", "intensity", "FR", 0.0, 30.0, 0.05, 0.0, 900 / 936),
            ("r2", "intensity", "FR", 0.0, 90.0, 0.05, 0.0, 0.2),
        ]
    ] + [
        {"run_id": run_id, "source_key": f"embodied:server:{key}", "source_kind": "embodied",
         "factor_key": "component_model", "sigma_kwh": 0.0, "sigma_g_co2e": 0.0, "log_sd": log_sd,
         "sigma_embodied_g_co2e": 25.0 * log_sd, "energy_variance_ratio": 0.0,
         "emissions_variance_ratio": 0.0, "embodied_variance_ratio": 1.0,
         "log_sd_source": "expert judgement"}
        for run_id, key, log_sd in [
            ("r1", "p4d", 0.5), ("r2", "p4d", 0.5), ("r3", "a2", 0.4), ("r5", "g5", 0.4),
        ]
    ],
    "fct_host_energy_daily": [
        {"usage_date": day, "provider": "on_premise", "region": region, "host_id": host,
         "allocation": allocation, "it_energy_kwh": kwh / 1.2, "facility_energy_kwh": kwh,
         "emissions_location_g_co2e": kwh * 50.0, "idle_policy": "reserved"}
        for day, region, host, allocation, kwh in [
            (datetime(2026, 11, 20), "eu-west-3", "a01", "idle", 2.0),
            (datetime(2026, 11, 20), "eu-west-3", "a01", "run", 12.0),
            (datetime(2026, 11, 21), "eu-west-3", "a01", "idle", 1.0),
            (datetime(2026, 11, 20), "lyra", "a01", "idle", 0.5),
            (datetime(2026, 10, 1), "lyra", "a01", "idle", 64.0),
        ]
    ],
    "fct_run_hours": [
        {"run_id": "r1", "hour_start_utc": datetime(2026, 11, 20, 10 + hour),
         "fraction_of_run": 0.5, "facility_energy_kwh": 6.0,
         "grid_intensity_g_per_kwh": 40.0 + 20 * hour, "factor_resolution": "hourly_measured",
         "emissions_location_g_co2e": 6.0 * (40 + 20 * hour), "factor_version": "2026.1",
         "factor_source_id": "national-operator", "factor_zone": "FR",
         "arithmetic": f"6.0 * {40 + 20 * hour}"}
        for hour in range(2)
    ],
    "fct_run_energy_components": [
        {"run_id": "r1", "component": "accelerator", "energy_method": "measured",
         "boundary": "component", "it_energy_kwh": 9.0, "covered_ratio": 0.99},
        {"run_id": "r1", "component": "cpu", "energy_method": "utilization",
         "boundary": "component", "it_energy_kwh": 1.0, "covered_ratio": 0.0},
    ],
    "fct_run_energy_inputs": [
        {"run_id": "r1", "component": "accelerator", "energy_method": "measured", "quantity": 8.0,
         "quantity_unit": "accelerators", "hours": 2.0, "utilization_ratio": 0.9,
         "utilization_origin": "event", "measured_energy_kwh": 9.0, "it_energy_kwh": 9.0,
         "power_basis": "energy counters of the devices", "arithmetic": "32400000 / 3600000",
         "rungs_considered": "measured: taken"},
        {"run_id": "r1", "component": "cpu", "energy_method": "utilization", "quantity": 96.0,
         "quantity_unit": "vCPU", "hours": 2.0, "utilization_ratio": 0.4,
         "utilization_origin": "event", "power_w_per_unit": 5.208, "it_energy_kwh": 1.0,
         "power_basis": "load curve", "arithmetic": "96 * 2 * 5.2083 / 1000",
         "power_factor_key": "cascade-lake", "power_source_id": "specpower",
         "rungs_considered": "measured: no counter; utilization: taken"},
    ],
    "fct_run_embodied": [
        {"run_id": "r1", "attempt": 1, "part": "server", "kg_co2e": 1200.0,
         "embodied_method": "ccf_server_components", "quantity": 0.125,
         "quantity_unit": "server", "quantity_arithmetic": "12 / 96 * 1", "hours": 2.0,
         "kg_arithmetic": "1200.0", "lifetime_hours": 35040.0,
         "emissions_embodied_g_co2e": 8.5616438, "arithmetic": "1200.0 * 1000 * 0.125 * 2 / 35040",
         "factor_key": "embodied_servers: p4d, 96 vCPUs", "source_id": "server-list",
         "hardware_origin": "instance_types: aws, p4d.24xlarge"},
        {"run_id": "r1", "attempt": 1, "part": "accelerator", "kg_co2e": 164.0,
         "embodied_method": "product_footprint", "low_kg_co2e": 164.0, "high_kg_co2e": 575.1,
         "quantity": 1.756, "quantity_unit": "accelerator", "hours": 2.0,
         "emissions_embodied_g_co2e": 16.4383562, "source_id": "maker"},
        {"run_id": "r4", "attempt": 1, "part": "server", "embodied_method": "missing",
         "missing_reason": "unknown_instance_type"},
    ],
    "fct_run_metrics": [
        {"run_id": "r1", "metric_name": "accuracy", "metric_value": 0.912345},
        {"run_id": "r1", "metric_name": "tokens_processed", "metric_value": 5e6},
    ],
    "fct_run_identities": [
        {"source": "run_events", "source_run_id": "r1", "run_id": "r1", "matched_key": "lyra:11"},
        {"source": "slurm", "source_run_id": "slurm:lyra:11", "run_id": "r1",
         "matched_key": "lyra:11"},
    ],
    "fct_run_sci": [
        {"run_id": "r1", "kpi_name": "tokens", "kpi_unit": "token", "functional_units": 5e6,
         "emissions_location_g_co2e": 600.0, "emissions_embodied_g_co2e": 25.0,
         "sci_g_co2e_per_unit": 625.0 / 5e6, "metric_name": "tokens_processed"},
        {"run_id": "r2", "kpi_name": "rows", "kpi_unit": "row", "functional_units": 0.0,
         "emissions_location_g_co2e": 1800.0, "emissions_embodied_g_co2e": 25.0,
         "metric_name": "rows_scored", "missing_reason": "zero_functional_units"},
        {"run_id": "r3", "missing_reason": "no_functional_unit"},
    ],
    "fct_anomalies": [
        {"anomaly_id": "a1", "run_id": "r2", "job_name": "train-vision", "owner": "ana",
         "metric": "facility_energy_kwh", "value": 36.0, "baseline_value": 9.0,
         "baseline_run_id": "r1", "ratio": 4.0, "threshold": 3.0, "status": "anomaly",
         "main_cause": "longer", "ln_hours": math.log(2.5), "ln_devices": 0.0,
         "ln_power": math.log(1.6), "state": "open",
         "detected_at_utc": datetime(2026, 11, 22, 2)},
        {"anomaly_id": "a2", "run_id": "r2", "job_name": "train-vision", "owner": "ana",
         "metric": "effective_cost", "value": 300.0, "baseline_value": 90.0,
         "baseline_run_id": "r1", "ratio": 300 / 90, "threshold": 3.0, "status": "anomaly",
         "main_cause": "higher_price", "ln_hours": math.log(2.5), "ln_devices": 0.0,
         "ln_price": math.log(300 / 90 / 2.5), "state": "expected",
         "detected_at_utc": datetime(2026, 11, 22, 2)},
        {"anomaly_id": "a3", "run_id": "r1", "job_name": "train-vision", "owner": "ana",
         "metric": "facility_energy_kwh", "value": 12.0, "baseline_value": 12.0, "ratio": 1.0,
         "threshold": 3.0, "status": "ok"},
        {"anomaly_id": "a4", "run_id": "r3", "job_name": "tune-text", "owner": "bo",
         "metric": "facility_energy_kwh", "value": 6.0, "threshold": 3.0,
         "status": "not_enough_history"},
    ],
    "fct_calibration": [
        {"calibration_id": "c1", "key_level": "hardware", "key": "NVIDIA T4",
         "component": "accelerator", "form": "scale_constant", "scale": 0.8, "constant_w": -4.0,
         "sqrt_w": 0.0, "runs": 3, "jobs": 2, "mape_before": 0.25, "mape_after": 0.04,
         "interval_coverage_ratio": 2 / 3, "interval_coverage_low_ratio": 0.21,
         "interval_coverage_high_ratio": 0.94, "is_applied": True,
         "reason": "better_than_model", "points": 4, "outliers": 1,
         "quantity_unit": "accelerator"},
        {"calibration_id": "c2", "key_level": "hardware", "key": "aws/m5.xlarge",
         "component": "cpu", "runs": 2, "jobs": 1, "mape_before": 0.4, "is_applied": False,
         "reason": "too_few_runs", "points": 2, "outliers": 0, "quantity_unit": "vCPU"},
        {"calibration_id": "c3", "key_level": "component", "key": "accelerator",
         "component": "accelerator", "form": "scale", "scale": 1.0, "constant_w": 0.0,
         "sqrt_w": 0.0, "runs": 3, "jobs": 2, "mape_before": 0.25, "mape_after": 0.3,
         "is_applied": False, "reason": "no_better_than_model", "points": 4, "outliers": 1,
         "quantity_unit": "accelerator"},
    ],
    "fct_calibration_points": [
        *(
            {"calibration_id": "c1", "run_id": f"m{number}", "attempt": 1,
             "job_name": f"train-{number % 2}", "meter": "nvml_energy",
             "modelled_energy_kwh": 2.5 * number, "measured_energy_kwh": 2.0 * number,
             "predicted_energy_kwh": 2.1 * number, "is_outlier": False}
            for number in (1, 2, 3)
        ),
        {"calibration_id": "c1", "run_id": "m4", "attempt": 1, "meter": "nvml_energy",
         "modelled_energy_kwh": 2.5, "measured_energy_kwh": 25.0, "predicted_energy_kwh": 2.1,
         "is_outlier": True},
        {"calibration_id": "c2", "run_id": "m5", "attempt": 1, "meter": "rapl",
         "modelled_energy_kwh": 1.4, "measured_energy_kwh": 1.0, "is_outlier": False},
    ],
    "fct_metering_advice": [
        {"advice_rank": 2, "component": "cpu", "hardware": "aws/m5.xlarge", "job_name": "score",
         "run_id": "r3", "metered_jobs": 1, "unmetered_energy_kwh": 20.0, "sigma_kwh": 5.0,
         "learned_kwh": 2.0},
        {"advice_rank": 1, "component": "accelerator", "hardware": "NVIDIA A100",
         "job_name": "train-vision", "run_id": "r2", "metered_jobs": 0,
         "unmetered_energy_kwh": 100.0, "sigma_kwh": 30.0, "learned_kwh": 21.2},
    ],
    "fct_billing_daily": [
        a_line(datetime(2026, 10, 5), "run", 40.0, kwh=8.0, team="vision"),
        a_line(datetime(2026, 10, 6), "unallocated", 10.0, kwh=2.0),
        a_line(datetime(2026, 11, 20), "run", 100.0, kwh=20.0, team="vision", billed_cost=90.0),
        a_line(datetime(2026, 11, 20), "idle", 10.0, kwh=2.0, team="vision"),
        a_line(datetime(2026, 11, 20), "unallocated", 60.0, kwh=10.0, line_rows=3),
        a_line(datetime(2026, 11, 21), "unallocated", 20.0, kwh=5.0, energy_method="spend",
               provider="gcp", sub_account_id="p-1", service_name="Vertex AI", region=None,
               team="text"),
        a_line(datetime(2026, 11, 21), "not_ml", 30.0, service_name="Amazon SQS",
               missing_reason="no_rule"),
        a_line(datetime(2026, 11, 1), "shared", -20.0, service_name="Tax", billed_cost=15.0,
               charge_category="Credit"),
        a_line(datetime(2026, 11, 21), "unallocated", 7.0, kwh=1.0, provider="azure",
               sub_account_id="s-1", service_name="Virtual Machines", cost_currency="USD"),
    ],
    "fct_billing_gaps": [
        {"billing_period_date": datetime(2026, 11, 1).date(), "missing_reason": "no_rule"},
    ],
    "fct_run_cost_parts": [
        {"run_id": "r1", "part_number": 1, "cost_method": "billed_resource",
         "resource_id": "arn:aws:ec2:eu-west-3:111:instance/i-0c",
         "share_text": "no other run had it", "first_usage_date": datetime(2026, 11, 20).date(),
         "last_usage_date": datetime(2026, 11, 21).date(), "whole_cost": 80.0, "part_cost": 80.0,
         "part_currency": "EUR", "effective_cost": 80.0, "cost_currency": "EUR",
         "cost_origin": "bill.csv row 12", "charge_rows": 3},
        {"run_id": "r1", "part_number": 2, "cost_method": "billed_share",
         "resource_id": "node-1", "share_text": "1 of 4 accelerators",
         "first_usage_date": datetime(2026, 11, 20).date(),
         "last_usage_date": datetime(2026, 11, 20).date(), "whole_cost": 100.0,
         "part_cost": 25.0, "part_currency": "USD", "effective_cost": 20.0,
         "cost_currency": "EUR", "cost_origin": "bill.csv row 15", "charge_rows": 1},
    ],
    "fct_unallocated_resources": [
        a_resource(datetime(2026, 11, 1), "arn:aws:ec2:eu-west-3:111:instance/i-0a", 45.0,
                   "add_run_or_job_tag", last_used_on=datetime(2026, 11, 21).date()),
        a_resource(datetime(2026, 11, 1), "i-0b", 15.0, "run_tag_names_no_known_run",
                   run_tag="train-[9]", team="vision"),
        a_resource(datetime(2026, 11, 1), "jobs/7", 20.0, "no_run_at_the_time", provider="gcp",
                   sub_account_id="p-1", service_name="Vertex AI", region=None, team="text"),
        a_resource(datetime(2026, 11, 1), None, 7.0, "export_names_no_resource", provider="azure",
                   sub_account_id="s-1", service_name="Virtual Machines", cost_currency="USD"),
        a_resource(datetime(2026, 10, 1), "i-0b", 10.0, "a_code_of_later"),
    ],
    "fct_restatements": [
        {"month": datetime(2026, 10, 1).date(), "metric": metric, "before": before,
         "after": after, "change": after - (before or 0), "unit": unit, "cause": cause,
         "cause_number": number, "runs": runs, "from_version": "20261120T020000Z",
         "to_version": "20261121T020000Z", "from_as_of_utc": datetime(2026, 11, 20, 2),
         "to_as_of_utc": datetime(2026, 11, 21, 2)}
        for metric, unit, before, after, cause, number, runs in [
            ("facility_energy_kwh", "kWh", 20.0, 22.0, "late_data", 3, 1),
            ("facility_energy_kwh", "kWh", 22.0, 21.0, "factor_version", 5, 2),
            ("bill_effective_cost_eur", "EUR", None, 60.0, "provider_restatement", 4, 0),
        ]
    ],
    "fct_data_quality": [
        {"day": datetime(2026, 11, day).date(), "source": source, "rows_in": rows_in,
         "rows_landed": rows_in - rejected, "rows_rejected": rejected, "runs": runs,
         "runs_with_energy_ratio": energy, "runs_with_cost_ratio": 1.0,
         "measured_energy_ratio": 0.25, "oldest_factor_age_years": 1.0,
         "missing_reasons": "unknown_instance_type: 1" if energy < 1 else None}
        for day, source, rows_in, rejected, runs, energy in [
            (19, "run_events", 10, 0, 1, 0.0), (20, "run_events", 20, 2, 3, 1.0),
            (20, "focus", 100, 0, 1, 1.0), (21, "run_events", 5, 0, 1, 1.0),
        ]
    ],
    "fct_factor_freshness": [
        {"kind": kind, "provider": provider, "region": region, "newest_factor_year": year,
         "newest_year_used": 2026, "factor_age_years": 2026 - year, "stale_after_years": 2.0,
         "is_stale": year < 2024, "runs": 2, "newest_source_id": "somebody"}
        for kind, provider, region, year in [
            ("grid_intensity", "aws", "eu-west-3", 2025),
            ("grid_intensity", "aws", "us-east-1", 2023),
            ("pue", "aws", "us-east-1", 2022), ("pue", "gcp", "europe-west1", 2021),
        ]
    ],
}  # fmt: skip

NULLS: dict[str, list[Row]] = {
    "fct_runs": [
        {"run_id": "n1", "started_at_utc": datetime(2026, 11, 20)},
        {"run_id": "n2", "ended_at_utc": datetime(2026, 11, 21), "missing_reason": "no_duration"},
    ],
    "fct_run_attempts": [{"run_id": "n1"}],
    "fct_run_hours": [{"run_id": "n1", "hour_start_utc": datetime(2026, 11, 20)}],
    "fct_run_energy_components": [{"run_id": "n1", "component": "cpu"}],
    "fct_run_energy_inputs": [{"run_id": "n1", "component": "cpu"}],
    "fct_calibration": [{"calibration_id": "x", "key_level": "component", "key": "cpu",
                         "component": "cpu"}],
    "fct_calibration_points": [{"calibration_id": "x", "run_id": "n1"}],
    "fct_metering_advice": [{"advice_rank": 1}],
    "fct_anomalies": [
        {"anomaly_id": "x", "run_id": "n1", "metric": "duration_s", "status": "anomaly"}
    ],
    "fct_data_quality": [{"day": datetime(2026, 11, 20).date(), "source": "slurm"}],
    "fct_billing_daily": [
        {"usage_date": datetime(2026, 11, 20).date(), "effective_cost": 3.0, "line_rows": 1,
         "billing_period_date": datetime(2026, 11, 1).date(), "cost_currency": "EUR",
         "allocation": "unallocated"},
    ],
    "fct_unallocated_resources": [
        {"billing_period_date": datetime(2026, 11, 1).date(), "cost_currency": "EUR",
         "effective_cost": 3.0, "fix_code": "export_names_no_resource"},
    ],
}  # fmt: skip

_JOBS = [
    # job, model, team, owner, provider, region, zone, g/kWh, instance, devices, kWh, hours, cost
    ("train-shelf", "shelf-net", "vision", "ana", "aws", "eu-west-3", "FR", 48, "p4d.24xlarge", 8,
     38.0, 9.0, 270.0),
    ("tune-shelf", "shelf-net", "vision", "noor", "aws", "eu-west-3", "FR", 48, "g5.12xlarge", 4,
     6.5, 6.0, 34.0),
    ("train-tiny-llm", "tiny-llm", "text", "bo", "aws", "us-east-1", "US-MIDA-PJM", 390,
     "p4d.24xlarge", 8, 61.0, 14.0, 455.0),
    ("score-demand", "demand-gbm", "supply", "carla", "gcp", "europe-west1", "BE", 150,
     "n2-standard-16", 0, 0.35, 1.5, 1.4),
    ("train-demand", "demand-gbm", "supply", "carla", "gcp", "europe-west1", "BE", 150,
     "n2-standard-32", 0, 1.8, 3.0, 5.6),
    ("embed-catalogue", "catalogue-clip", "search", "dev", "on_premise", "lab-lyon", "FR", 48,
     "dgx-a100", 4, 11.0, 5.0, 40.0),
]  # fmt: skip


_CALIBRATIONS = ("fct_calibration", "fct_calibration_points", "fct_metering_advice")


def rich(days: int = 75) -> dict[str, list[Row]]:
    """Two and a half months of six jobs, with failures, an anomaly, gaps and rejected rows."""
    runs: list[Row] = []
    hours_rows: list[Row] = []
    inputs: list[Row] = []
    sigma: list[Row] = []
    quality: list[Row] = []
    last = datetime(2026, 11, 21)
    for back in range(days, -1, -1):
        day = last - timedelta(days=back)
        for place, job in enumerate(_JOBS):
            name, model, team, owner, provider, region, zone, grid, hardware, devices, *rest = job
            if (back * 7 + place * 5) % (2 if place > 2 else 3):
                continue
            kwh, length, money = rest
            wave = 1 + 0.22 * math.sin(back / 5 + place) + 0.05 * ((back * 31 + place * 17) % 7)
            is_odd = name == "train-shelf" and back in (3, 4, 5)
            wave *= 3.7 if is_odd else 1
            fails = (back * 13 + place * 29) % 11 == 0
            unknown = name == "score-demand" and back % 12 == 4
            measured = provider == "on_premise"
            run_id = f"{name}-{day:%Y%m%d}"
            start = day + timedelta(hours=(5 + place * 3) % 22, minutes=17)
            share = 0.35 if fails else 1.0
            energy = None if unknown else kwh * wave * share
            run = a_run(
                run_id, start, job_name=name, model_name=model, team=team, owner=owner,
                project=f"{team}-core", provider=provider, region=region, grid_zone_id=zone,
                factor_zone=zone, hours=length * wave * share, it_energy_kwh=energy,
                grid_intensity_g_per_kwh=None if unknown else grid * (1 + 0.2 * math.sin(back / 3)),
                instance_type=hardware, accelerator_count=devices or None,
                accelerator_model="A100" if devices else None,
                status="failed" if fails else "succeeded",
                effective_cost=None if unknown else round(money * wave * share, 2),
                cost_method="missing" if unknown else (
                    "site_rate" if measured else ["billed_tag", "billed_share"][place % 2]),
                energy_method="missing" if unknown else (
                    "measured" if measured else ["utilization", "allocation"][place % 2]),
                measured_energy_ratio=None if unknown else (0.93 if measured else 0.0),
                factor_resolution="missing" if unknown else (
                    "hourly_measured" if zone == "FR" else "zone_yearly"),
                factor_age_years=0.0 if zone == "FR" else 1.0,
                missing_reason="unknown_instance_type" if unknown else None,
                missing_cost_reason="no_bill_line_and_no_price" if unknown else None,
            )  # fmt: skip
            if energy is not None:
                run["facility_energy_kwh_p05"] = run["facility_energy_kwh"] * 0.8
                run["facility_energy_kwh_p95"] = run["facility_energy_kwh"] * 1.25
                run["emissions_location_g_co2e_p05"] = run["emissions_location_g_co2e"] * 0.75
                run["emissions_location_g_co2e_p95"] = run["emissions_location_g_co2e"] * 1.33
                sigma.append({
                    "run_id": run_id, "source_key": f"energy:allocation:cpu:{hardware}",
                    "source_kind": "energy", "factor_key": "allocation:cpu", "log_sd": 0.15,
                    "energy_variance_ratio": 1.0, "emissions_variance_ratio": 1.0,
                    "log_sd_source": "expert judgement",
                    "sigma_kwh": run["facility_energy_kwh"] * 0.15,
                    "sigma_g_co2e": run["emissions_location_g_co2e"] * 0.15,
                })  # fmt: skip
                hours_rows += _hours_of(run)
                inputs += _inputs_of(run)
            runs.append(run)
        for source, size in (("run_events", 40), ("focus", 900), ("slurm", 120)):
            rejected = 3 if source == "run_events" and back % 9 == 2 else 0
            quality.append({
                "day": day.date(), "source": source, "rows_in": size + back % 13,
                "rows_landed": size + back % 13 - rejected, "rows_rejected": rejected, "runs": 4,
                "runs_with_energy_ratio": 0.75 if back % 12 == 4 else 1.0,
                "runs_with_cost_ratio": 0.75 if back % 12 == 4 else 0.98,
                "measured_energy_ratio": 0.2 + 0.05 * math.sin(back / 6),
                "oldest_factor_age_years": 1.0,
                "missing_reasons": "unknown_instance_type: 1" if back % 12 == 4 else None,
            })  # fmt: skip
    return {
        "fct_runs": runs,
        "fct_run_hours": hours_rows,
        "fct_run_energy_inputs": inputs,
        "fct_run_uncertainty": sigma,
        "fct_anomalies": _anomalies_of(runs),
        "fct_data_quality": quality,
        **{mart: SMALL[mart] for mart in _CALIBRATIONS},
    } | _bill_of(last, days)


# provider, account, service, region, team, allocation, cost a day, kWh a day, class
_BILLED = [
    ("aws", "210987654321", "Amazon EC2", "eu-west-3", "vision", "run", 94.0, 11.5),
    ("aws", "210987654321", "Amazon EC2", "eu-west-3", "vision", "idle", 8.6, 1.1),
    ("aws", "210987654321", "Amazon EC2", "eu-west-3", None, "unallocated", 31.0, 3.4),
    ("aws", "310987654321", "Amazon SageMaker", "us-east-1", "text", "run", 152.0, 19.0),
    ("aws", "310987654321", "Amazon SageMaker", "us-east-1", "text", "unallocated", 22.5, 2.4),
    ("aws", "310987654321", "Amazon EKS", "us-east-1", "search", "unallocated", 12.0, 1.3),
    ("aws", "210987654321", "Amazon S3", "eu-west-3", "vision", "not_ml", 6.0, 0.08),
    ("aws", "210987654321", "AWS Support", None, None, "shared", 14.0, None),
    ("aws", "210987654321", "AWS Credits", None, None, "shared", -11.0, None),
    ("gcp", "supply-prod", "Compute Engine", "europe-west1", "supply", "run", 21.0, 2.6),
    ("gcp", "supply-prod", "Vertex AI", "europe-west1", "supply", "unallocated", 16.0, 1.9),
    ("gcp", "supply-prod", "BigQuery", "europe-west1", "supply", "not_ml", 9.0, None),
    ("azure", "sub-lab", "Virtual Machines", "westeurope", "search", "run", 12.0, 1.4),
    ("azure", "sub-lab", "Virtual Machines", "westeurope", None, "unallocated", 7.0, 0.8),
]
_LEFT = [
    ("Amazon EC2", "arn:aws:ec2:eu-west-3:210987654321:instance/i-0f3c11d2a7", 0.7,
     "add_run_or_job_tag", None),
    ("Amazon EC2", "arn:aws:ec2:eu-west-3:210987654321:instance/i-09bb20c4e1", 0.3,
     "run_tag_names_no_known_run", "train-shelf-20261131"),
    ("Amazon SageMaker", "arn:aws:sagemaker:us-east-1:310987654321:endpoint/tiny-llm", 1.0,
     "report_host", None),
    ("Amazon EKS", "arn:aws:eks:us-east-1:310987654321:cluster/search/node-4", 1.0,
     "no_run_at_the_time", None),
    ("Vertex AI", "projects/supply-prod/trainingPipelines/88", 0.9,
     "job_tag_names_no_known_job", "train-demand-v2"),
    ("Vertex AI", None, 0.1, "export_names_no_resource", None),
    ("Virtual Machines", "/subscriptions/sub-lab/virtualMachines/nc24", 1.0,
     "add_run_or_job_tag", None),
]  # fmt: skip


def _bill_of(last: datetime, days: int) -> dict[str, list[Row]]:
    """The bill of the season: three providers, two currencies, every allocation."""
    lines: list[Row] = []
    left: dict[tuple[str, datetime], float] = {}
    for back in range(days, -1, -1):
        day = last - timedelta(days=back)
        wave = 1 + 0.2 * math.sin(back / 6)
        for provider, account, service, region, team, allocation, cost, kwh in _BILLED:
            spend = provider == "aws" and service == "Amazon EKS"
            lines.append(a_line(
                day, allocation, cost * wave, provider=provider, sub_account_id=account,
                service_name=service, region=region, team=team, project=team and f"{team}-core",
                billed_cost=cost * wave * (0.8 if allocation == "run" else 1.1),
                cost_currency="USD" if provider == "azure" else "EUR", line_rows=24,
                kwh=None if kwh is None else kwh * wave,
                energy_method="missing" if kwh is None else "spend" if spend else "allocation",
                missing_reason=None if kwh is not None else
                "no_rule" if service == "BigQuery" else "no_energy_use",
                charge_category="Credit" if cost < 0 else "Usage",
            ))  # fmt: skip
            if allocation == "unallocated":
                key = (service, day.replace(day=1))
                left[key] = left.get(key, 0.0) + cost * wave
    of_service = {line["service_name"]: line for line in lines if line["allocation"] != "shared"}
    resources = [
        a_resource(
            month, resource, cost * part, fix, **{
                name: of_service[service][name]
                for name in ("provider", "sub_account_id", "service_name", "region",
                             "cost_currency")
            },
            team="search" if service == "Amazon EKS" else None,
            run_tag=value if fix.startswith("run") else None,
            job_tag=value if fix.startswith("job") else None,
        )
        for (service, month), cost in left.items()
        for of, resource, part, fix, value in _LEFT
        if of == service
    ]  # fmt: skip
    gaps = [{"billing_period_date": last.date().replace(day=1), "missing_reason": "no_rule"}]
    return {
        "fct_billing_daily": lines,
        "fct_unallocated_resources": resources,
        "fct_billing_gaps": gaps,
    }


def _hours_of(run: Row) -> list[Row]:
    first = run["started_at_utc"].replace(minute=0)
    length = max(1, math.ceil(run["duration_s"] / 3600))
    kwh = run["facility_energy_kwh"] / length
    shape = [run["grid_intensity_g_per_kwh"] * (1 + 0.3 * math.sin(h / 3)) for h in range(length)]
    return [
        {"run_id": run["run_id"], "hour_start_utc": first + timedelta(hours=hour),
         "fraction_of_run": 1 / length, "facility_energy_kwh": kwh,
         "grid_intensity_g_per_kwh": intensity, "factor_resolution": run["factor_resolution"],
         "emissions_location_g_co2e": kwh * intensity, "factor_zone": run["factor_zone"]}
        for hour, intensity in enumerate(shape)
    ]  # fmt: skip


def _inputs_of(run: Row) -> list[Row]:
    hours = run["duration_s"] / 3600
    split = [("accelerator", 0.82, run["accelerator_count"], "accelerators"),
             ("cpu", 0.1, 96.0, "vCPU"), ("memory", 0.05, 1152.0, "GiB"),
             ("other", 0.03, 1.0, "server")]  # fmt: skip
    rows: list[Row] = []
    for component, part, quantity, unit in split:
        if component == "accelerator" and not quantity:
            continue
        kwh = run["it_energy_kwh"] * part
        watts = kwh * 1000 / hours / float(quantity)
        rows.append({
            "run_id": run["run_id"], "component": component, "energy_method": run["energy_method"],
            "quantity": float(quantity), "quantity_unit": unit, "hours": hours,
            "utilization_ratio": 0.72, "utilization_origin": "event", "power_w_per_unit": watts,
            "power_basis": "idle + (max - idle) at this use", "it_energy_kwh": kwh,
            "arithmetic": f"{float(quantity)} * {hours:.4f} * {watts:.4f} / 1000",
            "power_factor_key": f"{component}-default", "power_source_id": "vendor datasheet",
            "rungs_considered": "measured: no counter; utilization: taken",
        })  # fmt: skip
    return rows


def _anomalies_of(runs: list[Row]) -> list[Row]:
    job = [run for run in runs if run["job_name"] == "train-shelf"]
    usual, odd = job[-6], next(run for run in reversed(job) if run["facility_energy_kwh"] > 90)
    found: list[Row] = []
    for metric in ("facility_energy_kwh", "effective_cost", "emissions_location_g_co2e",
                   "duration_s"):  # fmt: skip
        ratio = odd[metric] / usual[metric]
        found.append({
            "anomaly_id": f"anomaly-{metric}", "run_id": odd["run_id"], "job_name": "train-shelf",
            "owner": "ana", "metric": metric, "value": odd[metric],
            "baseline_value": usual[metric], "baseline_run_id": usual["run_id"], "ratio": ratio,
            "threshold": 3.0, "status": "anomaly" if ratio >= 3 else "ok", "main_cause": "longer",
            "ln_hours": math.log(ratio) * 1.1, "ln_devices": 0.0,
            "ln_power": None if metric == "duration_s" else math.log(ratio) * -0.1,
            "state": "open", "detected_at_utc": datetime(2026, 11, 22, 2),
        })  # fmt: skip
    found.append({
        "anomaly_id": "early", "run_id": runs[0]["run_id"], "metric": "facility_energy_kwh",
        "status": "not_enough_history",
    })  # fmt: skip
    return found
