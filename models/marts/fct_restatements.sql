-- What changed in published months, and why. One row per month, metric, cause and pair
-- of versions. Typed and empty until its work is done.
{{
    empty_mart(
        [
            ("month", "date"),
            ("metric", "string"),
            ("before", "double"),
            ("after", "double"),
            ("cause", "string"),
            ("from_version", "string"),
            ("to_version", "string"),
        ]
    )
}}
