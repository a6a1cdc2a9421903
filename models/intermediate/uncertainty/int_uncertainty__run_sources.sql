-- How sure each source of error of a run is. A run whose figure is unknown depends on
-- nothing. One row per run and source of error.
with
    dependences as (select * from {{ ref("int_uncertainty__dependences") }}),
    factors as (select * from {{ ref("int_uncertainty__factors") }}),
    totals as (select * from {{ ref("int_runs__run_totals") }}),
    embodied as (select * from {{ ref("int_carbon__run_embodied") }}),

    dependences_known as (
        select
            dependences.run_id,
            dependences.source_key,
            dependences.source_kind,
            dependences.factor_key,
            case
                when totals.facility_energy_kwh is not null
                then dependences.dependent_energy_kwh
            end as dependent_energy_kwh,
            case
                when totals.emissions_location_g_co2e is not null
                then dependences.dependent_g_co2e
            end as dependent_g_co2e,
            case
                when embodied.emissions_embodied_g_co2e is not null
                then dependences.dependent_embodied_g_co2e
            end as dependent_embodied_g_co2e,
            -- Where several figures are published, the interval reaches the farthest.
            ln(
                greatest(
                    dependences.high_kg_co2e / dependences.kg_co2e,
                    dependences.kg_co2e / dependences.low_kg_co2e
                )
            )
            / {{ z_90() }} as published_log_sd,
            concat(
                'published figures, ',
                dependences.low_kg_co2e,
                ' to ',
                dependences.high_kg_co2e,
                ' kg'
            ) as published_words
        from dependences
        inner join totals using (run_id)
        left join embodied using (run_id)
    ),

    sources_known as (
        select
            *,
            case
                source_kind
                when 'embodied'
                then dependent_embodied_g_co2e
                when 'intensity'
                then dependent_g_co2e
                else dependent_energy_kwh
            end as own_dependence
        from dependences_known
    ),

    sources_judged as (
        select
            sources_known.*,
            factors.log_sd as factor_log_sd,
            factors.source as factor_words,
            factors.note as factor_note,
            coalesce(
                sources_known.published_log_sd > factors.log_sd, false
            ) as is_published
        from sources_known
        left join
            factors
            on sources_known.source_kind = factors.kind
            and sources_known.factor_key = factors.factor_key
        where sources_known.own_dependence is not null
    ),

    final as (
        select
            run_id,
            source_key,

            source_kind,
            factor_key,

            dependent_energy_kwh,
            dependent_g_co2e,
            dependent_embodied_g_co2e,
            case
                when is_published then published_log_sd else factor_log_sd
            end as log_sd,

            case
                when is_published then published_words else factor_words
            end as log_sd_source,
            case when not is_published then factor_note end as log_sd_note
        from sources_judged
    )

select
    *,
    dependent_energy_kwh * log_sd as sigma_kwh,
    dependent_g_co2e * log_sd as sigma_g_co2e,
    dependent_embodied_g_co2e * log_sd as sigma_embodied_g_co2e
from final
