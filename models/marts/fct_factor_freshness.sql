-- How old the factors of runs are: of each place the newest that its runs took, against
-- the newest year they ran in. One row per kind of factor, provider and region.
with
    run_hours as (select * from {{ ref("int_carbon__run_hours") }}),
    pue as (select * from {{ ref("int_carbon__pue") }}),
    parameters as (select * from {{ ref("int_settings__parameters") }}),

    factors_used as (
        select
            'grid_intensity' as kind,
            provider_code as provider,
            region,
            run_id,
            year(hour_start_utc) as year_used,
            factor_year,
            factor_source_id as source_id
        from run_hours
        where factor_year is not null
        union all
        select
            'pue' as kind,
            run_hours.provider_code as provider,
            run_hours.region,
            run_hours.run_id,
            pue.year as year_used,
            pue.pue_year as factor_year,
            pue.pue_source_id as source_id
        from run_hours
        inner join
            pue
            on run_hours.provider_code = pue.provider_code
            and run_hours.region = pue.region
            and year(run_hours.hour_start_utc) = pue.year
    ),

    places as (
        select
            kind,
            provider,
            region,
            count(distinct run_id) as runs,
            max(factor_year) as newest_factor_year,
            max(year_used) as newest_year_used,
            max_by(source_id, concat(factor_year, ' ', source_id)) as newest_source_id
        from factors_used
        group by kind, provider, region
    ),

    final as (
        select
            places.kind,
            places.provider,
            places.region,

            cast(places.newest_factor_year as bigint) as newest_factor_year,
            cast(places.newest_year_used as bigint) as newest_year_used,
            cast(
                places.newest_year_used - places.newest_factor_year as bigint
            ) as factor_age_years,
            parameters.stale_after_years,
            places.newest_year_used - places.newest_factor_year
            > parameters.stale_after_years as is_stale,
            cast(places.runs as bigint) as runs,

            places.newest_source_id
        from places
        cross join parameters
    )

select *
from final
