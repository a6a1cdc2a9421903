-- Sources of error of each run's figures. One row per run and source of error. Typed
-- and empty until its work is done.
{{
    empty_mart(
        [
            ("run_id", "string"),
            ("source_key", "string"),
            ("sigma_kwh", "double"),
            ("sigma_g_co2e", "double"),
        ]
    )
}}
