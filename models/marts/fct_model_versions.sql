-- Model versions with what they took and what they are worth. One row per model version
-- and KPI. Typed and empty until its work is done.
{{
    empty_mart(
        [
            ("model_name", "string"),
            ("model_version", "string"),
            ("first_run_at_utc", "timestamp"),
            ("runs", "bigint"),
            ("facility_energy_kwh", "double"),
            ("emissions_location_g_co2e", "double"),
            ("emissions_embodied_g_co2e", "double"),
            ("effective_cost", "double"),
            ("kpi_name", "string"),
            ("kpi_value", "double"),
            ("kpi_unit", "string"),
            ("kpi_direction", "string"),
            ("sci_g_co2e_per_unit", "double"),
            ("cost_per_unit", "double"),
            ("marginal_g_co2e_per_kpi", "double"),
            ("is_pareto_optimal", "boolean"),
            ("wasted_energy_kwh", "double"),
        ]
    )
}}
