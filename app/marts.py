"""The published marts as views of an in-memory DuckDB: the columns the app reads, and their types.

An older snapshot may lack a column or a mart: it reads as null or empty, which the pages show as
"unknown" or as a sentence. Timestamps become naive UTC. Nothing here is cached: a connection lives
for one question, because the folder behind it is replaced every night.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

MARTS: dict[str, dict[str, str]] = {
    mart: dict(column.split() for column in " ".join(columns.split()).split(", "))
    for mart, columns in {
        "fct_runs": """
            run_id varchar, source varchar, job_name varchar, attempt bigint, status varchar,
            owner varchar, team varchar, project varchar, model_name varchar,
            model_version varchar, dataset_name varchar, dataset_version varchar,
            git_commit varchar, workload_kind varchar, provider varchar, region varchar,
            zone varchar, grid_zone_id varchar, site_name varchar, instance_type varchar,
            instance_count double, accelerator_model varchar, accelerator_count double,
            hardware_class varchar, pipeline varchar, step varchar, started_at_utc timestamp,
            ended_at_utc timestamp, duration_s double, vcpu_hours double, accelerator_hours double,
            cpu_utilization_ratio double, accelerator_utilization_ratio double,
            it_energy_kwh double, facility_energy_kwh double, facility_energy_kwh_p05 double,
            facility_energy_kwh_p95 double, energy_method varchar, measured_energy_ratio double,
            calibration_id varchar, pue_ratio double, pue_resolution varchar,
            pue_source_id varchar, pue_year bigint, emissions_location_g_co2e double,
            emissions_location_g_co2e_p05 double, emissions_location_g_co2e_p95 double,
            emissions_market_g_co2e double, emissions_embodied_g_co2e double, water_l double,
            emissions_embodied_g_co2e_p05 double, emissions_embodied_g_co2e_p95 double,
            grid_intensity_g_per_kwh double, factor_resolution varchar, factor_version varchar,
            factor_source_id varchar, factor_zone varchar, factor_year bigint,
            factor_published_on date, factor_age_years double, factor_accounting varchar,
            factor_basis varchar, ghg_scope varchar, effective_cost double, cost_currency varchar,
            cost_method varchar, cost_origin varchar, is_imputed boolean, missing_reason varchar,
            missing_cost_reason varchar, embodied_method varchar, missing_embodied_reason varchar,
            wue_l_per_kwh double, water_resolution varchar, water_source_id varchar,
            wue_year bigint, missing_water_reason varchar, source_file varchar,
            source_row bigint""",
        "fct_run_attempts": """
            run_id varchar, attempt bigint, status varchar, started_at_utc timestamp,
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
            emissions_location_g_co2e double, emissions_market_g_co2e double,
            factor_version varchar, factor_source_id varchar, factor_zone varchar,
            arithmetic varchar""",
        "fct_run_energy_components": """
            run_id varchar, component varchar, energy_method varchar, boundary varchar,
            it_energy_kwh double, covered_ratio double""",
        "fct_run_energy_inputs": """
            run_id varchar, component varchar, attempt bigint, energy_method varchar,
            quantity double, quantity_arithmetic varchar, power_arithmetic varchar,
            hardware_origin varchar,
            quantity_unit varchar, hours double, utilization_ratio double,
            utilization_origin varchar, idle_w_per_unit double, max_w_per_unit double,
            power_w_per_unit double, power_basis varchar, it_energy_kwh double,
            measured_energy_kwh double, arithmetic varchar, power_factor_key varchar,
            power_source_id varchar, rungs_considered varchar, missing_reason varchar""",
        "fct_run_embodied": """
            run_id varchar, attempt bigint, part varchar, embodied_method varchar, kg_co2e double,
            low_kg_co2e double, high_kg_co2e double, kg_arithmetic varchar, quantity double,
            quantity_unit varchar, quantity_arithmetic varchar, hours double,
            lifetime_hours double, emissions_embodied_g_co2e double, arithmetic varchar,
            factor_key varchar, source_id varchar, hardware_origin varchar,
            missing_reason varchar""",
        "fct_run_cost_parts": """
            run_id varchar, part_number bigint, cost_method varchar, resource_id varchar,
            share_text varchar, first_usage_date date, last_usage_date date, whole_cost double,
            part_cost double, part_currency varchar, effective_cost double,
            cost_currency varchar, cost_origin varchar, charge_rows bigint""",
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
            idle_policy varchar, missing_reason varchar""",
        "fct_billing_daily": """
            usage_date date, provider varchar, billing_account_id varchar,
            sub_account_id varchar, service_name varchar, region varchar,
            charge_category varchar, allocation varchar, x_energy_kwh double,
            x_emissions_location_g_co2e double, effective_cost double, billed_cost double,
            cost_currency varchar, energy_method varchar, missing_reason varchar,
            resource_class varchar, billing_period_date date, line_rows bigint,
            team varchar, project varchar""",
        "fct_billing_gaps": """
            billing_period_date date, missing_reason varchar""",
        "fct_unallocated_resources": """
            billing_period_date date, provider varchar, sub_account_id varchar,
            service_name varchar, region varchar, resource_id varchar, resource_name varchar,
            run_tag varchar, job_tag varchar, team varchar, project varchar, fix_code varchar,
            effective_cost double, billed_cost double, cost_currency varchar,
            last_used_on date, line_rows bigint""",
        "fct_anomalies": """
            anomaly_id varchar, run_id varchar, job_name varchar, owner varchar, metric varchar,
            value double, baseline_value double, baseline_run_id varchar, ratio double,
            threshold double, status varchar, main_cause varchar, ln_hours double,
            ln_devices double, ln_power double, ln_intensity double, ln_price double,
            state varchar, detected_at_utc timestamp""",
        "fct_calibration": """
            calibration_id varchar, key_level varchar, key varchar, component varchar,
            form varchar, scale double, constant_w double, sqrt_w double, runs bigint,
            jobs bigint, mape_before double, mape_after double, interval_coverage_ratio double,
            is_applied boolean, reason varchar, points bigint, outliers bigint,
            interval_coverage_low_ratio double, interval_coverage_high_ratio double,
            quantity_unit varchar""",
        "fct_calibration_points": """
            calibration_id varchar, run_id varchar, attempt bigint, job_name varchar,
            meter varchar, modelled_energy_kwh double, measured_energy_kwh double,
            predicted_energy_kwh double, hours double, utilization_ratio double,
            is_outlier boolean""",
        "fct_metering_advice": """
            advice_rank bigint, component varchar, hardware varchar, job_name varchar,
            run_id varchar, metered_jobs bigint, unmetered_energy_kwh double, log_sd double,
            sigma_kwh double, learned_kwh double""",
        "fct_restatements": """
            month date, metric varchar, before double, after double, cause varchar,
            from_version varchar, to_version varchar, change double, unit varchar,
            cause_number bigint, runs bigint, from_as_of_utc timestamp, to_as_of_utc timestamp""",
        "fct_data_quality": """
            day date, source varchar, rows_in bigint, rows_landed bigint, rows_rejected bigint,
            runs bigint, runs_with_energy_ratio double, runs_with_cost_ratio double,
            measured_energy_ratio double, oldest_factor_age_years double,
            missing_reasons varchar""",
        "fct_factor_freshness": """
            kind varchar, provider varchar, region varchar, newest_factor_year bigint,
            factor_age_years bigint, stale_after_years double, is_stale boolean, runs bigint""",
    }.items()
}

# Every list filter: the name in the URL and of the DuckDB variable.
DIMENSIONS = ("team", "project", "model", "region", "owner", "status", "method")
# Those of the bill; what has the same name is the same filter.
BILL_DIMENSIONS = ("provider", "account", "service", "team", "project", "region")


@dataclass(frozen=True)
class Filters:
    """What the reader asked for. Instants are naive UTC, half-open; an empty tuple means all.

    An empty string inside a tuple stands for the rows where that column is unknown.
    """

    from_utc: datetime
    to_utc: datetime
    team: tuple[str, ...] = ()
    project: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    method: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    service: tuple[str, ...] = ()
    text: str = ""

    def list_of(self, dimension: str) -> tuple[str, ...]:
        """The chosen values of one of DIMENSIONS or BILL_DIMENSIONS."""
        values: tuple[str, ...] = getattr(self, dimension)
        return values


# The runs of the chosen period, and of the period of the same length just before it. A run belongs
# to the period it started in (or ended in, where the start is unknown). And the chosen lines of the
# bill, of every month.
_FILTERED_VIEWS = (
    """
    create view chosen_runs as
    select *, coalesce(started_at_utc, ended_at_utc) as at_utc
    from fct_runs
    where
        (len(getvariable('team')) = 0 or list_contains(getvariable('team'), coalesce(team, '')))
        and (
            len(getvariable('project')) = 0
            or list_contains(getvariable('project'), coalesce(project, ''))
        )
        and (
            len(getvariable('model')) = 0
            or list_contains(getvariable('model'), coalesce(model_name, ''))
        )
        and (
            len(getvariable('region')) = 0
            or list_contains(getvariable('region'), coalesce(region, ''))
        )
        and (
            len(getvariable('owner')) = 0
            or list_contains(getvariable('owner'), coalesce(owner, ''))
        )
        and (
            len(getvariable('status')) = 0
            or list_contains(getvariable('status'), coalesce(status, ''))
        )
        and (
            len(getvariable('method')) = 0
            or list_contains(getvariable('method'), coalesce(energy_method, ''))
        )
        and (
            getvariable('text') = ''
            or contains(
                lower(
                    concat_ws(
                        ' ', run_id, job_name, model_name, owner, team, project, instance_type
                    )
                ),
                lower(getvariable('text'))
            )
        )
    """,
    """
    create view runs as
    select * from chosen_runs
    where at_utc >= getvariable('from_utc') and at_utc < getvariable('to_utc')
    """,
    """
    create view previous_runs as
    select * from chosen_runs
    where
        at_utc < getvariable('from_utc')
        and at_utc
        >= getvariable('from_utc') - (getvariable('to_utc') - getvariable('from_utc'))
    """,
    *(
        f"""
        create view {view} as
        select * from {mart}
        where
            (
                len(getvariable('provider')) = 0
                or list_contains(getvariable('provider'), coalesce(provider, ''))
            )
            and (
                len(getvariable('account')) = 0
                or list_contains(getvariable('account'), coalesce(sub_account_id, ''))
            )
            and (
                len(getvariable('service')) = 0
                or list_contains(getvariable('service'), coalesce(service_name, ''))
            )
            and (
                len(getvariable('team')) = 0
                or list_contains(getvariable('team'), coalesce(team, ''))
            )
            and (
                len(getvariable('project')) = 0
                or list_contains(getvariable('project'), coalesce(project, ''))
            )
            and (
                len(getvariable('region')) = 0
                or list_contains(getvariable('region'), coalesce(region, ''))
            )
        """  # noqa: S608  (constants of this file)
        for view, mart in (
            ("bill", "fct_billing_daily"),
            ("unallocated", "fct_unallocated_resources"),
        )
    ),
)


# Bounds of the 90 % interval of a total whose median and variance are known; zero is certain.
BOUNDS = (
    "create macro p05(total, variance) as case when total = 0 then 0.0 else "
    "total * exp(-1.645 * sqrt(ln(1 + variance / (total * total)))) end",
    "create macro p95(total, variance) as case when total = 0 then 0.0 else "
    "total * exp(1.645 * sqrt(ln(1 + variance / (total * total)))) end",
)


def open_marts(folder: Path, filters: Filters | None = None) -> duckdb.DuckDBPyConnection:
    """An in-memory connection with one view per mart, and the filtered views if filters are given.

    The caller closes it.
    """
    con = duckdb.connect(
        config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
    )
    con.execute("set timezone = 'UTC'")
    for mart, columns in MARTS.items():
        _create_view(con, folder, mart, columns)
    for bound in BOUNDS:
        con.execute(bound)
    if filters is not None:
        con.execute("set variable from_utc = $1::timestamp", [filters.from_utc])
        con.execute("set variable to_utc = $1::timestamp", [filters.to_utc])
        for dimension in dict.fromkeys((*DIMENSIONS, *BILL_DIMENSIONS)):
            con.execute(
                f"set variable {dimension} = $1::varchar[]", [list(filters.list_of(dimension))]
            )
        con.execute("set variable text = $1::varchar", [filters.text])
        for view in _FILTERED_VIEWS:
            con.execute(view)
    return con


def mart_files(folder: Path, mart: str) -> Sequence[Path]:
    """A mart is one Parquet file, or a folder of them."""
    single = folder / f"{mart}.parquet"
    return [single] if single.is_file() else sorted((folder / mart).glob("**/*.parquet"))


def _create_view(
    con: duckdb.DuckDBPyConnection, folder: Path, mart: str, columns: dict[str, str]
) -> None:
    files = mart_files(folder, mart)
    present: set[str] = set()
    if files:
        relation = con.read_parquet([str(file) for file in files], union_by_name=True)
        present = set(relation.columns)
        relation.create_view(f"published_{mart}")
    selected = ", ".join(
        f"cast({name if name in present else 'null'} as {kind}) as {name}"
        for name, kind in columns.items()
    )
    origin = f"from published_{mart}" if files else "where false"
    con.execute(f"create view {mart} as select {selected} {origin}")
