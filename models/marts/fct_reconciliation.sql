-- Our figures beside those the providers report. One row per month, provider, region
-- and service. Typed and empty until its work is done.
{{
    empty_mart(
        [
            ("month", "date"),
            ("provider", "string"),
            ("region", "string"),
            ("service_name", "string"),
            ("our_energy_kwh", "double"),
            ("provider_energy_kwh", "double"),
            ("our_emissions_location_g_co2e", "double"),
            ("provider_emissions_location_g_co2e", "double"),
            ("ratio", "double"),
            ("provider_model_version", "string"),
            ("explanation", "string"),
        ]
    )
}}
