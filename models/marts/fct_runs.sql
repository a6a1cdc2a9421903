-- Machine-learning runs with what they used, emitted and cost. One row per run.
with
    runs as (select * from {{ ref("int_runs__runs") }}),
    intervals as (select * from {{ ref("int_uncertainty__runs") }}),
    calibrations as (select * from {{ ref("int_energy__run_calibrations") }}),

    final as (
        select
            run_id,
            source,
            job_name,
            cast(attempt as bigint) as attempt,
            status,
            owner,
            team,
            project,
            model_name,
            model_version,
            dataset_name,
            dataset_version,
            git_commit,
            provider,
            region,
            grid_zone_id,
            instance_type,
            cast(instance_count as bigint) as instance_count,
            accelerator_model,
            accelerator_count,

            started_at_utc,
            ended_at_utc,

            duration_s,
            vcpu_hours,
            accelerator_hours,
            cpu_utilization_ratio,
            accelerator_utilization_ratio,

            it_energy_kwh,
            facility_energy_kwh,
            facility_energy_kwh_p05,
            facility_energy_kwh_p95,
            energy_method,
            measured_energy_ratio,
            calibrations.calibration_id,
            pue_ratio,

            emissions_location_g_co2e,
            emissions_location_g_co2e_p05,
            emissions_location_g_co2e_p95,
            emissions_market_g_co2e,
            emissions_embodied_g_co2e,
            water_l,
            grid_intensity_g_per_kwh,
            factor_resolution,
            factor_version,
            factor_source_id,
            cast(factor_age_years as bigint) as factor_age_years,
            factor_accounting,
            factor_basis,
            case
                when provider = 'on_premise'
                then 'scope_2'
                when provider is not null
                then 'scope_3_category_1'
            end as ghg_scope,
            workload_kind,

            effective_cost,
            cost_currency,
            cost_method,
            cost_method in ('site_rate', 'list_price') as is_imputed,
            missing_reason,

            workload_environment,
            pipeline,
            step,
            zone,
            resource_id,
            site_name,
            hardware_class,
            allocated_cpu_s,
            used_cpu_s,
            used_cpu_s / 3600.0 as cpu_used_core_hours,
            pue_resolution,
            pue_source_id,
            cast(pue_year as bigint) as pue_year,
            cast(pue_age_years as bigint) as pue_age_years,
            factor_zone,
            cast(factor_year as bigint) as factor_year,
            factor_published_on,
            market_method,
            market_source_id,
            cast(market_age_years as bigint) as market_age_years,
            contract_energy_ratio,
            emissions_embodied_g_co2e_p05,
            emissions_embodied_g_co2e_p95,
            embodied_method,
            missing_embodied_reason,
            wue_l_per_kwh,
            water_resolution,
            water_source_id,
            cast(wue_year as bigint) as wue_year,
            cast(wue_age_years as bigint) as wue_age_years,
            missing_water_reason,
            cost_origin,
            missing_cost_reason,
            source_file,
            source_row,
            delivery_id,
            received_at_utc
        from runs
        inner join intervals using (run_id)
        left join calibrations using (run_id)
    )

select *
from final
