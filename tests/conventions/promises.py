"""What the published marts promise: their columns, in this order; more may follow."""

from pathlib import Path

ROOT = Path(__file__).parents[2]

MART_COLUMNS: dict[str, str] = {
    "fct_run_attempts": """
        run_id attempt status started_at_utc ended_at_utc duration_s facility_energy_kwh
        is_wasted
    """,
    "fct_runs": """
        run_id source job_name attempt status owner team project model_name model_version
        dataset_name dataset_version git_commit provider region grid_zone_id instance_type
        instance_count accelerator_model accelerator_count started_at_utc ended_at_utc
        duration_s vcpu_hours accelerator_hours cpu_utilization_ratio
        accelerator_utilization_ratio it_energy_kwh facility_energy_kwh
        facility_energy_kwh_p05 facility_energy_kwh_p95 energy_method
        measured_energy_ratio calibration_id pue_ratio emissions_location_g_co2e
        emissions_location_g_co2e_p05 emissions_location_g_co2e_p95
        emissions_market_g_co2e emissions_embodied_g_co2e water_l grid_intensity_g_per_kwh
        factor_resolution factor_version factor_source_id factor_age_years
        factor_accounting factor_basis ghg_scope workload_kind effective_cost
        cost_currency cost_method is_imputed missing_reason
    """,
    "fct_run_uncertainty": """
        run_id source_key sigma_kwh sigma_g_co2e
    """,
    "fct_run_hours": """
        run_id hour_start_utc fraction_of_run facility_energy_kwh grid_intensity_g_per_kwh
        factor_resolution emissions_location_g_co2e emissions_market_g_co2e
    """,
    "fct_run_energy_components": """
        run_id component energy_method boundary it_energy_kwh covered_ratio
    """,
    "fct_billing_daily": """
        usage_date provider billing_account_id sub_account_id service_name
        service_category region charge_category allocation x_energy_kwh
        x_emissions_location_g_co2e x_emissions_market_g_co2e x_emissions_embodied_g_co2e
        effective_cost billed_cost list_cost cost_currency energy_method missing_reason
    """,
    "fct_cost_allocation": """
        billing_period provider sub_account_id allocation run_id cost_method
        effective_cost cost_currency
    """,
    "fct_unallocated_resources": """
        billing_period_date provider billing_account_id sub_account_id service_name region
        resource_id resource_name run_tag job_tag team project fix_code effective_cost
        billed_cost cost_currency last_used_on line_rows
    """,
    "fct_model_versions": """
        model_name model_version first_run_at_utc runs facility_energy_kwh
        emissions_location_g_co2e emissions_embodied_g_co2e effective_cost kpi_name
        kpi_value kpi_unit kpi_direction sci_g_co2e_per_unit cost_per_unit
        marginal_g_co2e_per_kpi is_pareto_optimal wasted_energy_kwh
    """,
    "fct_kpi_correlations": """
        scope_type scope_id kpi_name against n pearson_r pearson_r_low pearson_r_high
        spearman_r spearman_r_low spearman_r_high
    """,
    "fct_anomalies": """
        anomaly_id run_id job_name owner metric value baseline_value baseline_run_id ratio
        threshold status main_cause ln_hours ln_devices ln_power ln_intensity ln_price
        state detected_at_utc
    """,
    "fct_recommendations": """
        recommendation_id kind scope_type scope_id owner saving_g_co2e saving_g_co2e_p05
        saving_g_co2e_p95 saving_cost assumptions evidence state realised_saving_g_co2e
    """,
    "fct_calibration": """
        calibration_id key_level key component form scale constant_w sqrt_w runs jobs
        mape_before mape_after wape_before wape_after bias_before bias_after
        interval_coverage_ratio is_applied reason fitted_as_of
    """,
    "fct_reconciliation": """
        month provider region service_name our_energy_kwh provider_energy_kwh
        our_emissions_location_g_co2e provider_emissions_location_g_co2e ratio
        provider_model_version explanation
    """,
    "fct_factors": """
        factor_table fact source_id attribute published_on recorded_on recorded_at_utc version
        zone_type provider zone year unit is_newest do_sources_differ value
    """,
    "fct_factor_freshness": """
        kind provider region newest_factor_year newest_year_used factor_age_years
        stale_after_years is_stale runs newest_source_id
    """,
    "fct_restatements": """
        month metric before after cause from_version to_version
    """,
    "fct_data_quality": """
        day source rows_in rows_landed rows_rejected runs runs_with_energy_ratio
        runs_with_cost_ratio measured_energy_ratio oldest_factor_age_years missing_reasons
    """,
}

DIMENSIONS = (
    "dim_job",
    "dim_model",
    "dim_instance_type",
    "dim_accelerator",
    "dim_region",
    "dim_factor_version",
)

COMMANDS = (
    "init",
    "demo",
    "sources",
    "ingest",
    "refresh",
    "status",
    "explain",
    "alerts",
    "factors",
    "compare",
    "evidence",
    "export",
    "collector",
    "app",
    "docs",
    "doctor",
)

VERBS = ("help", "setup", "demo", "test", "lint", "app", "docs", "bench", "clean")


def promised(mart: str) -> list[str]:
    """The promised columns of a mart, in order."""
    return MART_COLUMNS[mart].split()
