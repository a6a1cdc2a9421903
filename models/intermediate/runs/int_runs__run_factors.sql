-- The grid factor that carries the largest share of a run's energy. One row per run.
with
    run_hours as (select * from {{ ref("int_runs__run_hours") }}),

    factors_summed as (
        select
            run_id,
            factor_resolution,
            factor_zone,
            factor_year,
            factor_accounting,
            factor_basis,
            factor_age_years,
            factor_version,
            factor_source_id,
            max(factor_published_on) as factor_published_on,
            {{ exact_sum("facility_energy_kwh") }} as facility_energy_kwh,
            min(hour_start_utc) as first_hour_utc
        from run_hours
        group by
            run_id,
            factor_resolution,
            factor_zone,
            factor_year,
            factor_accounting,
            factor_basis,
            factor_age_years,
            factor_version,
            factor_source_id
    ),

    factors_ranked as (
        select
            *,
            row_number() over (
                partition by run_id
                order by
                    facility_energy_kwh desc nulls last,
                    first_hour_utc,
                    factor_version,
                    factor_source_id
            ) as share_rank
        from factors_summed
    ),

    final as (
        select
            run_id,

            factor_resolution,
            factor_zone,
            factor_year,
            factor_accounting,
            factor_basis,

            factor_age_years,

            factor_version,
            factor_source_id,
            factor_published_on
        from factors_ranked
        where share_rank = 1
    )

select *
from final
