-- What of each run's energy, emissions and manufacture depends on each source of error.
-- One row per run and source of error.
with
    parts as (select * from {{ ref("int_uncertainty__energy_parts") }}),
    attempts as (select * from {{ ref("int_energy__attempts") }}),
    resources as (select * from {{ ref("int_runs__resources") }}),
    attempt_hours as (select * from {{ ref("int_carbon__run_hours") }}),
    embodied as (select * from {{ ref("int_carbon__embodied") }}),

    dependences as (
        select
            run_id,
            'energy' as source_kind,
            factor_key,
            source_key,
            facility_energy_kwh as dependent_energy_kwh,
            emissions_location_g_co2e as dependent_g_co2e,
            0.0 as dependent_embodied_g_co2e,
            cast(null as double) as low_kg_co2e,
            cast(null as double) as kg_co2e,
            cast(null as double) as high_kg_co2e
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
            parts.emissions_location_g_co2e as dependent_g_co2e,
            0.0 as dependent_embodied_g_co2e,
            cast(null as double) as low_kg_co2e,
            cast(null as double) as kg_co2e,
            cast(null as double) as high_kg_co2e
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
            emissions_location_g_co2e as dependent_g_co2e,
            0.0 as dependent_embodied_g_co2e,
            cast(null as double) as low_kg_co2e,
            cast(null as double) as kg_co2e,
            cast(null as double) as high_kg_co2e
        from attempt_hours
        where emissions_location_g_co2e > 0
        union all
        select
            run_id,
            'embodied' as source_kind,
            uncertainty_key as factor_key,
            concat('embodied:', part, ':', factor_key) as source_key,
            0.0 as dependent_energy_kwh,
            0.0 as dependent_g_co2e,
            emissions_embodied_g_co2e as dependent_embodied_g_co2e,
            low_kg_co2e,
            kg_co2e,
            high_kg_co2e
        from embodied
        where emissions_embodied_g_co2e > 0
    ),

    final as (
        select
            run_id,
            source_key,

            source_kind,
            factor_key,

            {{ exact_sum("dependent_energy_kwh") }} as dependent_energy_kwh,
            {{ exact_sum("dependent_g_co2e") }} as dependent_g_co2e,
            {{ exact_sum("dependent_embodied_g_co2e") }} as dependent_embodied_g_co2e,
            max(low_kg_co2e) as low_kg_co2e,
            max(kg_co2e) as kg_co2e,
            max(high_kg_co2e) as high_kg_co2e
        from dependences
        group by run_id, source_kind, factor_key, source_key
    )

select *
from final
