-- Attempts as each source tells of them, as attempts of the runs that they are. One row
-- per run, attempt and source and run as told.
{% set columns = attempt_shape().keys() | join(", ") %}

with
    events as (select * from {{ ref("int_runs__event_attempts") }}),
    told as (select * from {{ ref("int_runs__told") }}),
    identities as (select * from {{ ref("int_runs__identities") }}),

    final as (
        select source, source_run_id, run_id, attempt, {{ columns }}
        from events
        union all
        select
            told.source,
            told.source_run_id,
            identities.run_id,
            identities.attempt,
            {{ columns }}
        from told
        inner join
            identities
            on told.source = identities.source
            and told.source_run_id = identities.source_run_id
            and told.source_attempt = identities.source_attempt
    )

select *
from final
