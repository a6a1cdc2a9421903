-- How sure each rung, meter and factor resolution is, as known at the as-of time. One
-- row per kind and factor key.
with
    uncertainty as (select * from {{ ref("stg_factors__uncertainty") }}),

    factors_ranked as (
        select
            *,
            row_number() over (
                partition by kind, factor_key
                order by published_on desc, recorded_at_utc desc
            ) as preference
        from uncertainty
        where {{ known_by_as_of("published_on", "recorded_on") }}
    ),

    final as (
        select kind, factor_key, log_sd, source, note
        from factors_ranked
        where preference = 1
    )

select *
from final
