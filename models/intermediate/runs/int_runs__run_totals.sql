-- Totals of runs over their attempts and hours. A total is null as soon as a part is
-- unknown. One row per run.
with
    attempts as (select * from {{ ref("int_runs__resources") }}),
    times as (select * from {{ ref("int_runs__attempts") }}),
    energy as (select * from {{ ref("int_energy__attempts") }}),
    run_hours as (select * from {{ ref("int_runs__run_hours") }}),
    factors as (select * from {{ ref("int_runs__run_factors") }}),

    runs_summed as (
        select
            attempts.run_id,
            min(times.started_at_utc) as started_at_utc,
            case
                when count(energy.it_energy_kwh) = count(*)
                then {{ exact_sum("energy.it_energy_kwh") }}
            end as it_energy_kwh,
            case
                when count(energy.facility_energy_kwh) = count(*)
                then {{ exact_sum("energy.facility_energy_kwh") }}
            end as facility_energy_kwh,
            coalesce(
                {{ exact_sum("energy.measured_energy_kwh") }}, 0.0
            ) as measured_energy_kwh,
            min(energy.missing_reason) as missing_reason,
            {{ exact_sum("times.duration_s") }} as duration_s,
            {{ exact_sum("times.used_cpu_s") }} as used_cpu_s,
            {{ exact_sum("times.allocated_cpu_s") }} as allocated_cpu_s,
            {{
                exact_sum(
                    "attempts.vcpus_per_instance * attempts.instance_count * attempts.duration_hours"
                )
            }}
            as vcpu_hours,
            {{
                exact_sum(
                    "attempts.accelerators_per_instance * attempts.accelerator_share * attempts.instance_count * attempts.duration_hours"
                )
            }}
            as accelerator_hours
        from attempts
        inner join times using (run_id, attempt)
        inner join energy using (run_id, attempt)
        group by attempts.run_id
    ),

    -- The rung that carries the largest share.
    methods_ranked as (
        select
            energy.run_id,
            energy.energy_method,
            energy.pue_resolution,
            energy.pue_ratio,
            energy.pue_year,
            energy.pue_age_years,
            energy.pue_source_id,
            row_number() over (
                partition by energy.run_id
                order by energy.facility_energy_kwh desc nulls last, energy.attempt desc
            ) as share_rank
        from energy
    ),

    hours_summed as (
        select
            run_id,
            case
                when count(emissions_location_g_co2e) = count(*)
                then {{ exact_sum("emissions_location_g_co2e") }}
            end as emissions_location_g_co2e
        from run_hours
        group by run_id
    ),

    final as (
        select
            runs_summed.*,
            case
                when runs_summed.facility_energy_kwh = 0
                then 0.0
                when runs_summed.facility_energy_kwh is null
                then null
                else hours_summed.emissions_location_g_co2e
            end as emissions_location_g_co2e,

            case
                when
                    runs_summed.it_energy_kwh is null
                    and runs_summed.facility_energy_kwh is null
                then 'missing'
                else methods_ranked.energy_method
            end as energy_method,
            methods_ranked.pue_resolution,
            methods_ranked.pue_ratio,
            methods_ranked.pue_year,
            methods_ranked.pue_age_years,
            methods_ranked.pue_source_id,

            coalesce(factors.factor_resolution, 'missing') as factor_resolution,
            factors.factor_zone,
            factors.factor_year,
            factors.factor_accounting,
            factors.factor_basis,
            factors.factor_age_years,
            factors.factor_version,
            factors.factor_source_id,
            factors.factor_published_on
        from runs_summed
        left join hours_summed on runs_summed.run_id = hours_summed.run_id
        left join
            methods_ranked
            on runs_summed.run_id = methods_ranked.run_id
            and methods_ranked.share_rank = 1
        left join factors on runs_summed.run_id = factors.run_id
    )

select *
from final
