-- Which run and attempt each run is that a source tells of, and by which key two
-- sources
-- are known to tell of the same. One row per source, run and attempt as told.
with
    identities as (select * from {{ ref("int_runs__identities") }}),

    identities_counted as (
        select
            *,
            min(source) over (partition by run_id, attempt) as first_source,
            max(source) over (partition by run_id, attempt) as last_source
        from identities
    ),

    final as (
        select
            source,
            source_run_id,
            cast(source_attempt as bigint) as source_attempt,

            run_id,
            cast(attempt as bigint) as attempt,
            coalesce(
                key_kind, case when first_source <> last_source then 'run' end
            ) as matched_by,
            coalesce(
                key_value, case when first_source <> last_source then lower(run_id) end
            ) as matched_key
        from identities_counted
    )

select *
from final
