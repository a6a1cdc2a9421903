-- What of each run's energy and emissions depends on each source of error, and how sure
-- the source is. A run whose figure is unknown depends on nothing. One row per run and
-- source of error.
with
    parts as (select * from {{ ref("int_uncertainty__energy_parts") }}),
    attempts as (select * from {{ ref("int_energy__attempts") }}),
    resources as (select * from {{ ref("int_runs__resources") }}),
    attempt_hours as (select * from {{ ref("int_carbon__run_hours") }}),
    factors as (select * from {{ ref("int_uncertainty__factors") }}),
    totals as (select * from {{ ref("int_runs__run_totals") }}),

    dependences as (
        select
            run_id,
            'energy' as source_kind,
            factor_key,
            source_key,
            facility_energy_kwh as dependent_energy_kwh,
            emissions_location_g_co2e as dependent_g_co2e
        from parts
        union all
        -- A product depends on each of its factors with its full value.
        select
            parts.run_id,
            'pue' as source_kind,
            attempts.pue_resolution as factor_key,
            concat(
                'pue:',
                resources.provider_code,
                ':',
                -- An average over all regions is one figure, wrong for all in one go.
                case
                    when attempts.pue_resolution in ('fleet_yearly', 'tool_default')
                    then '*'
                    else resources.region
                end,
                ':',
                attempts.pue_year,
                ':',
                attempts.pue_source_id
            ) as source_key,
            parts.facility_energy_kwh as dependent_energy_kwh,
            parts.emissions_location_g_co2e as dependent_g_co2e
        from parts
        inner join attempts using (run_id, attempt)
        inner join resources using (run_id, attempt)
        where not parts.is_metered_with_cooling
        union all
        select
            run_id,
            'intensity' as source_kind,
            factor_resolution as factor_key,
            concat(
                'intensity:',
                coalesce(factor_zone, '*'),
                ':',
                factor_resolution,
                ':',
                factor_source_id,
                ':',
                coalesce(factor_version, '*')
            ) as source_key,
            0.0 as dependent_energy_kwh,
            emissions_location_g_co2e as dependent_g_co2e
        from attempt_hours
        where emissions_location_g_co2e > 0
    ),

    run_sources as (
        select
            run_id,
            source_kind,
            factor_key,
            source_key,
            {{ exact_sum("dependent_energy_kwh") }} as dependent_energy_kwh,
            {{ exact_sum("dependent_g_co2e") }} as dependent_g_co2e
        from dependences
        group by run_id, source_kind, factor_key, source_key
    ),

    run_sources_known as (
        select
            run_sources.run_id,
            run_sources.source_kind,
            run_sources.factor_key,
            run_sources.source_key,
            case
                when totals.facility_energy_kwh is not null
                then run_sources.dependent_energy_kwh
            end as dependent_energy_kwh,
            case
                when totals.emissions_location_g_co2e is not null
                then run_sources.dependent_g_co2e
            end as dependent_g_co2e
        from run_sources
        inner join totals using (run_id)
    ),

    final as (
        select
            run_sources_known.*,
            factors.log_sd,
            run_sources_known.dependent_energy_kwh * factors.log_sd as sigma_kwh,
            run_sources_known.dependent_g_co2e * factors.log_sd as sigma_g_co2e,

            factors.source as log_sd_source,
            factors.note as log_sd_note
        from run_sources_known
        left join
            factors
            on run_sources_known.source_kind = factors.kind
            and run_sources_known.factor_key = factors.factor_key
        where
            coalesce(
                run_sources_known.dependent_energy_kwh,
                run_sources_known.dependent_g_co2e
            )
            is not null
    )

select *
from final
