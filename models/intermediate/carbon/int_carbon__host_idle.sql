-- Idle energy of known hosts and what it emits, by the place's own factors. One row per
-- host and hour.
with
    idle as (select * from {{ ref("int_energy__host_idle") }}),
    hosts as (select * from {{ ref("int_energy__hosts") }}),
    pue as (select * from {{ ref("int_carbon__pue") }}),
    intensity as (select * from {{ ref("int_carbon__intensity") }}),

    -- A sum with a hole would look like a saving.
    hours as (
        select
            host_number,
            hour_start_utc,
            case
                when count(it_energy_kwh) = count(*)
                then {{ exact_sum("it_energy_kwh") }}
            end as it_energy_kwh,
            max(missing_reason) as missing_reason
        from idle
        group by host_number, hour_start_utc
    ),

    hours_with_factors as (
        select
            hours.*,
            hosts.region,
            pue.pue_ratio,
            coalesce(intensity.factor_resolution, 'missing') as factor_resolution,
            intensity.intensity_g_per_kwh as grid_intensity_g_per_kwh
        from hours
        inner join hosts using (host_number)
        left join
            pue
            on hosts.provider_code = pue.provider_code
            and hosts.region = pue.region
            and year(hours.hour_start_utc) = pue.year
        left join
            intensity
            on hosts.provider_code = intensity.provider_code
            and hosts.region = intensity.region
            and hours.hour_start_utc = intensity.hour_start_utc
    ),

    -- Nothing times an unknown factor is nothing.
    final as (
        select
            host_number,
            hour_start_utc,

            factor_resolution,

            it_energy_kwh,
            pue_ratio,
            case
                when it_energy_kwh = 0 then 0.0 else it_energy_kwh * pue_ratio
            end as facility_energy_kwh,
            grid_intensity_g_per_kwh,
            case
                when it_energy_kwh = 0
                then 0.0
                else it_energy_kwh * pue_ratio * grid_intensity_g_per_kwh
            end as emissions_location_g_co2e,

            case
                when it_energy_kwh is null
                then missing_reason
                when it_energy_kwh = 0
                then null
                when region = ''
                then 'unknown_region'
                when pue_ratio is null
                then 'no_pue'
                when grid_intensity_g_per_kwh is null
                then 'no_grid_factor'
            end as missing_reason
        from hours_with_factors
    )

select *
from final
