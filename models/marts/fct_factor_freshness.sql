-- How old the factors of runs are: of each place the newest that its runs took, against
-- the newest year they ran in. One row per kind of factor, provider and region.
with
    run_hours as (select * from {{ ref("int_carbon__run_hours") }}),
    attempts as (select * from {{ ref("int_energy__attempts") }}),
    times as (select * from {{ ref("int_runs__attempts") }}),
    resources as (select * from {{ ref("int_runs__resources") }}),
    parameters as (select * from {{ ref("int_settings__parameters") }}),

    factors_used as (
        select
            'grid_intensity' as kind,
            run_id,
            attempt,
            factor_year,
            year(hour_start_utc) as year_used,
            factor_source_id as source_id
        from run_hours
        where factor_year is not null
        union all
        select
            'pue' as kind,
            attempts.run_id,
            attempts.attempt,
            attempts.pue_year as factor_year,
            year(times.started_at_utc) as year_used,
            attempts.pue_source_id as source_id
        from attempts
        inner join times using (run_id, attempt)
        where attempts.pue_year is not null
    ),

    places as (
        select
            factors_used.kind,
            resources.provider_code as provider,
            resources.region,
            count(distinct factors_used.run_id) as runs,
            max(factors_used.factor_year) as newest_factor_year,
            max(factors_used.year_used) as newest_year_used,
            max_by(
                factors_used.source_id,
                concat(factors_used.factor_year, ' ', factors_used.source_id)
            ) as newest_source_id
        from factors_used
        inner join resources using (run_id, attempt)
        group by factors_used.kind, resources.provider_code, resources.region
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
