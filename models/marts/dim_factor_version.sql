-- Versions of the factor tables known at the as-of time, and whether a figure of a run
-- rests on them. One row per factor table, source, version and dates.
with
    versions as (select * from {{ ref("int_factors__versions") }}),
    factors as (select * from {{ ref("int_factors__values") }}),
    used as (select * from {{ ref("int_factors__used") }}),
    sources as (select * from {{ ref("sources") }}),

    versions_used as (
        select
            factors.factor_table,
            factors.source_id,
            factors.version,
            factors.published_on,
            factors.recorded_on,
            -- Where no model says which rows it took, nobody knows.
            max(
                case when factors.used_as is not null then 0 end
            ) as is_known_whether_used,
            max(case when used.used_as is not null then 1 else 0 end) as is_used
        from factors
        left join
            used
            on factors.factor_table = used.factor_table
            and factors.used_as = used.used_as
            and factors.source_id = coalesce(used.source_id, factors.source_id)
            and factors.is_newest
        group by
            factors.factor_table,
            factors.source_id,
            factors.version,
            factors.published_on,
            factors.recorded_on
    ),

    final as (
        select
            versions.factor_table,
            versions.source_id,
            versions.version,

            versions.published_on,
            versions.recorded_on,

            sources.title as source_title,
            sources.licence,

            cast(versions.factor_rows as bigint) as factor_rows,
            cast(versions.rows_not_superseded as bigint) as rows_not_superseded,
            cast(versions.newest_year as bigint) as newest_year,
            cast(versions.factor_age_years as bigint) as factor_age_years,
            versions_used.is_known_whether_used + versions_used.is_used > 0 as is_in_use
        from versions
        left join
            versions_used
            on versions.factor_table = versions_used.factor_table
            and versions.source_id = versions_used.source_id
            and coalesce(versions.version, '') = coalesce(versions_used.version, '')
            and versions.published_on = versions_used.published_on
            and versions.recorded_on = versions_used.recorded_on
        left join sources on versions.source_id = sources.source_id
    )

select *
from final
