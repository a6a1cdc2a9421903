-- Every number of every factor table known at the as-of time, in all its versions, the
-- newest marked. One row per factor table, fact, source, attribute, publication and
-- recording.
with
    factors as (select * from {{ ref("int_factors__values") }}),

    final as (
        select
            factor_table,
            fact,
            source_id,
            attribute,
            published_on,
            recorded_on,

            recorded_at_utc,

            version,
            zone_type,
            provider_code as provider,
            zone,
            year,
            unit,
            is_newest,
            do_sources_differ,

            value
        from factors
        where value is not null
    )

select *
from final
