-- Copies that a storage service keeps of each byte: the seed's rows and those landed
-- since, known at the as-of time. One row per provider, service pattern, usage pattern,
-- publication and recording.
{% set columns = [
    "provider_code",
    "service_like",
    "usage_type_like",
    "copies",
    "source_id",
    "published_on",
    "recorded_on",
    "note",
] %}
{% set key = ["provider_code", "service_like", "usage_type_like", "published_on"] %}
with
    seed as (select * from {{ ref("replication_factors") }}),
    rows_landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_factors__replication_factors") }}
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
