-- Runs of events that the agent of a host tells of, from outside: pods and jobs, whole.
-- One row per run.
with
    tags as (select * from {{ ref("int_runs__tags_told") }}),

    final as (
        select source, source_run_id
        from tags
        where
            source = 'run_events'
            and tag_key = 'hook'
            and tag_value = 'carbon-hook agent'
        group by source, source_run_id
    )

select *
from final
