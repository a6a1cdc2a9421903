-- Runs with what they used, emitted and cost, attempts and hours added up. One row per
-- run.
with
    latest_attempts as (select * from {{ ref("int_runs__latest_attempts") }}),
    totals as (select * from {{ ref("int_runs__run_totals") }}),
    costs as (select * from {{ ref("int_cost__runs") }}),
    market as (select * from {{ ref("int_runs__run_market") }}),
    embodied as (select * from {{ ref("int_carbon__run_embodied") }}),
    water as (select * from {{ ref("int_carbon__run_water") }}),

    final as (
        select
            latest_attempts.*,

            totals.started_at_utc,

            totals.duration_s,
            totals.vcpu_hours,
            totals.accelerator_hours,
            totals.allocated_cpu_s,
            totals.used_cpu_s,
            totals.it_energy_kwh,
            totals.facility_energy_kwh,
            totals.measured_energy_kwh
            / nullif(totals.it_energy_kwh, 0) as measured_energy_ratio,
            totals.emissions_location_g_co2e,
            totals.emissions_location_g_co2e
            / nullif(totals.facility_energy_kwh, 0) as grid_intensity_g_per_kwh,
            -- What used nothing emitted nothing, wherever and whenever that was.
            case
                when totals.facility_energy_kwh = 0
                then 0.0
                when totals.facility_energy_kwh is not null
                then market.emissions_market_g_co2e
            end as emissions_market_g_co2e,
            market.contract_energy_kwh
            / nullif(totals.facility_energy_kwh, 0) as contract_energy_ratio,
            embodied.emissions_embodied_g_co2e,
            water.water_l,
            water.wue_l_per_kwh,
            costs.effective_cost,
            costs.cost_currency,

            coalesce(market.market_method, 'missing') as market_method,
            market.market_source_id,
            market.market_age_years,
            totals.energy_method,
            totals.pue_ratio,
            totals.pue_resolution,
            totals.pue_source_id,
            totals.pue_year,
            totals.pue_age_years,
            totals.factor_resolution,
            totals.factor_version,
            totals.factor_source_id,
            totals.factor_age_years,
            totals.factor_accounting,
            totals.factor_basis,
            totals.factor_zone,
            totals.factor_year,
            totals.factor_published_on,
            embodied.embodied_method,
            embodied.missing_embodied_reason,
            water.water_resolution,
            water.water_source_id,
            water.wue_year,
            water.wue_age_years,
            water.missing_water_reason,
            costs.cost_method,
            costs.cost_origin,
            costs.missing_cost_reason,
            coalesce(
                totals.missing_reason,
                case
                    when totals.emissions_location_g_co2e is not null
                    then null
                    when totals.started_at_utc is null
                    then 'unknown_start'
                    when not latest_attempts.is_known_place
                    then
                        coalesce(
                            latest_attempts.region_missing_reason, 'unknown_region'
                        )
                    else 'no_grid_factor'
                end
            ) as missing_reason
        from latest_attempts
        inner join totals on latest_attempts.run_id = totals.run_id
        inner join costs on latest_attempts.run_id = costs.run_id
        left join market on latest_attempts.run_id = market.run_id
        inner join embodied on latest_attempts.run_id = embodied.run_id
        inner join water on latest_attempts.run_id = water.run_id
    )

select *
from final
