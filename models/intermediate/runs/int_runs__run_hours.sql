-- Hours of runs, their attempts added up. One row per run and hour.
with
    located_hours as (select * from {{ ref("int_carbon__run_hours") }}),
    market as (select * from {{ ref("int_carbon__market_intensity") }}),
    attempts as (select * from {{ ref("int_runs__resources") }}),

    attempt_hours as (
        select
            located_hours.*,
            market.market_method,
            market.market_source_id,
            market.market_age_years,
            located_hours.facility_energy_kwh
            * market.contract_ratio as contract_energy_kwh,
            located_hours.facility_energy_kwh
            * market.market_intensity_g_per_kwh as emissions_market_g_co2e
        from located_hours
        left join
            market
            on located_hours.provider_code = market.provider_code
            and located_hours.region = market.region
            and located_hours.hour_start_utc = market.hour_start_utc
    ),

    -- An attempt that took no time counts as a second, as its one hour does.
    attempt_weights as (
        select
            run_id,
            attempt,
            case
                when duration_hours > 0 then duration_hours else 1 / 3600.0
            end as weight
        from attempts
    ),

    run_weights as (
        select
            attempt_weights.run_id, {{ exact_sum("attempt_weights.weight") }} as weight
        from attempt_weights
        inner join
            (
                select run_id, attempt from attempt_hours group by run_id, attempt
            ) as timed
            on attempt_weights.run_id = timed.run_id
            and attempt_weights.attempt = timed.attempt
        group by attempt_weights.run_id
    ),

    final as (
        select
            attempt_hours.run_id,
            attempt_hours.hour_start_utc,

            -- Place and hour fix the factor; only an attempt that moved could have
            -- another.
            min(attempt_hours.factor_resolution) as factor_resolution,
            min(attempt_hours.factor_zone) as factor_zone,
            min(attempt_hours.factor_year) as factor_year,
            min(attempt_hours.factor_accounting) as factor_accounting,
            min(attempt_hours.factor_basis) as factor_basis,
            min(attempt_hours.intensity_arithmetic) as intensity_arithmetic,

            {{
                exact_sum(
                    "attempt_hours.fraction_of_attempt * attempt_weights.weight / run_weights.weight"
                )
            }}
            as fraction_of_run,
            -- An unknown part makes the hour unknown.
            case
                when count(attempt_hours.facility_energy_kwh) = count(*)
                then {{ exact_sum("attempt_hours.facility_energy_kwh") }}
            end as facility_energy_kwh,
            case
                when count(attempt_hours.emissions_location_g_co2e) = count(*)
                then {{ exact_sum("attempt_hours.emissions_location_g_co2e") }}
            end as emissions_location_g_co2e,
            case
                when count(attempt_hours.emissions_market_g_co2e) = count(*)
                then {{ exact_sum("attempt_hours.emissions_market_g_co2e") }}
            end as emissions_market_g_co2e,
            {{ exact_sum("attempt_hours.contract_energy_kwh") }} as contract_energy_kwh,
            min(attempt_hours.grid_intensity_g_per_kwh) as lowest_g_per_kwh,
            max(attempt_hours.grid_intensity_g_per_kwh) as highest_g_per_kwh,
            max(attempt_hours.factor_age_years) as factor_age_years,

            min(attempt_hours.market_method) as market_method,
            min(attempt_hours.market_source_id) as market_source_id,
            max(attempt_hours.market_age_years) as market_age_years,
            min(attempt_hours.factor_version) as factor_version,
            min(attempt_hours.factor_source_id) as factor_source_id,
            min(attempt_hours.factor_published_on) as factor_published_on
        from attempt_hours
        inner join attempt_weights using (run_id, attempt)
        inner join run_weights on attempt_hours.run_id = run_weights.run_id
        group by attempt_hours.run_id, attempt_hours.hour_start_utc
    )

select
    *,
    case
        when lowest_g_per_kwh = highest_g_per_kwh
        then lowest_g_per_kwh
        else emissions_location_g_co2e / nullif(facility_energy_kwh, 0)
    end as grid_intensity_g_per_kwh
from final
