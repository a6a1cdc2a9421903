-- Single numbers of the embodied model: the seed's rows and those landed since, known
-- at the as-of time. One row per factor key, publication and recording.
{% set columns = [
    "factor_key",
    "value",
    "low",
    "high",
    "unit",
    "source_id",
    "published_on",
    "recorded_on",
    "note",
] %}
{% set key = [
    "factor_key",
    "published_on",
] %}
with
    seed as (select * from {{ ref("embodied_constants") }}),
    rows_landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_factors__embodied_constants") }}
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
