-- Calibrations of the power model against meters. One row per calibration. Typed and
-- empty until its work is done.
{{
    empty_mart(
        [
            ("calibration_id", "string"),
            ("key_level", "string"),
            ("key", "string"),
            ("component", "string"),
            ("form", "string"),
            ("scale", "double"),
            ("constant_w", "double"),
            ("sqrt_w", "double"),
            ("runs", "bigint"),
            ("jobs", "bigint"),
            ("mape_before", "double"),
            ("mape_after", "double"),
            ("wape_before", "double"),
            ("wape_after", "double"),
            ("bias_before", "double"),
            ("bias_after", "double"),
            ("interval_coverage_ratio", "double"),
            ("is_applied", "boolean"),
            ("reason", "string"),
            ("fitted_as_of", "timestamp"),
        ]
    )
}}
