-- The bill with the energy and emissions of each kind of line. One row per row of
-- int_billing__daily_lines.
{{ config(materialized="view") }}
with
    lines_with_it_energy as (
        select * from {{ ref("int_billing__daily_lines_imputed") }}
    ),
    place_factors as (select * from {{ ref("int_billing__place_factors") }}),

    lines_with_factors as (
        select
            lines_with_it_energy.*,
            -- Networks outside the data centre have no PUE of its own.
            case
                when lines_with_it_energy.energy_rule like 'network%'
                then 1.0
                else place_factors.pue_ratio
            end as pue_ratio,
            place_factors.intensity_g_per_kwh,
            place_factors.market_g_per_kwh,
            place_factors.factor_resolution,
            coalesce(place_factors.is_known_place, false) as is_known_place
        from lines_with_it_energy
        left join
            place_factors
            on lines_with_it_energy.provider_code = place_factors.provider_code
            and lines_with_it_energy.region = place_factors.region
            and lines_with_it_energy.usage_date = place_factors.usage_date
    ),

    final as (
        select
            *,
            it_energy_kwh * pue_ratio as facility_energy_kwh,
            it_energy_kwh
            * pue_ratio
            * intensity_g_per_kwh as emissions_location_g_co2e,
            it_energy_kwh * pue_ratio * market_g_per_kwh as emissions_market_g_co2e,
            case
                when it_energy_kwh is null
                then energy_gap_reason
                when not is_known_place
                then coalesce(region_missing_reason, 'unknown_region')
                when pue_ratio is null
                then 'no_pue'
                when intensity_g_per_kwh is null
                then 'no_grid_factor'
            end as missing_reason
        from lines_with_factors
    )

select *
from final
