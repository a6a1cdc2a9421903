-- Constants of the power model known at the as-of time: the newest version of each. One
-- row per factor key.
with
    constants as (select * from {{ ref("stg_factors__power_constants") }}),

    versions_ranked as (
        select
            *,
            row_number() over (
                partition by factor_key
                order by published_on desc, recorded_at_utc desc, source_id
            ) as newest_rank
        from constants
        where {{ known_by_as_of("published_on", "recorded_on") }}
    ),

    final as (select * from versions_ranked where newest_rank = 1)

select *
from final
