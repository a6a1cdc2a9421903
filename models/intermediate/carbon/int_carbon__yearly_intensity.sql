-- The yearly part of the factor ladder. The rung goes first, then the nearest year not
-- after the one asked for, then the newest version known at the as-of time. One row per
-- provider, region and year.
with
    candidates as (select * from {{ ref("int_carbon__intensity_candidates") }}),

    factors_ranked as (
        select
            *,
            row_number() over (
                partition by provider_code, region, year
                order by
                    source_rank,
                    factor_year desc,
                    factor_published_on desc,
                    factor_recorded_at_utc desc,
                    factor_source_id
            ) as preference
        from candidates
    ),

    final as (
        select
            provider_code,
            region,
            year,

            factor_resolution,
            factor_zone,
            factor_year,
            factor_accounting,
            factor_basis,

            intensity_g_per_kwh,
            year - factor_year as factor_age_years,

            factor_version,
            factor_source_id,
            factor_published_on
        from factors_ranked
        where preference = 1
    )

select *
from final
