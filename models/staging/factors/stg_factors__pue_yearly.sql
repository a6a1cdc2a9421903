-- Yearly power and water usage effectiveness: the seed's rows and those landed since,
-- known at the as-of time. One row per provider, region, start, resolution, source,
-- publication and recording.
{% set columns = [
    "provider_code",
    "region",
    "year",
    "valid_from",
    "valid_to",
    "pue_ratio",
    "wue_l_per_kwh",
    "pue_resolution",
    "resolution_rank",
    "source_id",
    "published_on",
    "recorded_on",
    "note",
] %}
{% set key = [
    "provider_code",
    "region",
    "valid_from",
    "pue_resolution",
    "source_id",
    "published_on",
] %}
with
    seed as (select * from {{ ref("pue_yearly") }}),
    rows_landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_factors__pue_yearly") }}
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
