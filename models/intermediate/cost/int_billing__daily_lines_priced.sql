-- The bill with the energy and location-based emissions of each kind of line. One row
-- per row of int_billing__daily_lines.
with
    lines_with_it_energy as (
        select * from {{ ref("int_billing__daily_lines_imputed") }}
    ),
    pue as (select * from {{ ref("int_carbon__pue") }}),
    intensity as (select * from {{ ref("int_carbon__daily_intensity") }}),
    market as (select * from {{ ref("int_carbon__market_yearly") }}),
    places as (select * from {{ ref("int_carbon__places") }}),

    lines_with_factors as (
        select
            lines_with_it_energy.*,
            -- Networks outside the data centre have no PUE of its own.
            case
                when energy_rule like 'network%' then 1.0 else pue.pue_ratio
            end as pue_ratio,
            intensity.intensity_g_per_kwh,
            intensity.factor_resolution,
            coalesce(
                market.intensity_g_per_kwh, intensity.intensity_g_per_kwh
            ) as market_g_per_kwh,
            places.region is not null as is_known_place
        from lines_with_it_energy
        left join
            pue
            on lines_with_it_energy.provider_code = pue.provider_code
            and lines_with_it_energy.region = pue.region
            and year(lines_with_it_energy.usage_date) = pue.year
        left join
            intensity
            on lines_with_it_energy.provider_code = intensity.provider_code
            and lines_with_it_energy.region = intensity.region
            and lines_with_it_energy.usage_date = intensity.usage_date
        left join
            market
            on lines_with_it_energy.provider_code = market.provider_code
            and lines_with_it_energy.region = market.region
            and year(lines_with_it_energy.usage_date) = market.year
        left join
            places
            on lines_with_it_energy.provider_code = places.provider_code
            and lines_with_it_energy.region = places.region
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
