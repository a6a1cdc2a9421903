-- Market-based intensity by provider and residual mix: the seed's rows and those landed
-- since, known at the as-of time. One row per zone type, provider, zone, year,
-- instrument, source, publication and recording.
{% set columns = [
    "zone_type",
    "provider_code",
    "zone_id",
    "year",
    "valid_from",
    "valid_to",
    "instrument",
    "intensity_g_per_kwh",
    "accounting",
    "source_id",
    "published_on",
    "recorded_on",
    "version",
    "note",
] %}
{% set key = [
    "zone_type",
    "provider_code",
    "zone_id",
    "year",
    "instrument",
    "source_id",
    "published_on",
] %}
with
    seed as (select * from {{ ref("market_intensity_yearly") }}),
    rows_landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_factors__market_intensity_yearly") }}
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
