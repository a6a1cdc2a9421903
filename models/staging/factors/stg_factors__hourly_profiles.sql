-- Typical shape of the hours of a day, by grid zone and month: the seed's rows and
-- those landed since, known at the as-of time. One row per grid zone, month, local
-- hour, year, source, publication and recording.
{% set columns = [
    "grid_zone_id",
    "timezone_name",
    "month",
    "hour_local",
    "intensity_ratio",
    "profile_year",
    "source_id",
    "published_on",
    "recorded_on",
] %}
{% set key = [
    "grid_zone_id",
    "month",
    "hour_local",
    "profile_year",
    "source_id",
    "published_on",
] %}
with
    seed as (select * from {{ ref("hourly_profiles") }}),
    rows_landed as (
        select *, {{ delivery_id_of_file() }} as delivery_id
        from {{ source("landing", "_factors__hourly_profiles") }}
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
