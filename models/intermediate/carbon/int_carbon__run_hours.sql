-- Facility energy and location-based emissions of attempts, hour by hour. One row per
-- run, attempt and hour.
with
    hours as (select * from {{ ref("int_runs__hours") }}),
    energy as (select * from {{ ref("int_energy__attempts") }}),
    attempts as (select * from {{ ref("int_runs__resources") }}),
    pue as (select * from {{ ref("int_carbon__pue") }}),
    intensity as (select * from {{ ref("int_carbon__intensity") }}),

    hours_powered as (
        select
            hours.run_id,
            hours.attempt,
            hours.hour_start_utc,
            attempts.provider_code,
            attempts.region,
            hours.fraction_of_attempt,
            -- Over a new year each hour has the PUE of its own.
            energy.facility_energy_kwh
            * hours.fraction_of_attempt
            * case
                when pue.pue_ratio <> energy.pue_ratio
                then pue.pue_ratio / energy.pue_ratio
                else 1.0
            end as facility_energy_kwh,
            energy.it_energy_kwh * hours.fraction_of_attempt as it_energy_kwh
        from hours
        inner join energy using (run_id, attempt)
        inner join attempts using (run_id, attempt)
        left join
            pue
            on attempts.provider_code = pue.provider_code
            and attempts.region = pue.region
            and year(hours.hour_start_utc) = pue.year
    ),

    final as (
        select
            hours_powered.run_id,
            hours_powered.attempt,
            hours_powered.hour_start_utc,
            hours_powered.provider_code,
            hours_powered.region,

            coalesce(intensity.factor_resolution, 'missing') as factor_resolution,
            intensity.factor_zone,
            intensity.factor_year,
            intensity.factor_accounting,
            intensity.factor_basis,

            hours_powered.fraction_of_attempt,
            hours_powered.it_energy_kwh,
            hours_powered.facility_energy_kwh,
            intensity.intensity_g_per_kwh as grid_intensity_g_per_kwh,
            intensity.intensity_arithmetic,
            hours_powered.facility_energy_kwh
            * intensity.intensity_g_per_kwh as emissions_location_g_co2e,
            intensity.factor_age_years,

            intensity.factor_version,
            intensity.factor_source_id,
            intensity.factor_published_on
        from hours_powered
        left join
            intensity
            on hours_powered.provider_code = intensity.provider_code
            and hours_powered.region = intensity.region
            and hours_powered.hour_start_utc = intensity.hour_start_utc
    )

select *
from final
