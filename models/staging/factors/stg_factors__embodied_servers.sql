-- Manufacture of servers without their accelerators: the seed's rows and those landed
-- since, known at the as-of time. One row per provider, family, size of the host,
-- instance type, method, publication and recording.
{% set columns = [
    "provider_code",
    "family",
    "platform_vcpus",
    "instance_type",
    "method",
    "method_rank",
    "server_kg_co2e",
    "low_kg_co2e",
    "high_kg_co2e",
    "lifetime_years",
    "source_id",
    "published_on",
    "recorded_on",
    "note",
] %}
{% set key = [
    "provider_code",
    "family",
    "platform_vcpus",
    "instance_type",
    "method",
    "published_on",
] %}
with
    seed as (select * from {{ ref("embodied_servers") }}),
    rows_landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_factors__embodied_servers") }}
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
