-- Which run and attempt each run is that a source tells of, and by which key two
-- sources are known to tell of the same. One row per source, run and attempt as told.
with
    identities as (select * from {{ ref("int_runs__identities") }}),

    final as (
        select
            source,
            source_run_id,
            cast(source_attempt as bigint) as source_attempt,

            run_id,
            cast(attempt as bigint) as attempt,
            key_kind as matched_by,
            key_value as matched_key
        from identities
    )

select *
from final
