-- How KPIs go with cost, carbon, energy and time. One row per scope, KPI and quantity.
-- Typed and empty until its work is done.
{{
    empty_mart(
        [
            ("scope_type", "string"),
            ("scope_id", "string"),
            ("kpi_name", "string"),
            ("against", "string"),
            ("n", "bigint"),
            ("pearson_r", "double"),
            ("pearson_r_low", "double"),
            ("pearson_r_high", "double"),
            ("spearman_r", "double"),
            ("spearman_r_low", "double"),
            ("spearman_r_high", "double"),
        ]
    )
}}
