-- What to change, with what it would save. One row per recommendation. Typed and empty
-- until its work is done.
{{
    empty_mart(
        [
            ("recommendation_id", "string"),
            ("kind", "string"),
            ("scope_type", "string"),
            ("scope_id", "string"),
            ("owner", "string"),
            ("saving_g_co2e", "double"),
            ("saving_g_co2e_p05", "double"),
            ("saving_g_co2e_p95", "double"),
            ("saving_cost", "double"),
            ("assumptions", "string"),
            ("evidence", "string"),
            ("state", "string"),
            ("realised_saving_g_co2e", "double"),
        ]
    )
}}
