-- Yearly carbon intensity of electricity: the seed's rows and those landed since, known
-- at the as-of time. One row per zone type, provider, zone, year, source, publication
-- and recording.
{% set columns = [
    "zone_type",
    "provider_code",
    "zone_id",
    "country_iso3",
    "year",
    "valid_from",
    "valid_to",
    "intensity_g_per_kwh",
    "cfe_pct",
    "accounting",
    "basis",
    "source_id",
    "source_rank",
    "factor_resolution",
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
    "source_id",
    "published_on",
] %}
with
    seed as (select * from {{ ref("grid_intensity_yearly") }}),
    rows_landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_factors__grid_intensity_yearly") }}
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
