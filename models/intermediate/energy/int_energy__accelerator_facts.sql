-- What is known of each accelerator at the as-of time: its newest version. One row per
-- accelerator model.
with
    accelerators as (select * from {{ ref("stg_factors__accelerators") }}),

    versions_ranked as (
        select
            *,
            row_number() over (
                partition by accelerator_model
                order by published_on desc, recorded_at_utc desc, source_id
            ) as newest_rank
        from accelerators
        where {{ known_by_as_of("published_on", "recorded_on") }}
    ),

    final as (select * from versions_ranked where newest_rank = 1)

select *
from final
