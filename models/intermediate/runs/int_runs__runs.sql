-- Machine-learning runs with what they used, emitted and cost. One row per run.
with
    attempts as (select * from {{ ref("int_runs__attempts") }}),
    resources as (select * from {{ ref("int_runs__resources") }}),
    totals as (select * from {{ ref("int_runs__run_totals") }}),
    costs as (select * from {{ ref("int_cost__runs") }}),
    places as (select * from {{ ref("int_carbon__places") }}),

    attempts_ranked as (
        select
            *,
            row_number() over (partition by run_id order by attempt desc) as latest_rank
        from attempts
    ),

    final as (
        select
            latest.run_id,
            latest.source,
            latest.job_name,
            cast(latest.attempt as bigint) as attempt,
            latest.status,
            latest.owner,
            latest.team,
            latest.project,
            latest.model_name,
            latest.model_version,
            latest.dataset_name,
            latest.dataset_version,
            latest.git_commit,
            resources.provider_code as provider,
            latest.region,
            places.grid_zone_id,
            latest.instance_type,
            cast(latest.instance_count as bigint) as instance_count,
            resources.accelerator_model,
            resources.accelerators_per_instance
            * resources.accelerator_share
            * resources.instance_count as accelerator_count,

            totals.started_at_utc,
            latest.ended_at_utc,

            totals.duration_s,
            totals.vcpu_hours,
            totals.accelerator_hours,
            latest.cpu_utilization_ratio,
            latest.accelerator_utilization_ratio,

            totals.it_energy_kwh,
            totals.facility_energy_kwh,
            cast(null as double) as facility_energy_kwh_p05,
            cast(null as double) as facility_energy_kwh_p95,
            totals.energy_method,
            totals.measured_energy_kwh
            / nullif(totals.it_energy_kwh, 0) as measured_energy_ratio,
            cast(null as string) as calibration_id,
            totals.pue_ratio,

            totals.emissions_location_g_co2e,
            cast(null as double) as emissions_location_g_co2e_p05,
            cast(null as double) as emissions_location_g_co2e_p95,
            cast(null as double) as emissions_market_g_co2e,
            cast(null as double) as emissions_embodied_g_co2e,
            cast(null as double) as water_l,
            totals.emissions_location_g_co2e
            / nullif(totals.facility_energy_kwh, 0) as grid_intensity_g_per_kwh,
            totals.factor_resolution,
            totals.factor_version,
            totals.factor_source_id,
            cast(totals.factor_age_years as bigint) as factor_age_years,
            totals.factor_accounting,
            totals.factor_basis,
            case
                when resources.provider_code = 'on_premise'
                then 'scope_2'
                when resources.provider_code is not null
                then 'scope_3_category_1'
            end as ghg_scope,
            latest.workload_kind,

            costs.effective_cost,
            costs.cost_currency,
            costs.cost_method,
            costs.cost_method in ('site_rate', 'list_price') as is_imputed,
            coalesce(
                totals.missing_reason,
                case
                    when totals.emissions_location_g_co2e is null
                    then
                        case
                            when totals.started_at_utc is null
                            then 'unknown_start'
                            when places.region is null
                            then 'unknown_region'
                            else 'no_grid_factor'
                        end
                end
            ) as missing_reason,

            latest.workload_environment,
            latest.pipeline,
            latest.step,
            latest.zone,
            latest.resource_id,
            nullif(resources.site_name, '') as site_name,
            resources.hardware_class,
            totals.allocated_cpu_s,
            totals.used_cpu_s,
            totals.used_cpu_s / 3600.0 as cpu_used_core_hours,
            totals.pue_resolution,
            totals.pue_source_id,
            cast(totals.pue_year as bigint) as pue_year,
            cast(totals.pue_age_years as bigint) as pue_age_years,
            totals.factor_zone,
            cast(totals.factor_year as bigint) as factor_year,
            totals.factor_published_on,
            costs.cost_origin,
            costs.missing_cost_reason,
            latest.source_file,
            latest.source_row,
            latest.delivery_id,
            latest.received_at_utc
        from attempts_ranked as latest
        inner join
            resources
            on latest.run_id = resources.run_id
            and latest.attempt = resources.attempt
        inner join totals on latest.run_id = totals.run_id
        inner join costs on latest.run_id = costs.run_id
        left join
            places
            on resources.provider_code = places.provider_code
            and latest.region = places.region
        where latest.latest_rank = 1
    )

select *
from final
