-- Average grid intensity that sources landed, whatever its interval. Marginal
-- intensities are left out: they never mix with averages. One row per delivery, zone,
-- accounting and interval.
with
    electricity_maps as (select * from {{ ref("stg_electricity_maps__intensity") }}),
    neso as (select * from {{ ref("stg_neso__intensity") }}),
    rte_eco2mix as (select * from {{ ref("stg_rte_eco2mix__intensity") }}),
    intensity_file as (select * from {{ ref("stg_intensity_file__intensity") }}),
    deliveries as (select * from {{ ref("stg_landing__deliveries") }}),
    intensity_sources as (select * from {{ ref("intensity_sources") }}),

    landed as (
        select *
        from electricity_maps
        union all
        select *
        from neso
        union all
        select *
        from rte_eco2mix
        union all
        select *
        from intensity_file
    ),

    final as (
        select
            landed.source_name,
            deliveries.instance,
            landed.grid_zone_id,
            landed.accounting,
            landed.from_at_utc,
            landed.to_at_utc,

            landed.basis,
            landed.is_estimated,
            landed.is_final,

            landed.intensity_g_per_kwh,
            {{ epoch_s("landed.to_at_utc") }}
            - {{ epoch_s("landed.from_at_utc") }} as interval_s,

            intensity_sources.source_rank,
            landed.source_version,
            cast(
                coalesce(landed.published_at_utc, landed.received_at_utc) as date
            ) as published_on,
            landed.received_at_utc,
            landed.delivery_id
        from landed
        inner join deliveries on landed.delivery_id = deliveries.delivery_id
        left join
            intensity_sources on landed.source_name = intensity_sources.source_name
        where landed.signal = 'average'
    )

select *
from final
