-- Versions of the factor tables known at the as-of time, what they hold and how much of
-- it no later version replaced. One row per factor table, source, version and dates.
with
    factors as (select * from {{ ref("int_factors__values") }}),

    facts as (
        select
            factor_table,
            source_id,
            version,
            published_on,
            recorded_on,
            fact,
            max(year) as year,
            max(case when is_newest then 1 else 0 end) as is_newest
        from factors
        group by factor_table, source_id, version, published_on, recorded_on, fact
    ),

    final as (
        select
            factor_table,
            source_id,
            version,

            published_on,
            recorded_on,

            max(year) as newest_year,
            count(*) as factor_rows,
            sum(is_newest) as rows_not_superseded,
            year({{ as_of() }})
            - coalesce(max(year), year(published_on)) as factor_age_years
        from facts
        group by factor_table, source_id, version, published_on, recorded_on
    )

select *
from final
