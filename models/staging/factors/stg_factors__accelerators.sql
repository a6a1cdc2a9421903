-- Accelerator models with power and embodied carbon: the seed's rows and those landed
-- since, known at the as-of time. One row per accelerator model, publication and
-- recording.
{% set columns = [
    "accelerator_model",
    "vendor",
    "kind",
    "memory_gib",
    "idle_w",
    "idle_basis",
    "max_w",
    "max_basis",
    "training_power_fraction",
    "training_power_fraction_low",
    "training_power_fraction_high",
    "embodied_kg_co2e",
    "embodied_low_kg_co2e",
    "embodied_high_kg_co2e",
    "embodied_method",
    "missing_reason",
    "source_id",
    "idle_source_id",
    "training_source_id",
    "embodied_source_id",
    "published_on",
    "recorded_on",
    "version",
    "note",
] %}
{% set key = ["accelerator_model", "published_on"] %}
with
    seed as (select * from {{ ref("accelerators") }}),
    rows_landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_factors__accelerators") }}
    ),
    deliveries as (select * from {{ ref("stg_factors__deliveries") }}),

    landed as (
        select rows_landed.*, deliveries.received_at_utc
        from rows_landed
        inner join deliveries on rows_landed.delivery_id = deliveries.delivery_id
    ),

    final as ({{ factor_versions(columns, key) }})

select *
from final
