-- Power of one vCPU by load: the seed's rows and those landed since, known at the as-of
-- time. One row per microarchitecture, provider scope, method, publication and
-- recording.
{% set columns = [
    "microarchitecture",
    "provider_scope",
    "method",
    "method_rank",
    "watts_basis",
    "idle_w_per_vcpu",
    "w10_per_vcpu",
    "w50_per_vcpu",
    "max_w_per_vcpu",
    "memory_gib_per_chip",
    "includes",
    "n_systems",
    "source_id",
    "published_on",
    "recorded_on",
    "note",
] %}
{% set key = [
    "microarchitecture",
    "provider_scope",
    "method",
    "source_id",
    "published_on",
] %}
with
    seed as (select * from {{ ref("cpu_power") }}),
    rows_landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_factors__cpu_power") }}
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
